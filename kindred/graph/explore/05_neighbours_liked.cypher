// What do people with this user's taste like that the user has not reviewed?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   least_rating: number = 4 - stars from which a review counts as liking
//   limit: integer = 20 - rows at most
// columns:
//   product: string - not reviewed by the user yet
//   title: string - its title
//   neighbours: integer - people who like it and share a liked product with the user
//   paths: integer - ways from the user over a shared product and a neighbour to it

MATCH (u:User {id: $user})-[r:REVIEWED]->(p:Product)<-[s:REVIEWED]-(v:User)-[t:REVIEWED]->(q:Product)
WHERE v.id <> u.id AND r.rating >= $least_rating AND s.rating >= $least_rating AND t.rating >= $least_rating
  AND NOT EXISTS { MATCH (u)-[:REVIEWED]->(q) }
WITH q, count(t.event_id) AS paths, count(DISTINCT v.id) AS neighbours
RETURN q.id AS product, coalesce(q.title, '') AS title, neighbours, paths
ORDER BY neighbours DESC, paths DESC, product
LIMIT $limit
