// Whose ratings differ most from what others give the same products?
// reads: the whole graph
// parameters:
//   least_reviews: integer = 5 - reviews a user must have
//   limit: integer = 20 - rows at most
// columns:
//   user: string - harsh or generous
//   reviews: integer - their reviews of products that others reviewed too
//   mean_rating: number - the mean stars they give
//   gap: number - how far above the mean of the others, in stars; negative is harsher

MATCH (p:Product)<-[r:REVIEWED]-(:User)
WHERE r.rating IS NOT NULL
WITH p, sum(r.rating) AS stars, count(r.event_id) AS num_reviews
WHERE num_reviews > 1
MATCH (p)<-[s:REVIEWED]-(u:User)
WHERE s.rating IS NOT NULL
WITH u, count(s.event_id) AS reviews, sum(s.rating) / count(s.event_id) AS mean,
     avg(s.rating - (stars - s.rating) / (num_reviews - 1)) AS above
WHERE reviews >= $least_reviews
WITH u, reviews, round(100.0 * mean, 0) / 100 AS mean_rating, round(100.0 * above, 0) / 100 AS gap
RETURN u.id AS user, reviews, mean_rating, gap
ORDER BY abs(gap) DESC, reviews DESC, user
LIMIT $limit
