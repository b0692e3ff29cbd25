// Which headlines of reviews were written more than once?
// reads: the whole graph
// parameters:
//   least_length: integer = 20 - characters a headline must have; short ones repeat by chance
//   least_reviews: integer = 2 - reviews that must share it
//   limit: integer = 20 - rows at most
// columns:
//   summary: string - the headline, in lower case
//   reviews: integer - reviews under it
//   people: integer - who wrote them
//   products: integer - products they are about

MATCH (u:User)-[r:REVIEWED]->(p:Product)
WHERE size(r.summary) >= $least_length
WITH toLower(r.summary) AS summary, count(r.event_id) AS reviews,
     count(DISTINCT u.id) AS people, count(DISTINCT p.id) AS products
WHERE reviews >= $least_reviews
RETURN summary, reviews, people, products
ORDER BY reviews DESC, summary
LIMIT $limit
