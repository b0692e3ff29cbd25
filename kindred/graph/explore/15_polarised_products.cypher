// Which products split opinion into five stars and one or two?
// reads: the whole graph
// parameters:
//   least_reviews: integer = 10 - reviews a product must have
//   limit: integer = 20 - rows at most
// columns:
//   product: string - loved and hated
//   title: string - its title
//   reviews: integer - all its reviews
//   fives: integer - those of five stars
//   lows: integer - those of one or two
//   divided: number - the smaller of the two camps as a share of all reviews, 0 to 0.5

MATCH (p:Product)<-[r:REVIEWED]-(:User)
WITH p, count(r.event_id) AS reviews,
     sum(CASE WHEN r.rating >= 5 THEN 1 ELSE 0 END) AS fives,
     sum(CASE WHEN r.rating <= 2 THEN 1 ELSE 0 END) AS lows
WHERE reviews >= $least_reviews AND fives > 0 AND lows > 0
RETURN p.id AS product, coalesce(p.title, '') AS title, reviews, fives, lows,
       round(1000.0 * (CASE WHEN fives < lows THEN fives ELSE lows END) / reviews, 0) / 1000 AS divided
ORDER BY divided DESC, reviews DESC, product
LIMIT $limit
