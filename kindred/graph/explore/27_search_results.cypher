// What does a query lead to, and how well does that answer it?
// reads: the neighbourhood of a query
// parameters:
//   query: string, e.g. guitar strings - id of a query
//   limit: integer = 20 - rows at most
// columns:
//   product: string - where it led
//   title: string - its title
//   times: integer - how often
//   gain: number - how well it answers by judgement: 100 exact, 10 substitute, 1 complement, 0 irrelevant

MATCH (q:Query {id: $query})-[l:LED_TO]->(p:Product)
WITH q, p, sum(l.count) AS times
OPTIONAL MATCH (q)-[j:JUDGED]->(judged:Product) WHERE judged.id = p.id
RETURN p.id AS product, coalesce(p.title, '') AS title, times, max(j.gain) AS gain
ORDER BY times DESC, product
LIMIT $limit
