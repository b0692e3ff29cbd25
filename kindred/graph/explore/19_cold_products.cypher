// Which products have few reviews or none?
// reads: the whole graph
// parameters:
//   most_reviews: integer = 1 - reviews up to which a product is cold
//   limit: integer = 20 - rows at most
// columns:
//   product: string - a cold product
//   title: string - its title; without it only the graph says what the product is
//   reviews: integer - its reviews
//   categories: integer - categories it is in

MATCH (p:Product)
OPTIONAL MATCH (p)<-[r:REVIEWED]-(:User)
WITH p, count(r.event_id) AS reviews
WHERE reviews <= $most_reviews
OPTIONAL MATCH (p)-[i:IN_CATEGORY]->(:Category)
RETURN p.id AS product, coalesce(p.title, '') AS title, reviews, count(i.event_id) AS categories
ORDER BY reviews, product
LIMIT $limit
