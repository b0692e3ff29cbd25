"""The model of a feed: in which order posts suit a reader at a time, and how likely a like is.

Two arms are fitted on the same rows. `control` reads classical features; `test` reads besides how alike a post is, by
its text and by its readers, to what the reader liked of late and to what the feed put first for them. Within a request
only what tells posts apart can rank them, so the order is a conditional logit of sessions; the probability of a like,
which depends on the reader and the place in the session most of all, comes from boosted trees on every feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError, RecordError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.domain.times import iso_time
from kindred.features.feed import FEATURES, SLATE_FEATURES, FeedFeatures
from kindred.features.feed_affinity import Affinity, Axes, axes_of, reader_space
from kindred.features.feed_log import LABEL_SECONDS, MILLION, FeedLog
from kindred.models.boosting import Boosting, fit_boosting
from kindred.models.conditional_logit import ConditionalLogit, fit_conditional_logit
from kindred.training.checkpoint import read_arrays, write_arrays

CONTROL, TEST = "control", "test"
ARMS = (CONTROL, TEST)
MODEL = "feed_model"
POST_IDS = "feed_posts"
"""Checkpoint beside it that holds the ids of the posts that its spaces are of."""
TEXT_DIM, READERS_DIM, EARLY_DIM = 32, 16, 4
TEXT_EQUAL = 0.5
"""How far the spreads of the axes of texts are made equal; see `axes_of`."""
GRAPH_SHARE = 0.4
"""Share of the views, the oldest, that the space of readers is made of; later ones train the weights of it."""
AFTER = 10
"""Views after which a session is asked about again."""
WARM_UP = 0.1
"""Share of the views, the oldest, that only count as history."""

MOST_BEST = 10
"""So many of the posts that suit a reader best say how likely a like is."""

_LOGIT = ("weights", "mean", "scale")
TEXT, READERS, EARLY = "text", "readers", "early"
LIKED, PLACED = "liked", "placed"
_AFFINITIES = ((TEXT, LIKED), (TEXT, PLACED), (READERS, LIKED), (EARLY, PLACED))
"""Spaces of posts, and by which worth of views the profile of a reader in each is made."""

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
        text_axes: what vectors of texts become those of the space of texts by; None where there is no such space.
    """

    arms: Mapping[str, Arm]
    spaces: Spaces
    text_axes: Axes | None = None

    def save(self, folder: Path) -> None:
        """Writes the model into a run's folder."""
        arrays: dict[str, NDArray[np.generic]] = {f"space.{name}": rows for name, rows in self.spaces.items()}
        for name, arm in self.arms.items():
            arrays |= {f"{name}.{part}": getattr(arm.logit, part) for part in _LOGIT}
        if self.text_axes is not None:
            arrays |= {f"axes.{part}": array for part, array in asdict(self.text_axes).items()}
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
        axes = {field.name: arrays[f"axes.{field.name}"] for field in fields(Axes)} if "axes.mean" in arrays else None
        spaces = {name: arrays[f"space.{name}"] for name in noted["spaces"]}
        return FeedModel(arms, spaces, None if axes is None else Axes(**axes))
    except KeyError as error:
        raise ArtifactError(f"the model in {folder} lacks {error}", "train again") from error


def save_posts(posts: IdMap, folder: Path) -> None:
    """Writes the ids of the posts that the spaces of a model are of, beside it."""
    write_arrays(folder, POST_IDS, {"num_posts": np.array([len(posts)])}, {"posts": posts.ids})


def load_posts(folder: Path) -> IdMap:
    """The posts that the spaces of the model in a run's folder are of, by position."""
    return IdMap(read_arrays(folder, POST_IDS)[1]["posts"])


@dataclass(frozen=True)
class Learned:
    """Rows of a training.

    Attributes:
        row: of the view, `[num_rows]`.
        asked_at: as of when its features are, `[num_rows]`.
        group: which request it belongs to, growing, `[num_rows]`.
    """

    row: IntArray
    asked_at: IntArray
    group: IntArray


class FeedScorer:
    """Scores posts from what was known before a time.

    Args:
        log: the views.
        spaces: vectors of posts, as the model has them.
    """

    def __init__(self, log: FeedLog, spaces: Spaces) -> None:
        self.features = FeedFeatures(log)
        self.spaces = spaces
        self._affinities = [
            Affinity(log, spaces[space], worth_of(log, by)) for space, by in _AFFINITIES if space in spaces
        ]

    def rows(self, arm: str, reader: IntArray, post: IntArray, at: IntArray) -> DoubleArray:
        """All features of an arm, of each row; those that rank first, `[num_rows, num_features]`."""
        more = [affinity.of_posts(reader, post, at) for affinity in self._of_arm(arm)]
        return _joined(more, self.features.rows(reader, post, at))

    def all_posts(self, arm: str, reader: int, at: int) -> DoubleArray:
        """The same of every post, for one reader at one time, `[num_posts, num_features]`."""
        more = [affinity.of_all_posts(reader, at) for affinity in self._of_arm(arm)]
        return _joined(more, self.features.all_posts(reader, at))

    def _of_arm(self, arm: str) -> list[Affinity]:
        return self._affinities if arm == TEST else []


def _joined(more: list[DoubleArray], features: DoubleArray) -> DoubleArray:
    return np.column_stack([*more, features]) if more else features


def ranking_columns(arm: str, spaces: Spaces) -> list[str]:
    """Names of the features that rank, in the order of their columns."""
    affinities = [f"{space}_{by}" for space, by in _AFFINITIES if arm == TEST and space in spaces]
    return [*affinities, *SLATE_FEATURES]


def worth_of(log: FeedLog, by: str) -> NDArray[np.float32]:
    """What each view says for its post: that it was liked, or how many likes its place lets expect; less the usual.

    The usual is the like rate of all views whose labels were known then, `[num_views]`.
    """
    worth = log.liked * MILLION if by == LIKED else log.place_rate
    centred: NDArray[np.float32] = ((worth - log.usual_rate) / MILLION).astype(np.float32)
    return centred


def score(model: FeedModel, arm: str, rows: DoubleArray) -> DoubleArray:
    """A score of each row, higher is better, `[num_rows]`."""
    logit = model.arms[arm].logit
    return logit.score(rows[:, : len(logit.weights)])


def like_chances(model: FeedModel, arm: str, rows: DoubleArray, scores: DoubleArray, posts: IntArray) -> DoubleArray:
    """The chance of a like of each of some posts of one request; the same whichever others are asked for.

    The trees say how likely the reader likes one of the posts that suit them best, the logit how much more one post is
    liked than another.

    Args:
        model: what was learned.
        arm: which of its two arms.
        rows: features of every post, `[num_posts, num_features]`.
        scores: of every post, `[num_posts]`.
        posts: positions of those asked for.
    """
    num_best = min(MOST_BEST, len(scores))
    if not num_best:
        return np.empty(0)
    best = np.argpartition(-scores, num_best - 1)[:num_best]
    odds = np.exp(scores - scores[best].max())
    usual = model.arms[arm].boosting.probability(rows[best]).mean()
    chances: DoubleArray = np.clip(usual * odds[posts] / odds[best].mean(), 0.0, 1.0)
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
        raise _no_likes(int(log.liked.sum()), until)
    axes = None if text is None else axes_of(text, TEXT_DIM, TEXT_EQUAL)
    spaces = _spaces(known, {} if text is None or axes is None else {TEXT: axes.of(text)})
    scorer = FeedScorer(known, spaces)
    arms = {name: _fit_arm(name, known, scorer, seed) for name in ARMS}
    return FeedModel(arms, spaces, axes)


def _no_likes(liked: int, until: int) -> RecordError:
    """The error of a feed in which no like is known before a time; so many views were liked in all."""
    more = "load more with `kindred ingest posts --feed FILE`"
    if not liked:
        return RecordError("no view of the feed was liked", more)
    return RecordError(
        f"{liked:,} views of the feed were liked, none of them {LABEL_SECONDS} s before {iso_time(until)}, "
        "which is how long a like may take to come",
        f"{more}: views of a longer time, each with its time of day",
    )


def _spaces(known: FeedLog, of_texts: Spaces) -> Spaces:
    old = known.until(int(known.at[int(len(known) * GRAPH_SHARE)]))
    of_readers = reader_space(old, worth_of(old, LIKED), READERS_DIM)
    return {**of_texts, READERS: of_readers, EARLY: reader_space(old, worth_of(old, PLACED), EARLY_DIM)}


def asked_rows(log: FeedLog, arm: str) -> Learned:
    """The views that an arm learns from, each as of the time that its session is asked about.

    That is 1 s before the first view of the session, and again after its 10th for those that follow. The oldest views
    only count as history, or as what the spaces are made of.
    """
    first = int(log.at[int(len(log) * (GRAPH_SHARE if arm == TEST else WARM_UP))])
    begins, tenth = (_time_of(log, place) for place in (0, AFTER - 1))
    parts = [(np.arange(len(log)), begins[log.session] - 1, log.session)]
    later = np.flatnonzero(log.place >= AFTER)
    parts.append((later, tenth[log.session[later]] + 1, log.session[later] + len(begins)))
    row, asked_at, group = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    kept = asked_at >= first
    if not log.liked[row[kept]].any():
        kept = np.ones(len(row), dtype=np.bool_)
    order = np.flatnonzero(kept)[np.argsort(group[kept], kind="stable")]
    return Learned(row[order], asked_at[order], group[order])


def _time_of(log: FeedLog, place: int) -> IntArray:
    """When the view at a place of each session was, `[num_sessions]`."""
    found = np.full(int(log.session.max()) + 1, np.iinfo(np.int64).max // 2)
    there = log.place == place
    found[log.session[there]] = log.at[there]
    return found


def _fit_arm(arm: str, log: FeedLog, scorer: FeedScorer, seed: int) -> Arm:
    learned = asked_rows(log, arm)
    rows = learned.row
    asked = scorer.rows(arm, log.reader[rows], log.post[rows], learned.asked_at)
    num_ranking = asked.shape[1] - (len(FEATURES) - len(SLATE_FEATURES))
    logit = fit_conditional_logit(asked[:, :num_ranking], learned.group, log.liked[rows])
    viewed = np.unique(rows)
    values = scorer.rows(arm, log.reader[viewed], log.post[viewed], log.at[viewed])
    return Arm(logit, fit_boosting(values, log.liked[viewed], seed))
