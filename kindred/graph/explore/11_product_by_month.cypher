// How did a product's ratings change from month to month?
// reads: the neighbourhood of a product
// parameters:
//   product: string, e.g. P00001 - id of a product
//   limit: integer = 24 - rows at most
// columns:
//   year: year - UTC
//   month: integer - 1 to 12
//   reviews: integer - reviews in that month
//   mean_rating: number - their mean stars
//   low: integer - reviews of one or two stars

MATCH (p:Product {id: $product})<-[r:REVIEWED]-(u:User)
WHERE r.at IS NOT NULL AND r.rating IS NOT NULL
WITH r, r.at / 86400 + 671 AS days // since 1968-03-01: leap days end the years that start in March
WITH r, days, (4 * days + 3) / 1461 AS years
WITH r, years, (5 * (days - 1461 * years / 4) + 2) / 153 AS months
WITH r, 1968 + years + (months + 2) / 12 AS year, (months + 2) % 12 + 1 AS month
RETURN year, month, count(r.event_id) AS reviews, round(100.0 * sum(r.rating) / count(r.event_id), 0) / 100 AS mean_rating,
       sum(CASE WHEN r.rating <= 2 THEN 1 ELSE 0 END) AS low
ORDER BY year DESC, month DESC
LIMIT $limit
