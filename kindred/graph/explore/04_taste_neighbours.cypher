// Who rates products like this user does?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   least_shared: integer = 2 - products that both must have reviewed
//   limit: integer = 20 - rows at most
// columns:
//   user: string - a taste neighbour
//   shared: integer - products both reviewed
//   agreed: integer - those on which they are less than a star apart
//   mean_gap: number - how far apart they are on average, in stars

MATCH (u:User {id: $user})-[r:REVIEWED]->(p:Product)<-[s:REVIEWED]-(v:User)
WHERE v.id <> u.id AND r.rating IS NOT NULL AND s.rating IS NOT NULL
WITH v, sum(abs(r.rating - s.rating)) / count(r.event_id) AS gap, count(DISTINCT p.id) AS shared,
     count(DISTINCT CASE WHEN abs(r.rating - s.rating) < 1 THEN p.id ELSE null END) AS agreed
WHERE shared >= $least_shared
RETURN v.id AS user, shared, agreed, round(100.0 * gap, 0) / 100 AS mean_gap
ORDER BY agreed DESC, mean_gap, user
LIMIT $limit
