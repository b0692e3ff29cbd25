// Who reviewed both of two products, and how did they rate them?
// reads: the neighbourhood of a product
// parameters:
//   first: string, e.g. P00001 - id of a product
//   second: string, e.g. P00002 - id of another product
//   limit: integer = 20 - rows at most
// columns:
//   user: string - who reviewed both
//   first_rating: number - their stars for the first, the mean where there are several
//   second_rating: number - the same for the second
//   last_at: date - day of their last review of either

MATCH (p:Product {id: $first})<-[r:REVIEWED]-(u:User)-[s:REVIEWED]->(q:Product)
WHERE q.id = $second AND q.id <> p.id AND r.rating IS NOT NULL AND s.rating IS NOT NULL
RETURN u.id AS user, round(100.0 * sum(r.rating) / count(r.event_id), 0) / 100 AS first_rating, round(100.0 * sum(s.rating) / count(s.event_id), 0) / 100 AS second_rating,
       CASE WHEN max(r.at) > max(s.at) THEN max(r.at) ELSE coalesce(max(s.at), max(r.at)) END AS last_at
ORDER BY coalesce(last_at, 0) DESC, user
LIMIT $limit
