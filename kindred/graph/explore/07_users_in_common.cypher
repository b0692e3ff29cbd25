// Which products did two users both review, and do they agree?
// reads: the neighbourhood of a user
// parameters:
//   first: string, e.g. U00001 - id of a user
//   second: string, e.g. U00002 - id of another user
//   limit: integer = 20 - rows at most
// columns:
//   product: string - reviewed by both
//   title: string - its title
//   first_rating: number - stars of the first user, the mean where there are several reviews
//   second_rating: number - stars of the second user
//   gap: number - how far apart they are, in stars

MATCH (u:User {id: $first})-[r:REVIEWED]->(p:Product)<-[s:REVIEWED]-(v:User)
WHERE v.id = $second AND v.id <> u.id AND r.rating IS NOT NULL AND s.rating IS NOT NULL
WITH p, round(100.0 * sum(r.rating) / count(r.event_id), 0) / 100 AS first_rating, round(100.0 * sum(s.rating) / count(s.event_id), 0) / 100 AS second_rating
RETURN p.id AS product, coalesce(p.title, '') AS title, first_rating, second_rating,
       round(100.0 * abs(first_rating - second_rating), 0) / 100 AS gap
ORDER BY gap, product
LIMIT $limit
