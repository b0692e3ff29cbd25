// Which products do the people who liked this one like as well?
// reads: the neighbourhood of a product
// parameters:
//   product: string, e.g. P00001 - id of a product
//   least_rating: number = 4 - stars from which a review counts as liking
//   least_shared: integer = 2 - people who must like both
//   limit: integer = 20 - rows at most
// columns:
//   product: string - liked by the same people
//   title: string - its title
//   shared: integer - people who like both
//   fans: integer - people who like the other product
//   similarity: number - shared people over the geometric mean of both products' fans, 0 to 1

MATCH (p:Product {id: $product})<-[l:REVIEWED]-(f:User)
WHERE l.rating >= $least_rating
WITH p, count(DISTINCT f.id) AS own_fans
MATCH (p)<-[r:REVIEWED]-(u:User)-[s:REVIEWED]->(q:Product)
WHERE q.id <> p.id AND r.rating >= $least_rating AND s.rating >= $least_rating
WITH q, own_fans, count(DISTINCT u.id) AS shared
WHERE shared >= $least_shared
MATCH (q)<-[t:REVIEWED]-(v:User)
WHERE t.rating >= $least_rating
WITH q, own_fans, shared, count(DISTINCT v.id) AS fans
RETURN q.id AS product, coalesce(q.title, '') AS title, shared, fans,
       round(1000.0 * shared / sqrt(1.0 * own_fans * fans), 0) / 1000 AS similarity
ORDER BY similarity DESC, shared DESC, product
LIMIT $limit
