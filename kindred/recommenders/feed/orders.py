"""What a published model says of the posts for a reader at a time: one class for likes, one for clicks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kindred.domain.ids import IdMap, rows_at
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.graph.store import GraphStore
from kindred.recommenders.feed.click_model import ClickModel, ClickScorer, load_click_model, model_of_arm
from kindred.recommenders.feed.model import (
    TEXT,
    FeedModel,
    FeedScorer,
    like_chances,
    load_feed_model,
    load_posts,
    score,
)
from kindred.recommenders.feed.tables import FeedTables, read_clicks
from kindred.recommenders.runs import Run

Values = Callable[[IntArray], DoubleArray]


class Order(Protocol):
    """The order of posts by a model."""

    @property
    def chosen(self) -> str:
        """Why a post that the reader chose before is left out."""

    def scores(self, arm: str, reader: int, at: int) -> tuple[DoubleArray, Values]:
        """A score of every post, `[num_posts]`, and the value that an answer shows of each of some posts.

        The score is −inf for those that are no candidates.
        """

    def chosen_by(self, reader: int, at: int) -> IntArray:
        """Posts that a reader chose before a time."""

    def is_known(self, reader: int, at: int) -> bool:
        """Whether anything is known of a reader before a time."""

    def vectors(self) -> NDArray[np.float32]:
        """A vector of each post, near those of posts that it is like, `[num_posts, dim]`."""


@dataclass(frozen=True)
class LikeOrder:
    """Every post, by how well it suits; the value is the chance of a like."""

    model: FeedModel
    scorer: FeedScorer
    feed: FeedTables
    chosen: str = "liked before"

    def scores(self, arm: str, reader: int, at: int) -> tuple[DoubleArray, Values]:
        rows = self.scorer.all_posts(arm, reader, at)
        scores = score(self.model, arm, rows)
        return scores, partial(like_chances, self.model, arm, rows, scores)

    def chosen_by(self, reader: int, at: int) -> IntArray:
        return self.feed.liked_by(reader, at)

    def is_known(self, reader: int, at: int) -> bool:
        return bool(self.scorer.features.num_views(reader, at))

    def vectors(self) -> NDArray[np.float32]:
        return np.concatenate(list(self.scorer.spaces.values()), axis=1, dtype=np.float32)


@dataclass(frozen=True)
class ClickOrder:
    """Candidates for the next click; the value is the score that ranks them.

    Counts fade up to the last click that the log holds: after it, nothing is known of what fades.
    """

    model: ClickModel
    scorer: ClickScorer
    chosen: str = "clicked before"

    def scores(self, arm: str, reader: int, at: int) -> tuple[DoubleArray, Values]:
        log = self.scorer.log
        lag = max(at * 1000 - int(log.at[-1]) - 1, 0) if len(log) else 0
        asked, found = self.scorer.asked(np.array([reader]), np.array([at * 1000]), lag)
        scores = np.full(log.num_articles, -np.inf)
        scores[found.article] = self.scorer.scores(model_of_arm(self.model, arm), asked, found)
        return scores, lambda posts: scores[posts]

    def chosen_by(self, reader: int, at: int) -> IntArray:
        return self.scorer.features.clicked(reader, at * 1000)

    def is_known(self, reader: int, at: int) -> bool:
        return len(self.chosen_by(reader, at)) > 0

    def vectors(self) -> NDArray[np.float32]:
        return self.model.vectors


def load_order(run: Run, feed: FeedTables, store: GraphStore) -> Order:
    """What a run's model says of a feed, whose clicks are read where it predicts them."""
    folder = run.folder
    known = load_posts(folder)
    if predicts_clicks(run):
        model = load_click_model(folder)
        placed = ClickModel(model.ranking, model.names, _placed(model.vectors, known, feed.posts))
        return ClickOrder(placed, ClickScorer(read_clicks(store, feed.readers, feed.posts)))
    likes = load_feed_model(folder)
    return LikeOrder(likes, FeedScorer(feed.log, _spaces_now(likes, known, feed)), feed)


def post_vectors(run: Run, feed: FeedTables) -> NDArray[np.float32]:
    """A vector of each post by a run's model; of one that came after the training what its text says, else zeros."""
    known = load_posts(run.folder)
    if predicts_clicks(run):
        return _placed(load_click_model(run.folder).vectors, known, feed.posts)
    spaces = _spaces_now(load_feed_model(run.folder), known, feed)
    return np.concatenate(list(spaces.values()), axis=1)


def _spaces_now(likes: FeedModel, known: IdMap, feed: FeedTables) -> dict[str, NDArray[np.float32]]:
    """The spaces of a model for the posts that there are now, those of later ones by their texts."""
    spaces = {name: _placed(vectors, known, feed.posts) for name, vectors in likes.spaces.items()}
    axes, text = likes.text_axes, feed.text
    if axes is not None and text is not None and text.shape[1] == len(axes.mean):
        late = known.positions(feed.posts.ids) < 0
        spaces[TEXT][late] = axes.of(text[late])
    return spaces


def predicts_clicks(run: Run) -> bool:
    """Whether a run of posts was trained on clicks; on likes otherwise."""
    return bool(run.manifest["config"].get("target") == "clicks")


def _placed(vectors: NDArray[np.float32], known: IdMap, posts: IdMap) -> NDArray[np.float32]:
    """Vectors of the posts that there are now; zeros for those that came after the training."""
    return rows_at(vectors, known.positions(posts.ids)).astype(np.float32)
