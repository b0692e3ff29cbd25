// Which products do the buyers of this one buy as well?
// reads: the neighbourhood of a product
// parameters:
//   product: string, e.g. P00001 - id of a product
//   action: string = purchase - what counts: purchase or cart
//   limit: integer = 20 - rows at most
// columns:
//   product: string - bought by the same people
//   title: string - its title
//   buyers: integer - people who bought both

MATCH (p:Product {id: $product})<-[b:BOUGHT]-(u:User)-[c:BOUGHT]->(q:Product)
WHERE q.id <> p.id AND b.action = $action AND c.action = $action
RETURN q.id AS product, coalesce(q.title, '') AS title, count(DISTINCT u.id) AS buyers
ORDER BY buyers DESC, product
LIMIT $limit
