// Which products do people buy, or put into the cart, together with this one?
// reads: the neighbourhood of a product
// parameters:
//   product: string, e.g. P00001 - id of a product
//   limit: integer = 20 - rows at most
// columns:
//   product: string - bought or put into the cart by the same people
//   title: string - its title
//   people: integer - who bought both or put them into the cart

MATCH (p:Product {id: $product})<-[:BOUGHT|ADDED_TO_CART]-(u:User)-[:BOUGHT|ADDED_TO_CART]->(q:Product)
WHERE q.id <> p.id
RETURN q.id AS product, coalesce(q.title, '') AS title, count(DISTINCT u.id) AS people
ORDER BY people DESC, product
LIMIT $limit
