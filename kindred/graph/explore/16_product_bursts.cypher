// Which products got suspiciously many top reviews on one day?
// reads: the whole graph
// parameters:
//   least_rating: number = 5 - stars from which a review counts
//   least_reviews: integer = 3 - reviews on one day
//   limit: integer = 20 - rows at most
// columns:
//   product: string - a product
//   title: string - its title
//   day: date - the day, UTC
//   reviews: integer - top reviews of that day
//   people: integer - who wrote them

MATCH (p:Product)<-[r:REVIEWED]-(u:User)
WHERE r.rating >= $least_rating AND r.at IS NOT NULL
WITH p, r.at / 86400 * 86400 AS day, count(r.event_id) AS reviews, count(DISTINCT u.id) AS people
WHERE reviews >= $least_reviews
RETURN p.id AS product, coalesce(p.title, '') AS title, day, reviews, people
ORDER BY reviews DESC, day, product
LIMIT $limit
