// Which brands do people return to?
// reads: the whole graph
// parameters:
//   least_people: integer = 10 - reviewers a brand must have
//   limit: integer = 20 - rows at most
// columns:
//   brand: string - a brand
//   people: integer - its reviewers
//   returning: integer - those who reviewed two or more of its products
//   percent: number - the share that returned

MATCH (b:Brand)<-[:MADE_BY]-(p:Product)<-[:REVIEWED]-(u:User)
WITH b, u, count(DISTINCT p.id) AS products
WITH b, count(u.id) AS people, sum(CASE WHEN products >= 2 THEN 1 ELSE 0 END) AS returning
WHERE people >= $least_people
RETURN b.id AS brand, people, returning, round(1000.0 * returning / people, 0) / 10 AS percent
ORDER BY percent DESC, people DESC, brand
LIMIT $limit
