// Which searches lead to products that don't answer them?
// reads: the whole graph
// parameters:
//   most_gain: number = 1 - judged gain up to which a product does not answer a query
//   limit: integer = 20 - rows at most
// columns:
//   query: string - id of the query
//   product: string - where it leads
//   title: string - its title
//   times: integer - how often
//   gain: number - the judgement: 1 complement, 0 irrelevant

MATCH (q:Query)-[j:JUDGED]->(p:Product)
WHERE j.gain <= $most_gain
MATCH (q)-[l:LED_TO]->(p)
WITH q, p, max(j.gain) AS gain, sum(l.count) AS times
RETURN q.id AS query, p.id AS product, coalesce(p.title, '') AS title, times, gain
ORDER BY times DESC, query, product
LIMIT $limit
