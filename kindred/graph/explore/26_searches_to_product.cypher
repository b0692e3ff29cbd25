// Which searches lead to a product?
// reads: the neighbourhood of a product
// parameters:
//   product: string, e.g. P00001 - id of a product
//   limit: integer = 20 - rows at most
// columns:
//   query: string - id of the query
//   times: integer - how often it led to the product
//   carts: integer - those that ended in the cart
//   purchases: integer - those that ended with a purchase
//   best_position: integer - highest place at which it was shown, where known

MATCH (p:Product {id: $product})<-[l:LED_TO]-(q:Query)
RETURN q.id AS query, sum(l.count) AS times,
       sum(CASE WHEN l.action = 'add_to_cart' THEN l.count ELSE 0 END) AS carts,
       sum(CASE WHEN l.action = 'purchase' THEN l.count ELSE 0 END) AS purchases, min(l.position) AS best_position
ORDER BY times DESC, query
LIMIT $limit
