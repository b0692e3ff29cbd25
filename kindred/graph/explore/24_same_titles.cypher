// Which titles do several products share?
// reads: the whole graph
// parameters:
//   limit: integer = 20 - rows at most
// columns:
//   title: string - the title, in lower case
//   products: integer - products that bear it
//   first_id: string - the first of their ids
//   last_id: string - the last of their ids

MATCH (p:Product)
WHERE p.title IS NOT NULL AND p.title <> ''
WITH toLower(p.title) AS title, count(p.id) AS products, min(p.id) AS first_id, max(p.id) AS last_id
WHERE products > 1
RETURN title, products, first_id, last_id
ORDER BY products DESC, title
LIMIT $limit
