// How many users wrote how many reviews?
// reads: the whole graph
// parameters:
//   limit: integer = 100 - rows at most
// columns:
//   reviews: integer - a number of reviews
//   users: integer - users who wrote that many

MATCH (u:User)-[r:REVIEWED]->(:Product)
WITH u, count(r.event_id) AS reviews
RETURN reviews, count(u.id) AS users
ORDER BY reviews
LIMIT $limit
