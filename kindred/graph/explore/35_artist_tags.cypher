// Which tags does an artist bear, directly and through tracks?
// reads: the neighbourhood of an artist
// parameters:
//   artist: string, e.g. A00001 - id of an artist
//   limit: integer = 20 - rows at most
// columns:
//   tag: string - id of a tag
//   name: string - its name
//   on_artist: integer - times on the artist
//   on_tracks: integer - times on the artist's tracks

MATCH (a:Artist {id: $artist})
UNWIND ['artist', 'track'] AS place
OPTIONAL MATCH (a)-[x:TAGGED]->(s:Tag) WHERE place = 'artist'
OPTIONAL MATCH (a)<-[:PERFORMED_BY]-(t:Track)-[y:TAGGED]->(r:Tag) WHERE place = 'track'
WITH coalesce(s.id, r.id) AS tag, coalesce(s.name, r.name, '') AS name, x, y
WHERE tag IS NOT NULL
WITH tag, name, count(x.event_id) AS on_artist, count(y.event_id) AS on_tracks
RETURN tag, name, on_artist, on_tracks
ORDER BY on_artist + on_tracks DESC, tag
LIMIT $limit
