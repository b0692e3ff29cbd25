// Which posts was a user shown several times and never liked?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   least_views: integer = 2 - views from which it counts
//   limit: integer = 20 - rows at most
// columns:
//   post: string - id of a post
//   views: integer - times shown
//   last_at: date - day of the last time
//   text: string - how the post starts

MATCH (u:User {id: $user})-[v:VIEWED]->(p:Post)
WHERE NOT EXISTS { MATCH (u)-[:LIKED]->(p) }
WITH p, count(v.event_id) AS views, max(v.at) AS last_at
WHERE views >= $least_views
RETURN p.id AS post, views, last_at, left(coalesce(p.text, ''), 60) AS text
ORDER BY views DESC, post
LIMIT $limit
