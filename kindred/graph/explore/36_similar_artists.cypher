// Which artists bear the same tags as this one?
// reads: the neighbourhood of an artist
// parameters:
//   artist: string, e.g. A00001 - id of an artist
//   least_shared: integer = 2 - tags that must be shared
//   limit: integer = 20 - rows at most
// columns:
//   artist: string - a similar artist
//   name: string - their name
//   shared: integer - tags both bear
//   tags: integer - tags the other bears
//   similarity: number - shared tags over the geometric mean of both numbers of tags, 0 to 1

MATCH (a:Artist {id: $artist})-[:TAGGED]->(w:Tag)
WITH a, count(DISTINCT w.id) AS own_tags
MATCH (a)-[:TAGGED]->(t:Tag)
WITH DISTINCT a, own_tags, t
MATCH (t)<-[:TAGGED]-(b:Artist)
WHERE b.id <> a.id
WITH b, own_tags, count(DISTINCT t.id) AS shared
WHERE shared >= $least_shared
MATCH (b)-[:TAGGED]->(x:Tag)
WITH b, own_tags, shared, count(DISTINCT x.id) AS tags
RETURN b.id AS artist, coalesce(b.name, '') AS name, shared, tags,
       round(1000.0 * shared / sqrt(1.0 * own_tags * tags), 0) / 1000 AS similarity
ORDER BY similarity DESC, shared DESC, artist
LIMIT $limit
