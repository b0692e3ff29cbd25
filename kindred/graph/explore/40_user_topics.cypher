// Which topics does a user view, and which of them like?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 20 - rows at most
// columns:
//   topic: string - a topic
//   views: integer - views of posts on it
//   likes: integer - likes of posts on it
//   like_rate: number - likes per hundred views

MATCH (u:User {id: $user})-[v:VIEWED]->(p:Post)-[:ABOUT]->(t:Topic)
WITH u, t, count(DISTINCT v.event_id) AS views
OPTIONAL MATCH (u)-[l:LIKED]->(q:Post)-[:ABOUT]->(liked:Topic) WHERE liked.id = t.id
WITH t, views, count(DISTINCT l.event_id) AS likes
RETURN t.id AS topic, views, likes, round(1000.0 * likes / views, 0) / 10 AS like_rate
ORDER BY likes DESC, views DESC, topic
LIMIT $limit
