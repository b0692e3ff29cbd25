// How large, how busy and how well rated is each category?
// reads: the whole graph
// parameters:
//   limit: integer = 20 - rows at most
// columns:
//   category: string - a category
//   products: integer - products in it
//   reviews: integer - their reviews
//   mean_rating: number - the mean stars of those

MATCH (c:Category)<-[:IN_CATEGORY]-(p:Product)
OPTIONAL MATCH (p)<-[r:REVIEWED]-(:User)
WITH c, count(r.event_id) AS reviews, count(r.rating) AS rated, sum(r.rating) AS stars, count(DISTINCT p.id) AS products
RETURN c.id AS category, products, reviews,
       CASE WHEN rated > 0 THEN round(100.0 * stars / rated, 0) / 100 ELSE null END AS mean_rating
ORDER BY reviews DESC, category
LIMIT $limit
