// How did the genres a user listens to change from year to year?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 50 - rows at most
// columns:
//   year: year - UTC
//   genre: string - a genre
//   listens: integer - listening events of the year
//   tracks: integer - different tracks

MATCH (u:User {id: $user})-[l:LISTENED]->(t:Track)-[:HAS_GENRE]->(g:Genre)
WHERE l.at IS NOT NULL
WITH l, t, g, l.at / 86400 + 671 AS days // since 1968-03-01: leap days end the years that start in March
WITH l, t, g, days, (4 * days + 3) / 1461 AS years
WITH l, t, g, years, (5 * (days - 1461 * years / 4) + 2) / 153 AS months
WITH l, t, g, 1968 + years + (months + 2) / 12 AS year
RETURN year, g.id AS genre, count(l.event_id) AS listens, count(DISTINCT t.id) AS tracks
ORDER BY year, listens DESC, genre
LIMIT $limit
