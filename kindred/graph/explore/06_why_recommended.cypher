// Over which shared products and people does a user reach a recommended product?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U00001 - id of a user
//   product: string, e.g. P00002 - id of the recommended product
//   least_rating: number = 4 - stars from which a review counts as liking
//   limit: integer = 20 - rows at most
// columns:
//   reviewed: string - product the user liked
//   title: string - its title
//   own_rating: number - the user's stars for it
//   neighbour: string - who liked it too
//   their_rating: number - the neighbour's stars for it
//   final_rating: number - the neighbour's stars for the recommended product

MATCH (u:User {id: $user})-[r:REVIEWED]->(p:Product)<-[s:REVIEWED]-(v:User)-[t:REVIEWED]->(q:Product)
WHERE q.id = $product AND p.id <> q.id AND v.id <> u.id
  AND r.rating >= $least_rating AND s.rating >= $least_rating AND t.rating >= $least_rating
RETURN DISTINCT p.id AS reviewed, coalesce(p.title, '') AS title, r.rating AS own_rating,
       v.id AS neighbour, s.rating AS their_rating, t.rating AS final_rating
ORDER BY final_rating DESC, own_rating DESC, their_rating DESC, reviewed, neighbour
LIMIT $limit
