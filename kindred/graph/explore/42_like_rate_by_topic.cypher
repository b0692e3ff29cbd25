// How many views of each topic's posts end with a like?
// reads: the whole graph
// parameters:
//   limit: integer = 20 - rows at most
// columns:
//   topic: string - a topic
//   views: integer - views of posts on it
//   likes: integer - likes of posts on it
//   like_rate: number - likes per hundred views

MATCH (t:Topic)<-[:ABOUT]-(:Post)<-[v:VIEWED]-(:User)
WITH t, count(DISTINCT v.event_id) AS views
OPTIONAL MATCH (t)<-[:ABOUT]-(:Post)<-[l:LIKED]-(:User)
WITH t, views, count(DISTINCT l.event_id) AS likes
RETURN t.id AS topic, views, likes, round(1000.0 * likes / views, 0) / 10 AS like_rate
ORDER BY like_rate DESC, views DESC, topic
LIMIT $limit
