// How did a user's reviews move between categories from year to year?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 50 - rows at most
// columns:
//   year: year - year of the reviews, UTC
//   category: string - of the products; empty where none is known
//   reviews: integer - reviews in that year and category
//   mean_rating: number - their mean stars

MATCH (u:User {id: $user})-[r:REVIEWED]->(p:Product)
WHERE r.at IS NOT NULL AND r.rating IS NOT NULL
OPTIONAL MATCH (p)-[:IN_CATEGORY]->(c:Category)
WITH r, c, r.at / 86400 + 671 AS days // since 1968-03-01: leap days end the years that start in March
WITH r, c, days, (4 * days + 3) / 1461 AS years
WITH r, c, years, (5 * (days - 1461 * years / 4) + 2) / 153 AS months
WITH 1968 + years + (months + 2) / 12 AS year, coalesce(c.id, '') AS category, r
RETURN year, category, count(r.event_id) AS reviews, round(100.0 * sum(r.rating) / count(r.event_id), 0) / 100 AS mean_rating
ORDER BY year, reviews DESC, category
LIMIT $limit
