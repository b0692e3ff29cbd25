"""The model of a feed: in which order posts suit a reader at a time, and how likely a like is.

Two arms are fitted on the same rows. `control` reads classical features; `test` reads how alike a post's text and its
readers are to what the reader liked of late besides. Within a request only what tells posts apart can rank them, so the
order is a conditional logit of sessions; the probability of a like, which depends on the reader and the place in the
session most of all, comes from boosted trees on every feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError, RecordError
from kindred.evaluation.slates import sessions_of
from kindred.features.feed import FEATURES, SESSION_SECONDS, SLATE_FEATURES, FeedFeatures, FeedLog, FloatArray, IntArray
from kindred.features.feed_affinity import Affinity, reader_space, reduced
from kindred.models.boosting import Boosting, fit_boosting
from kindred.models.conditional_logit import ConditionalLogit, fit_conditional_logit
from kindred.training.checkpoint import read_arrays, write_arrays

CONTROL, TEST = "control", "test"
ARMS = (CONTROL, TEST)
MODEL = "feed_model"
TEXT_DIM, GRAPH_DIM = 32, 16
GRAPH_SHARE = 0.4
"""Share of the views, the oldest, that the space of readers is made of; later ones train the weights of it."""
WARM_UP = 0.1
"""Share of the views, the oldest, that only count as history."""

_LOGIT = ("weights", "mean", "scale")

Spaces = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Arm:
    """One of the two models.

    Attributes:
        logit: the order within a request.
        boosting: the probability of a like.
    """

    logit: ConditionalLogit
    boosting: Boosting


@dataclass(frozen=True)
class FeedModel:
    """Both arms, and the spaces of posts that the second one reads.

    Attributes:
        arms: by name.
        spaces: name → vectors of posts, `[num_posts, dim]`.
    """

    arms: Mapping[str, Arm]
    spaces: Spaces

    def save(self, folder: Path) -> None:
        """Writes it into a run's folder."""
        arrays: dict[str, NDArray[np.generic]] = {f"space.{name}": rows for name, rows in self.spaces.items()}
        for name, arm in self.arms.items():
            arrays |= {f"{name}.{part}": getattr(arm.logit, part) for part in _LOGIT}
        noted = {"spaces": list(self.spaces), "boosting": {name: arm.boosting.text for name, arm in self.arms.items()}}
        write_arrays(folder, MODEL, arrays, noted)


def load_feed_model(folder: Path) -> FeedModel:
    """The model in a run's folder. Raises: ArtifactError where there is no whole one."""
    arrays, noted = read_arrays(folder, MODEL)
    try:
        arms = {
            name: Arm(ConditionalLogit(*(arrays[f"{name}.{part}"] for part in _LOGIT)), Boosting(text))
            for name, text in noted["boosting"].items()
        }
        return FeedModel(arms, {name: arrays[f"space.{name}"] for name in noted["spaces"]})
    except KeyError as error:
        raise ArtifactError(f"the model in {folder} lacks {error}", "train again") from error


class FeedScorer:
    """Scores posts from what was known before a time.

    Args:
        log: the views.
        spaces: vectors of posts, as the model has them.
    """

    def __init__(self, log: FeedLog, spaces: Spaces) -> None:
        self.features = FeedFeatures(log)
        self.spaces = spaces
        self._affinities = {name: Affinity(log, vectors) for name, vectors in spaces.items()}

    def rows(self, arm: str, reader: IntArray, post: IntArray, at: IntArray) -> FloatArray:
        """All features of an arm, of each row; those that rank first, `[num_rows, num_features]`."""
        more = [affinity.of_posts(reader, post, at) for affinity in self._of_arm(arm)]
        return _joined(more, self.features.rows(reader, post, at))

    def all_posts(self, arm: str, reader: int, at: int) -> FloatArray:
        """The same of every post, for one reader at one time, `[num_posts, num_features]`."""
        more = [affinity.of_all_posts(reader, at) for affinity in self._of_arm(arm)]
        return _joined(more, self.features.all_posts(reader, at))

    def _of_arm(self, arm: str) -> list[Affinity]:
        return list(self._affinities.values()) if arm == TEST else []


def _joined(more: list[FloatArray], features: FloatArray) -> FloatArray:
    return np.column_stack([*more, features]) if more else features


def ranking_columns(arm: str, spaces: Spaces) -> list[str]:
    """Names of the features that rank, in the order of their columns."""
    return [*(f"{name}_affinity" for name in (spaces if arm == TEST else ())), *SLATE_FEATURES]


def score(model: FeedModel, arm: str, rows: FloatArray) -> FloatArray:
    """A score of each row, higher is better, `[num_rows]`."""
    logit = model.arms[arm].logit
    return logit.score(rows[:, : len(logit.weights)])


def like_chances(model: FeedModel, arm: str, rows: FloatArray, scores: FloatArray) -> FloatArray:
    """The chance of a like of each of some posts of one request, in the order of their scores.

    The trees say how likely the reader likes anything now, the logit how much more one post is liked than another.
    """
    if not len(rows):
        return np.empty(0)
    odds = np.exp(scores - scores.max())
    chances: FloatArray = np.clip(model.arms[arm].boosting.probability(rows).mean() * odds / odds.mean(), 0.0, 1.0)
    return chances


def fit_feed_model(log: FeedLog, text: NDArray[np.float32] | None, until: int, seed: int) -> FeedModel:
    """Both arms, fitted on the views before a time.

    A row of the training is what the recommender would compute at the start of its session, 1 s before the first view;
    the trees learn from the time of the view.

    Raises:
        RecordError: there is no like among them.
    """
    known = log.until(until)
    if not known.liked.any():
        raise RecordError("no view of the feed was liked", "load more with `kindred ingest posts --feed FILE`")
    old = known.until(int(known.at[int(len(known) * GRAPH_SHARE)]))
    spaces: dict[str, NDArray[np.float32]] = {} if text is None else {"text": reduced(text, TEXT_DIM)}
    spaces["readers"] = reader_space(old, GRAPH_DIM)
    scorer = FeedScorer(known, spaces)
    session = sessions_of(known.reader, known.at, SESSION_SECONDS)
    begins = np.full(session.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(begins, session, known.at)
    arms = {name: _fit_arm(name, known, scorer, session, begins[session] - 1, seed) for name in ARMS}
    return FeedModel(arms, spaces)


def _fit_arm(
    arm: str, log: FeedLog, scorer: FeedScorer, session: IntArray, asked_at: IntArray, seed: int
) -> Arm:  # fmt: skip
    share = GRAPH_SHARE if arm == TEST else WARM_UP
    first = int(log.at[int(len(log) * share)])
    rows = np.flatnonzero(asked_at >= first)
    if not log.liked[rows].any():
        rows = np.arange(len(log))
    rows = rows[np.argsort(session[rows], kind="stable")]
    reader, post, liked = log.reader[rows], log.post[rows], log.liked[rows]
    asked = scorer.rows(arm, reader, post, asked_at[rows])
    num_ranking = asked.shape[1] - (len(FEATURES) - len(SLATE_FEATURES))
    logit = fit_conditional_logit(asked[:, :num_ranking], session[rows], liked)
    return Arm(logit, fit_boosting(scorer.rows(arm, reader, post, log.at[rows]), liked, seed))
