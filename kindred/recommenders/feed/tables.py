"""The graph's readers, posts, views and likes as the arrays that the features of a feed read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kindred.domain.distinct import distinct
from kindred.domain.errors import RecordError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import IntArray
from kindred.domain.records import About, Liked, Post, User, Viewed
from kindred.domain.schema import edge_type_of, graph_schema
from kindred.features.click_log import CODES, ClickLog
from kindred.features.feed_log import LABEL_SECONDS, FeedLog
from kindred.graph.store import GraphStore
from kindred.graph.tables import edge_table, node_table

_AGES = (20, 27, 36)
"""Where one group of ages ends and the next begins."""


@dataclass(frozen=True)
class FeedTables:
    """A feed as the graph holds it.

    Attributes:
        readers, posts: ids by position; the last position of readers in `log` stands for somebody unknown.
        topics: names by number.
        log: the views.
        like_reader, like_post, like_at: every like, oldest first, `[num_likes]`.
        text: vector of each post's text, zeros where it has none, `[num_posts, text_dim]`, or None.
        words: the text itself of each post, empty where it has none.
    """

    readers: IdMap
    posts: IdMap
    topics: tuple[str, ...]
    log: FeedLog
    like_reader: IntArray
    like_post: IntArray
    like_at: IntArray
    text: NDArray[np.float32] | None
    words: tuple[str, ...]

    @cached_property
    def as_of(self) -> int | None:
        """The time of the latest event."""
        times = [int(array[-1]) for array in (self.log.at, self.like_at) if len(array)]
        return max(times) if times else None

    def reader(self, user_id: str | None) -> int:
        """The position of a reader; that of somebody unknown for one who is not there."""
        position = None if user_id is None else self.readers.position(user_id)
        return len(self.readers) if position is None else position

    def likes_before(self, at: int) -> IntArray:
        """Likes of each post before a time, `[num_posts]`."""
        _, post, times = self._likes
        return np.bincount(post[: int(np.searchsorted(times, at))], minlength=len(self.posts))

    def liked_by(self, reader: int, at: int) -> IntArray:
        """Posts that a reader liked before a time."""
        _, post, times = self._likes
        order, starts = self._by_reader
        rows = order[starts[reader] : starts[reader + 1]]
        return post[rows[times[rows] < at]]

    def topic(self, post: int) -> str | None:
        """The name of a post's topic."""
        number = int(self.log.topic[post])
        return self.topics[number] if number < len(self.topics) else None

    @cached_property
    def _by_reader(self) -> tuple[IntArray, IntArray]:
        reader = self._likes[0]
        order = np.argsort(reader, kind="stable")
        return order, np.searchsorted(reader[order], np.arange(len(self.readers) + 2))

    @property
    def num_active(self) -> int:
        """How many readers were shown or liked a post; the users of other domains are readers too."""
        return len(distinct(self.log.reader, self.like_reader))

    @cached_property
    def _likes(self) -> tuple[IntArray, IntArray, IntArray]:
        """Reader, post and time of each like, oldest first, `[num_likes]` each.

        Where most liked views have no like beside them the source tells of likes by views alone; then these count too,
        each from when its label is known.
        """
        log, num_posts = self.log, len(self.posts)
        liked = np.flatnonzero(log.liked)
        told = np.isin(log.reader[liked] * num_posts + log.post[liked], self.like_reader * num_posts + self.like_post)
        if 2 * int(told.sum()) >= len(liked):
            return self.like_reader, self.like_post, self.like_at
        alone = liked[~told]
        times = np.concatenate([self.like_at, log.at[alone] + LABEL_SECONDS])
        order = np.argsort(times, kind="stable")
        reader = np.concatenate([self.like_reader, log.reader[alone]])
        return reader[order], np.concatenate([self.like_post, log.post[alone]])[order], times[order]


def read_feed(store: GraphStore, until: int | None = None) -> FeedTables:
    """The feed as of a time.

    Raises:
        RecordError: the graph holds no view of a post.
    """
    users = node_table(store, graph_schema().node(User.label), ["id", "gender", "age"])
    readers = IdMap.sorted(users["id"].to_pylist())
    posts = IdMap.sorted(node_table(store, graph_schema().node(Post.label), ["id"])["id"].to_pylist())
    topic, topics = _topics(store, posts)
    views = _events(store, Viewed, ("target_met",), readers, posts, until)
    likes = _events(store, Liked, (), readers, posts, until)
    if not len(views["at"]):
        wanted = "load some with `kindred ingest posts --feed FILE`"
        if not len(likes["at"]):
            raise RecordError("the graph holds no view of a post", wanted)
        raise RecordError(
            "the graph holds no view of a post, only likes: a feed is learned from what was shown",
            f"{wanted}; where none are known, `kindred ingest interactions FILE` recommends from likes",
        )
    log = FeedLog(
        views["reader"], views["post"], views["at"], _labels(views, likes, len(posts)), topic,
        _groups(readers, users), len(topics), _num_groups(),
    )  # fmt: skip
    text, words = _texts(store, posts)
    return FeedTables(readers, posts, topics, log, likes["reader"], likes["post"], likes["at"], text, words)


def read_clicks(store: GraphStore, readers: IdMap, posts: IdMap, until: int | None = None) -> ClickLog:
    """The views of posts as clicks, to the millisecond, and what is known of the request of each."""
    views = _events(store, Viewed, ("at_ms", *CODES), readers, posts, until)
    at = np.where(views["at_ms"] >= 0, views["at_ms"], views["at"] * 1000)
    order = np.lexsort((views["post"], views["reader"], at))
    codes = {name: views[name][order] for name in CODES}
    return ClickLog(views["reader"][order], views["post"][order], at[order], codes, len(readers) + 1, len(posts))


def _topics(store: GraphStore, posts: IdMap) -> tuple[IntArray, tuple[str, ...]]:
    """The number of each post's topic, the number of topics where it has none; and their names."""
    pairs: list[tuple[str, str]] = []
    for batch in store.read_edges(edge_type_of(About), ["source_id", "target_id"]):
        pairs += zip(batch.column("source_id").to_pylist(), batch.column("target_id").to_pylist(), strict=True)
    names = IdMap.sorted(name for _, name in pairs)
    topic = np.full(len(posts), len(names))
    topic[posts.positions([post for post, _ in pairs])] = names.positions([name for _, name in pairs])
    return topic, names.ids


def _events(
    store: GraphStore, kind: type[Viewed] | type[Liked], more: Sequence[str], readers: IdMap, posts: IdMap,
    until: int | None,
) -> dict[str, NDArray[np.int64]]:  # fmt: skip
    """Events with a time, oldest first; properties beside as integers, −1 where unknown."""
    names = ["source_id", "target_id", "at", *more]
    table = edge_table(store, edge_type_of(kind), names, until)
    if table is None:
        return {name: np.empty(0, dtype=np.int64) for name in ("reader", "post", "at", *more)}
    table = table.filter(table["at"].is_valid())
    found = {
        "reader": readers.positions_of_column(table["source_id"]),
        "post": posts.positions_of_column(table["target_id"]),
        "at": table["at"].to_numpy(),
        **{name: table[name].cast(pa.int64()).fill_null(-1).to_numpy() for name in more},
    }
    order = np.lexsort((found["post"], found["reader"], found["at"]))
    return {name: values[order].astype(np.int64) for name, values in found.items()}


def _labels(views: dict[str, IntArray], likes: dict[str, IntArray], num_posts: int) -> NDArray[np.bool_]:
    """Whether each view was liked: as the source says, else whether a like follows within the time a label takes."""
    said = views["target_met"]
    if not len(likes["at"]):
        return np.asarray(said == 1)
    span = int(max(views["at"].max(), likes["at"].max())) + 2 * LABEL_SECONDS
    key = np.sort((likes["reader"] * num_posts + likes["post"]) * span + likes["at"])
    seen = (views["reader"] * num_posts + views["post"]) * span + views["at"]
    follows = np.searchsorted(key, seen + LABEL_SECONDS, side="right") > np.searchsorted(key, seen)
    labels: NDArray[np.bool_] = np.where(said >= 0, said == 1, follows)
    return labels


def _num_groups() -> int:
    return 2 * (len(_AGES) + 1)


def _groups(readers: IdMap, users: pa.Table) -> IntArray:
    """The profile group of each reader and of somebody unknown: gender by age, `[num_readers + 1]`."""
    positions = readers.positions_of_column(users["id"])
    gender = users["gender"].cast(pa.int64()).fill_null(-1).to_numpy()
    age = users["age"].cast(pa.int64()).fill_null(-1).to_numpy()
    group = np.full(len(readers) + 1, _num_groups())
    known = np.isin(gender, (0, 1)) & (age >= 0)
    group[positions[known]] = gender[known] * (len(_AGES) + 1) + np.searchsorted(_AGES, age[known], side="right")
    return group


def _texts(store: GraphStore, posts: IdMap) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
    """The vector and the words of each post's text."""
    text: NDArray[np.float32] | None = None
    words = [""] * len(posts)
    for batch in store.read_nodes(graph_schema().node(Post.label)):
        positions = posts.positions_of_column(batch.column("id"))
        for position, said in zip(positions.tolist(), batch.column("text").to_pylist(), strict=True):
            words[position] = said or ""
        if "text_embedding" not in batch.schema.names:
            continue
        column = batch.column("text_embedding")
        dim = column.type.list_size
        if text is None:
            text = np.zeros((len(posts), dim), dtype=np.float32)
        there = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        flat = column.take(pa.array(there)).values.to_numpy(zero_copy_only=False)
        text[positions[there]] = flat.reshape(len(there), dim)
    return (None if text is None or not text.any() else text), tuple(words)
