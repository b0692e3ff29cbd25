// Which posts do the people like who liked this post?
// reads: the neighbourhood of a post
// parameters:
//   post: string, e.g. 1 - id of a post
//   limit: integer = 20 - rows at most
// columns:
//   post: string - id of another post
//   people: integer - who like both
//   text: string - how the post starts

MATCH (p:Post {id: $post})<-[:LIKED]-(u:User)-[:LIKED]->(q:Post)
WHERE q.id <> p.id
RETURN q.id AS post, count(DISTINCT u.id) AS people, left(coalesce(q.text, ''), 60) AS text
ORDER BY people DESC, post
LIMIT $limit
