// Which posts on other topics do the people like who like this topic?
// reads: the neighbourhood of a topic
// parameters:
//   topic: string, e.g. sport - id of a topic
//   limit: integer = 20 - rows at most
// columns:
//   post: string - id of a post on another topic
//   other_topic: string - its topic
//   fans: integer - people who like it and a post on the topic
//   text: string - how the post starts

MATCH (t:Topic {id: $topic})<-[:ABOUT]-(:Post)<-[:LIKED]-(u:User)
WITH DISTINCT t, u
MATCH (u)-[:LIKED]->(p:Post)-[:ABOUT]->(o:Topic)
WHERE o.id <> t.id AND NOT EXISTS { MATCH (p)-[:ABOUT]->(t) }
RETURN p.id AS post, o.id AS other_topic, count(DISTINCT u.id) AS fans, left(coalesce(p.text, ''), 60) AS text
ORDER BY fans DESC, post, other_topic
LIMIT $limit
