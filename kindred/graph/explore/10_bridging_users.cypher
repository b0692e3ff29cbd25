// Who likes products of both of two categories?
// reads: the neighbourhood of a category
// parameters:
//   first: string, e.g. Music - id of a category
//   second: string, e.g. Kitchen - id of another category
//   least_rating: number = 4 - stars from which a review counts as liking
//   limit: integer = 20 - rows at most
// columns:
//   user: string - who bridges the two
//   in_first: integer - products they like in the first
//   in_second: integer - products they like in the second
//   bridge: integer - the smaller of the two numbers

MATCH (c:Category {id: $first})<-[:IN_CATEGORY]-(p:Product)<-[r:REVIEWED]-(u:User)
WHERE r.rating >= $least_rating
WITH u, count(DISTINCT p.id) AS in_first
MATCH (u)-[s:REVIEWED]->(q:Product)-[:IN_CATEGORY]->(d:Category)
WHERE s.rating >= $least_rating AND d.id = $second
WITH u, in_first, count(DISTINCT q.id) AS in_second
RETURN u.id AS user, in_first, in_second, CASE WHEN in_first < in_second THEN in_first ELSE in_second END AS bridge
ORDER BY bridge DESC, in_first + in_second DESC, user
LIMIT $limit
