"""What a feed's model is compared with, from plain to elaborate; each scores rows from what was known when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.features.feed import READER_FEATURES
from kindred.features.feed_log import LABEL_SECONDS, FeedLog
from kindred.models.boosting import fit_boosting
from kindred.recommenders.feed.model import (
    CONTROL,
    TEST,
    FeedModel,
    FeedScorer,
    asked_rows,
    ranking_columns,
    score,
)

WEEK = 7 * 86_400


@dataclass(frozen=True)
class Asked:
    """Posts that are to be ranked, of one request or of many.

    Attributes:
        reader, post, at: of each row, `[num_rows]`.
        values: all features of the second arm, `[num_rows, num_features]`.
        names: of the features.
    """

    reader: IntArray
    post: IntArray
    at: IntArray
    values: DoubleArray
    names: tuple[str, ...]

    def column(self, name: str) -> DoubleArray:
        """One feature, `[num_rows]`."""
        found: DoubleArray = self.values[:, self.names.index(name)]
        return found


Ranker = Callable[[Asked], DoubleArray]


def feature_names(scorer: FeedScorer) -> tuple[str, ...]:
    """Names of all features of the second arm, in the order of their columns."""
    return (*ranking_columns(TEST, scorer.spaces), *READER_FEATURES)


def ask(scorer: FeedScorer, reader: IntArray, post: IntArray, at: IntArray) -> Asked:
    """Rows with their features as of their times."""
    return Asked(reader, post, at, scorer.rows(TEST, reader, post, at), feature_names(scorer))


def ask_all(scorer: FeedScorer, reader: int, at: int) -> Asked:
    """Every post for one reader at one time."""
    post = np.arange(scorer.features.log.num_posts)
    values = scorer.all_posts(TEST, reader, at)
    return Asked(np.full(len(post), reader), post, np.full(len(post), at), values, feature_names(scorer))


def ladder(log: FeedLog, model: FeedModel, scorer: FeedScorer, until: int, seed: int) -> Mapping[str, Ranker]:
    """Everything that is compared, by name; what is fitted is fitted on views before `until`.

    Args:
        log: all views.
        model: fitted on the same views.
        scorer: of all views, with the spaces of the model.
        until: where what may be learned from ends.
        seed: of trees.
    """
    features = scorer.features
    num_affinities = len(ranking_columns(TEST, scorer.spaces)) - len(ranking_columns(CONTROL, scorer.spaces))
    neighbours = Neighbours(log, until)
    rankers: dict[str, Ranker] = {
        "random": lambda asked: np.zeros(len(asked.post)),
        "popular": lambda asked: features.of_post(asked.post, asked.at)[1],
        "popular in the last week": lambda asked: features.of_post(asked.post, asked.at, asked.at - WEEK)[1],
        "popular by topic and profile": lambda asked: asked.column("topic_lift") + asked.column("group_topic_lift"),
        "topic preference": lambda asked: features.of_reader_topic(asked.reader, asked.post, asked.at)[1],
        "reader-topic lift": lambda asked: asked.column("reader_topic_lift"),
        "item neighbours": neighbours,
        **_boosted(log, scorer, until, seed),
        "control": lambda asked: score(model, CONTROL, asked.values[:, num_affinities:]),
        "test": lambda asked: score(model, TEST, asked.values),
    }
    return rankers


def _boosted(log: FeedLog, scorer: FeedScorer, until: int, seed: int) -> dict[str, Ranker]:
    """Trees on classical features, with those of text, and with those of the graph besides."""
    known = log.until(until)
    rows = asked_rows(known, TEST)
    names = feature_names(scorer)
    learned = ask(FeedScorer(known, scorer.spaces), known.reader[rows.row], known.post[rows.row], rows.asked_at)
    classical = {*ranking_columns(CONTROL, scorer.spaces), *READER_FEATURES}
    kinds = {"boosting": classical}
    if any(name.startswith("text_") for name in names):
        kinds["boosting + text"] = kinds["boosting"] | {name for name in names if name.startswith("text_")}
    kinds["boosting + graph" if len(kinds) == 1 else "boosting + text + graph"] = set(names)
    rankers: dict[str, Ranker] = {}
    for name, read in kinds.items():
        columns = [number for number, column in enumerate(names) if column in read]
        rankers[name] = _trees(learned.values, known.liked[rows.row], columns, seed)
    return rankers


def _trees(values: DoubleArray, liked: NDArray[np.bool_], columns: list[int], seed: int) -> Ranker:
    trees = fit_boosting(values[:, columns], liked, seed)
    return lambda asked: trees.probability(asked.values[:, columns])


class Neighbours:
    """Scores a post by its cosines with the posts that the reader liked: how many readers liked both.

    Args:
        log: the views.
        until: likes after it say nothing of which posts are near; they are of the reader all the same.
    """

    def __init__(self, log: FeedLog, until: int) -> None:
        from scipy.sparse import coo_matrix

        liked = np.flatnonzero(log.liked)
        self._reader, self._post, self._known = log.reader[liked], log.post[liked], log.at[liked] + LABEL_SECONDS
        old = self._known < until
        shape = (log.num_readers, log.num_posts)
        likes = coo_matrix((np.ones(int(old.sum())), (self._reader[old], self._post[old])), shape=shape).tocsr()
        likes.data[:] = 1.0
        length = np.sqrt(np.asarray(likes.sum(axis=0)).ravel() + 1e-12)
        likes = likes.multiply(1.0 / length).tocsr()
        cosine = (likes.T @ likes).tolil()
        cosine.setdiag(0.0)
        self._cosine = cosine.tocsr()

    def __call__(self, asked: Asked) -> DoubleArray:
        """The score of each row, `[num_rows]`."""
        scores = np.zeros(len(asked.post))
        times, index = np.unique(np.stack([asked.reader, asked.at]), axis=1, return_inverse=True)
        for number, (reader, at) in enumerate(times.T.tolist()):
            liked = self._post[(self._reader == reader) & (self._known < at)]
            rows = np.flatnonzero(index == number)
            scores[rows] = np.asarray(self._cosine[liked].sum(axis=0)).ravel()[asked.post[rows]]
        return scores
