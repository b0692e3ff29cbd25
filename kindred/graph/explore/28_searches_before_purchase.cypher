// Which of a user's searches led to what the user then bought?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   days: integer = 30 - days after the search in which a purchase counts
//   limit: integer = 20 - rows at most
// columns:
//   searched_at: date - day of the search
//   query: string - what was searched
//   product: string - what was bought
//   bought_at: date - day of the purchase

MATCH (u:User {id: $user})-[s:SEARCHED]->(q:Query)-[:LED_TO]->(p:Product)<-[b:BOUGHT]-(v:User)
WHERE v.id = u.id AND b.action = 'purchase' AND b.at >= s.at AND b.at <= s.at + 86400 * $days
RETURN DISTINCT s.at AS searched_at, q.id AS query, p.id AS product, b.at AS bought_at
ORDER BY bought_at DESC, searched_at DESC, query, product
LIMIT $limit
