// Which searches lead to nothing?
// reads: the whole graph
// parameters:
//   least_searches: integer = 1 - how often a query must have been typed
//   limit: integer = 20 - rows at most
// columns:
//   query: string - id of the query
//   searches: integer - how often it was typed
//   people: integer - by how many
//   last_at: date - day of the last time

MATCH (q:Query)<-[s:SEARCHED]-(u:User)
WHERE NOT EXISTS { MATCH (q)-[:LED_TO]->(:Product) }
WITH q, count(s.event_id) AS searches, max(s.at) AS last_at, count(DISTINCT u.id) AS people
WHERE searches >= $least_searches
RETURN q.id AS query, searches, people, last_at
ORDER BY searches DESC, people DESC, query
LIMIT $limit
