// How many products have how many reviews?
// reads: the whole graph
// parameters:
//   limit: integer = 100 - rows at most
// columns:
//   reviews: integer - a number of reviews
//   products: integer - products that have that many

MATCH (p:Product)
OPTIONAL MATCH (p)<-[r:REVIEWED]-(:User)
WITH p, count(r.event_id) AS reviews
RETURN reviews, count(p.id) AS products
ORDER BY reviews
LIMIT $limit
