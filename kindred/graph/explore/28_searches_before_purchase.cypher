// Which of a user's searches led to what the user then bought or put into the cart?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   days: integer = 30 - days after the search in which it counts
//   limit: integer = 20 - rows at most
// columns:
//   searched_at: date - day of the search
//   query: string - what was searched
//   product: string - what was bought or put into the cart
//   did: string - bought, or put into the cart
//   did_at: date - day of that

MATCH (u:User {id: $user})-[s:SEARCHED]->(q:Query)-[:LED_TO]->(p:Product)
UNWIND ['bought', 'put into the cart'] AS did
OPTIONAL MATCH (p)<-[b:BOUGHT]-(v:User) WHERE did = 'bought' AND v.id = u.id
OPTIONAL MATCH (p)<-[c:ADDED_TO_CART]-(w:User) WHERE did = 'put into the cart' AND w.id = u.id
WITH s, q, p, did, coalesce(b.at, c.at) AS at
WHERE at >= s.at AND at <= s.at + 86400 * $days
RETURN DISTINCT s.at AS searched_at, q.id AS query, p.id AS product, did, at AS did_at
ORDER BY did_at DESC, searched_at DESC, query, product, did
LIMIT $limit
