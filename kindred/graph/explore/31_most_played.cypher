// What does a user listen to most?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 20 - rows at most
// columns:
//   track: string - id of a track
//   title: string - its title
//   artist: string - who performs it, where known
//   listens: integer - listening events
//   plays: integer - times played; an event without a number counts once
//   last_at: date - day of the last time

MATCH (u:User {id: $user})-[l:LISTENED]->(t:Track)
WITH t, count(l.event_id) AS listens, sum(coalesce(l.plays, 1)) AS plays, max(l.at) AS last_at
OPTIONAL MATCH (t)-[:PERFORMED_BY]->(a:Artist)
RETURN t.id AS track, coalesce(t.title, '') AS title, coalesce(a.name, a.id, '') AS artist, listens, plays, last_at
ORDER BY plays DESC, listens DESC, track, artist
LIMIT $limit
