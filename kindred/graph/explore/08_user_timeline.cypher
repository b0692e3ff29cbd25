// What did a user do, in every domain, latest first?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   limit: integer = 50 - rows at most
// columns:
//   at: date - when, where known
//   did: string - reviewed, bought, put into the cart, searched, listened, viewed, liked or tagged
//   what: string - id of the product, query, track, artist, post or tag
//   rating: number - stars of a review

MATCH (u:User {id: $user})
UNWIND ['reviewed', 'bought', 'put into the cart', 'searched', 'listened', 'viewed', 'liked', 'tagged'] AS did
OPTIONAL MATCH (u)-[r:REVIEWED]->(product:Product) WHERE did = 'reviewed'
OPTIONAL MATCH (u)-[b:BOUGHT]->(bought:Product) WHERE did = 'bought'
OPTIONAL MATCH (u)-[c:ADDED_TO_CART]->(carted:Product) WHERE did = 'put into the cart'
OPTIONAL MATCH (u)-[s:SEARCHED]->(query:Query) WHERE did = 'searched'
OPTIONAL MATCH (u)-[h:LISTENED]->(heard) WHERE did = 'listened'
OPTIONAL MATCH (u)-[v:VIEWED]->(viewed:Post) WHERE did = 'viewed'
OPTIONAL MATCH (u)-[l:LIKED]->(liked:Post) WHERE did = 'liked'
OPTIONAL MATCH (u)-[t:USED_TAG]->(tag:Tag) WHERE did = 'tagged'
WITH did, coalesce(r.at, b.at, c.at, s.at, h.at, v.at, l.at, t.at) AS at, r.rating AS rating,
     coalesce(product.id, bought.id, carted.id, query.id, heard.id, viewed.id, liked.id, tag.id) AS what
WHERE what IS NOT NULL
RETURN at, did, what, rating
ORDER BY coalesce(at, 0) DESC, did, what, rating
LIMIT $limit
