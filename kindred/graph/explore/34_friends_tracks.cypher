// Which tracks and artists do a user's friends listen to that the user does not know?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 20 - rows at most
// columns:
//   kind: string - track, or artist where the source knows no tracks
//   id: string - of the track or artist
//   name: string - its title or name
//   friends: integer - friends who listen to it
//   listens: integer - their listening events

MATCH (u:User {id: $user})-[:FRIEND_OF]-(f:User)
WITH DISTINCT u, f
UNWIND ['track', 'artist'] AS kind
OPTIONAL MATCH (f)-[l:LISTENED]->(t:Track) WHERE kind = 'track' AND NOT EXISTS { MATCH (u)-[:LISTENED]->(t) }
OPTIONAL MATCH (f)-[m:LISTENED]->(a:Artist) WHERE kind = 'artist' AND NOT EXISTS { MATCH (u)-[:LISTENED]->(a) }
WITH kind, f, coalesce(t.id, a.id) AS id, coalesce(t.title, a.name, '') AS name, coalesce(l.event_id, m.event_id) AS event
WHERE id IS NOT NULL
WITH kind, id, name, count(event) AS listens, count(DISTINCT f.id) AS friends
RETURN kind, id, name, friends, listens
ORDER BY friends DESC, listens DESC, kind, id
LIMIT $limit
