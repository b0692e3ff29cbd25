// Which friends of a user listen to the same artists?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 20 - rows at most
// columns:
//   friend: string - a friend, named by either of the two
//   artists: integer - artists both listen to, by name or through a track
//   most_plays: integer - the friend's most plays of one of those; an event without a number counts once

MATCH (u:User {id: $user})-[:FRIEND_OF]-(f:User)
WITH DISTINCT u, f
UNWIND ['artist', 'track'] AS known_by
OPTIONAL MATCH (u)-[:LISTENED]->(a:Artist) WHERE known_by = 'artist'
OPTIONAL MATCH (u)-[:LISTENED]->(:Track)-[:PERFORMED_BY]->(b:Artist) WHERE known_by = 'track'
WITH f, collect(DISTINCT coalesce(a.id, b.id)) AS own
UNWIND ['artist', 'track'] AS known_by
OPTIONAL MATCH (f)-[l:LISTENED]->(c:Artist) WHERE known_by = 'artist'
OPTIONAL MATCH (f)-[m:LISTENED]->(:Track)-[:PERFORMED_BY]->(d:Artist) WHERE known_by = 'track'
WITH f, own, coalesce(c.id, d.id) AS artist, coalesce(l.plays, m.plays, 1) AS plays
WHERE artist IN own
WITH f, max(plays) AS most_plays, count(DISTINCT artist) AS artists
RETURN f.id AS friend, artists, most_plays
ORDER BY artists DESC, most_plays DESC, friend
LIMIT $limit
