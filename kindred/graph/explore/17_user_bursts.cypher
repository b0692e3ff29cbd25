// Which users reviewed suspiciously many products on one day?
// reads: the whole graph
// parameters:
//   least_reviews: integer = 5 - reviews on one day
//   limit: integer = 20 - rows at most
// columns:
//   user: string - a user
//   day: date - the day, UTC
//   reviews: integer - reviews of that day
//   products: integer - products reviewed
//   mean_rating: number - the mean stars given
//   verified: integer - reviews of verified purchases among them

MATCH (u:User)-[r:REVIEWED]->(p:Product)
WHERE r.at IS NOT NULL AND r.rating IS NOT NULL
WITH u, r.at / 86400 * 86400 AS day, count(r.event_id) AS reviews, sum(r.rating) / count(r.event_id) AS mean,
     sum(CASE WHEN r.verified THEN 1 ELSE 0 END) AS verified, count(DISTINCT p.id) AS products
WHERE reviews >= $least_reviews
RETURN u.id AS user, day, reviews, products, round(100.0 * mean, 0) / 100 AS mean_rating, verified
ORDER BY reviews DESC, day, user
LIMIT $limit
