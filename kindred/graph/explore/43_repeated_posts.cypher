// Which posts start with the same words as another?
// reads: the whole graph
// parameters:
//   least_length: integer = 20 - characters the posts must have
//   limit: integer = 20 - rows at most
// columns:
//   text: string - the first 60 characters, in lower case
//   posts: integer - posts that start so
//   first_id: string - the first of their ids
//   last_id: string - the last of their ids

MATCH (p:Post)
WHERE size(p.text) >= $least_length
WITH toLower(left(p.text, 60)) AS text, count(p.id) AS posts, min(p.id) AS first_id, max(p.id) AS last_id
WHERE posts > 1
RETURN text, posts, first_id, last_id
ORDER BY posts DESC, text
LIMIT $limit
