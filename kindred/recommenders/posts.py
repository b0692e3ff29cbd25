"""Posts of a feed, for a reader at a time."""

from __future__ import annotations

from kindred.domain.records import About, Liked, Viewed
from kindred.recommenders.system import System, Words

POSTS = System(
    name="posts",
    target=Liked,
    words=Words("post", "posts", "like", "likes", "liked"),
    context=(About,),
    reads=(Viewed,),
    title="text",
    model="boosting",
    load_with="kindred ingest posts --feed FILE",
    levels={"model": "from what they were shown and liked up to now", "similar": "by their texts and readers"},
)
