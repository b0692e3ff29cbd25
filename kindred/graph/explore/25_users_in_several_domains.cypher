// Which users are known in several domains?
// reads: the whole graph
// parameters:
//   least_domains: integer = 2 - domains out of products, searches, music and posts
//   limit: integer = 20 - rows at most
// columns:
//   user: string - known in several domains
//   domains: integer - in how many
//   products: integer - reviews, purchases and what was put into the cart
//   searches: integer - queries typed
//   listens: integer - listening events
//   posts: integer - views and likes

MATCH (u:User)
WITH u, COUNT { MATCH (u)-[:REVIEWED|BOUGHT|ADDED_TO_CART]->(:Product) } AS products,
     COUNT { MATCH (u)-[:SEARCHED]->(:Query) } AS searches,
     COUNT { MATCH (u)-[:LISTENED]->() } AS listens,
     COUNT { MATCH (u)-[:VIEWED|LIKED]->(:Post) } AS posts
WITH u, products, searches, listens, posts,
     (CASE WHEN products > 0 THEN 1 ELSE 0 END) + (CASE WHEN searches > 0 THEN 1 ELSE 0 END)
     + (CASE WHEN listens > 0 THEN 1 ELSE 0 END) + (CASE WHEN posts > 0 THEN 1 ELSE 0 END) AS domains
WHERE domains >= $least_domains
RETURN u.id AS user, domains, products, searches, listens, posts
ORDER BY domains DESC, products + searches + listens + posts DESC, user
LIMIT $limit
