// Which tags go with this one?
// reads: the neighbourhood of a tag
// parameters:
//   tag: string, e.g. rock - id of a tag
//   limit: integer = 20 - rows at most
// columns:
//   tag: string - a tag on the same tracks or artists
//   name: string - its name
//   tracks: integer - tracks that bear both
//   artists: integer - artists that bear both

MATCH (t:Tag {id: $tag})
UNWIND ['track', 'artist'] AS bearer
OPTIONAL MATCH (t)<-[:TAGGED]-(k:Track)-[:TAGGED]->(o:Tag) WHERE bearer = 'track' AND o.id <> t.id
OPTIONAL MATCH (t)<-[:TAGGED]-(a:Artist)-[:TAGGED]->(p:Tag) WHERE bearer = 'artist' AND p.id <> t.id
WITH coalesce(o.id, p.id) AS tag, coalesce(o.name, p.name, '') AS name, k.id AS track, a.id AS artist
WHERE tag IS NOT NULL
WITH tag, name, count(DISTINCT track) AS tracks, count(DISTINCT artist) AS artists
RETURN tag, name, tracks, artists
ORDER BY tracks + artists DESC, tag
LIMIT $limit
