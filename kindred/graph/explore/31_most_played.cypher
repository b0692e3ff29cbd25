// What does a user listen to most?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 20 - rows at most
// columns:
//   kind: string - track, or artist where the source knows no tracks
//   id: string - of the track or artist
//   name: string - its title or name
//   artist: string - who performs it, where known
//   listens: integer - listening events
//   plays: integer - times played; an event without a number counts once
//   last_at: date - day of the last time, where known

MATCH (u:User {id: $user})
UNWIND ['track', 'artist'] AS kind
OPTIONAL MATCH (u)-[l:LISTENED]->(t:Track) WHERE kind = 'track'
OPTIONAL MATCH (u)-[m:LISTENED]->(a:Artist) WHERE kind = 'artist'
WITH kind, t, coalesce(t.id, a.id) AS id, coalesce(t.title, a.name, '') AS name, coalesce(a.name, a.id) AS heard,
     coalesce(l.event_id, m.event_id) AS event, coalesce(l.plays, m.plays, 1) AS times, coalesce(l.at, m.at) AS at
WHERE id IS NOT NULL
WITH kind, t, id, name, heard, count(event) AS listens, sum(times) AS plays, max(at) AS last_at
OPTIONAL MATCH (t)-[:PERFORMED_BY]->(p:Artist)
RETURN kind, id, name, coalesce(p.name, p.id, heard, '') AS artist, listens, plays, last_at
ORDER BY plays DESC, listens DESC, kind, id, artist
LIMIT $limit
