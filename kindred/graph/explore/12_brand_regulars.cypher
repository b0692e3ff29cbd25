// Who comes back to a brand again and again?
// reads: the neighbourhood of a brand
// parameters:
//   brand: string, e.g. Wolfnote - id of a brand
//   least_products: integer = 2 - different products of the brand that count as coming back
//   limit: integer = 20 - rows at most
// columns:
//   user: string - a regular
//   products: integer - different products of the brand they reviewed
//   mean_rating: number - their mean stars for the brand
//   first_at: date - day of the first review
//   last_at: date - day of the last

MATCH (b:Brand {id: $brand})<-[:MADE_BY]-(p:Product)<-[r:REVIEWED]-(u:User)
WHERE r.rating IS NOT NULL
WITH u, sum(r.rating) / count(r.event_id) AS mean, min(r.at) AS first_at, max(r.at) AS last_at, count(DISTINCT p.id) AS products
WHERE products >= $least_products
RETURN u.id AS user, products, round(100.0 * mean, 0) / 100 AS mean_rating, first_at, last_at
ORDER BY products DESC, mean_rating DESC, user
LIMIT $limit
