// Which tracks do a user's friends listen to that the user does not know?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 20 - rows at most
// columns:
//   track: string - id of a track
//   title: string - its title
//   friends: integer - friends who listen to it
//   listens: integer - their listening events

MATCH (u:User {id: $user})-[:FRIEND_OF]-(f:User)
WITH DISTINCT u, f
MATCH (f)-[l:LISTENED]->(t:Track)
WHERE NOT EXISTS { MATCH (u)-[:LISTENED]->(t) }
WITH t, count(l.event_id) AS listens, count(DISTINCT f.id) AS friends
RETURN t.id AS track, coalesce(t.title, '') AS title, friends, listens
ORDER BY friends DESC, listens DESC, track
LIMIT $limit
