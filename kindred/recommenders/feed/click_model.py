"""The model of a news site: in which order articles suit a reader now, learned from which one was clicked next.

Candidates are found by counts, and trees rank those that stand high in one of a few simple orders. Two arms answer:
`control` ranks by what others clicked next and by what is popular, `test` by the trees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError, RecordError
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.features.click_candidates import CandidateFinder, Candidates
from kindred.features.click_contexts import Asked
from kindred.features.click_log import ClickLog
from kindred.features.clicks import SLOW_FEATURES, ClickFeatures, ranks_in
from kindred.features.feed_affinity import graph_space
from kindred.models.boosting import Boosting, fit_ranking
from kindred.recommenders.feed.model import CONTROL
from kindred.training.checkpoint import read_arrays, write_arrays

MODEL = "click_model"
MOST_LEARNED = 24_000
"""Clicks that the trees learn from; more are sampled down to so many."""
LEARNED_SHARE = 0.5
"""Share of the clicks, the newest, that they are taken from; older ones only count as history."""
DIM = 16
"""Of the vectors of articles."""
_MOST_TRIED, _TRIED_SHARE = 6_000, 0.25
"""Clicks that tell whether what hardly fades pays, and the share of them, the newest, that is predicted."""
_LISTED = 5
_TIE = 1e-7
BATCH = 500
"""Requests whose features are computed at once."""


@dataclass(frozen=True)
class ClickModel:
    """Trees that rank, and vectors of articles by their readers, which say what is alike.

    Attributes:
        ranking: the trees.
        names: of the features that they read.
        vectors: `[num_articles, dim]`.
    """

    ranking: Boosting
    names: tuple[str, ...]
    vectors: NDArray[np.float32]

    @property
    def reads_lasting(self) -> bool:
        """Whether its trees read what hardly fades."""
        return not SLOW_FEATURES.isdisjoint(self.names)

    def save(self, folder: Path) -> None:
        """Writes the model into a run's folder."""
        write_arrays(folder, MODEL, {"vectors": self.vectors}, {"names": self.names, "ranking": self.ranking.text})


def load_click_model(folder: Path) -> ClickModel:
    """The model in a run's folder. Raises: ArtifactError where there is no whole one."""
    arrays, noted = read_arrays(folder, MODEL)
    try:
        return ClickModel(Boosting(noted["ranking"]), tuple(noted["names"]), arrays["vectors"])
    except KeyError as error:
        raise ArtifactError(f"the model in {folder} lacks {error}", "train again") from error


class ClickScorer:
    """Candidates and their features, from what was known before a time.

    Args:
        log: the clicks.
    """

    def __init__(self, log: ClickLog) -> None:
        self.log = log
        self.features = ClickFeatures(log)
        self._finder = CandidateFinder(self.features)

    def asked(self, reader: IntArray, at: IntArray, lag: int = 0) -> tuple[Asked, Candidates]:
        """Requests at a time, milliseconds, and their candidates; counts are `lag` milliseconds older."""
        asked = self.features.asked(reader, at, lag)
        return asked, self._finder.find(reader, asked)

    def rows(self, asked: Asked, found: Candidates, lasting: bool) -> tuple[list[str], DoubleArray]:
        """Names and values of the features of the candidates that trees rank, with or without what hardly fades."""
        short = found.ranked(lasting)
        known = {name: share[short] for name, share in found.shares.items()}
        names, rows = self.features.rows(asked, found.request[short], found.article[short], found.keys, known)
        if lasting:
            return names, rows
        columns = [column for column, name in enumerate(names) if name not in SLOW_FEATURES]
        return [names[column] for column in columns], rows[:, columns]

    def scores(self, model: ClickModel | None, asked: Asked, found: Candidates) -> DoubleArray:
        """A score of each candidate, higher is better, `[num_rows]`; the plain one without a model.

        Candidates that the trees do not rank come after those that they do; ties are in the plain order.
        """
        if model is None or not (short := found.ranked(model.reads_lasting)).any():
            return found.plain
        ranked = model.ranking.score(self.rows(asked, found, model.reads_lasting)[1])
        scores: DoubleArray = found.plain - found.plain.max() + ranked.min() - 1.0
        scores[short] = ranked + _TIE * found.plain[short]
        return scores


def model_of_arm(model: ClickModel, arm: str) -> ClickModel | None:
    """The model that an arm ranks by; None for the plain order."""
    return None if arm == CONTROL else model


def warm_clicks(scorer: ClickScorer, since: int, most: int, seed: int) -> IntArray:
    """A sample of the clicks from a time on, of readers with an earlier click, on articles that are new to them."""
    log = scorer.log
    rows = np.flatnonzero((log.at >= since) & log.is_first)
    rows = rows[scorer.features.asked(log.reader[rows], log.at[rows]).row[:, 0] >= 0]
    chosen: IntArray = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
    return chosen


def batches(scorer: ClickScorer, rows: IntArray, lag: int = 0) -> Iterator[tuple[IntArray, Asked, Candidates]]:
    """Some clicks, each as a request just before it, and the candidates."""
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        yield some, *scorer.asked(scorer.log.reader[some], scorer.log.at[some], lag)


def fit_click_model(log: ClickLog, until: int, seed: int) -> ClickModel:
    """The model fitted on the clicks before a time, milliseconds.

    A row of the training is what the recommender would compute just before a click.

    Raises:
        RecordError: no reader clicked twice, or nothing that was clicked was popular or followed anything.
    """
    known = log.until(until)
    scorer = ClickScorer(known)
    since = int(known.at[int(len(known) * (1 - LEARNED_SHARE))]) if len(known) else until
    rows = warm_clicks(scorer, since, MOST_LEARNED, seed)
    (learned,) = examples(scorer, rows, (lasting_pays(scorer, rows, seed),))
    trees = learned.fit(seed)
    ones = np.ones(len(known), dtype=np.float32)
    return ClickModel(trees, learned.names, graph_space(known.reader, known.article, ones, known.num_articles, DIM))


@dataclass(frozen=True)
class Examples:
    """Clicks to learn from: the candidates that trees rank for each, and which of them was clicked.

    Attributes:
        names: of the features.
        values: of the candidates, those of one click beside each other, `[num_rows, num_features]`.
        chosen: the one that was clicked, `[num_rows]`.
        sizes: candidates of each click; none where what was clicked is not among them, `[num_clicks]`.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    chosen: NDArray[np.bool_]
    sizes: IntArray

    def fit(self, seed: int) -> Boosting:
        """Trees that learned from them.

        Raises:
            RecordError: none of the clicks was on an article that is ranked.
        """
        if not self.chosen.any():
            hint = "load more with `kindred ingest clicks --clicks FILE`"
            raise RecordError("there are too few clicks of readers who clicked before", hint)
        return fit_ranking(self.values, self.chosen, self.sizes[self.sizes > 0], seed)

    def listed(self, trees: Boosting) -> NDArray[np.bool_]:
        """Whether trees put what was clicked among the first, of each click, `[num_clicks]`."""
        if not len(self.values):
            return np.zeros(len(self.sizes), dtype=np.bool_)
        click = np.repeat(np.arange(len(self.sizes)), self.sizes)
        there = self.chosen & (ranks_in(click, trees.score(self.values)) < _LISTED)
        return np.bincount(click, there, len(self.sizes)) > 0


def examples(scorer: ClickScorer, clicks: IntArray, kinds: Sequence[bool]) -> list[Examples]:
    """Clicks as examples for trees of each kind, those that read what hardly fades and those that do not.

    Args:
        scorer: of the log.
        clicks: rows of the log.
        kinds: whether trees read what hardly fades, of each of the results.
    """
    parts: list[list[Examples]] = [[] for _ in kinds]
    for rows, asked, found in batches(scorer, clicks):
        right = found.article == scorer.log.article[rows][found.request]
        for lasting, of in zip(kinds, parts, strict=True):
            short = found.ranked(lasting)
            request = found.request[short]
            told = np.bincount(request, right[short], len(rows)) > 0
            names, values = scorer.rows(asked, found, lasting)
            kept = told[request]
            sizes = np.where(told, np.bincount(request, minlength=len(rows)), 0)
            of.append(Examples(tuple(names), values[kept].astype(np.float32), right[short][kept], sizes))
    return [_joined(of) for of in parts]


def _joined(parts: Sequence[Examples]) -> Examples:
    """Examples of one batch after another's."""
    if not parts:
        return Examples((), np.empty((0, 0), np.float32), np.empty(0, np.bool_), np.empty(0, np.int64))
    values, chosen = np.concatenate([part.values for part in parts]), np.concatenate([part.chosen for part in parts])
    return Examples(parts[0].names, values, chosen, np.concatenate([part.sizes for part in parts]))


def lasting_pays(scorer: ClickScorer, rows: IntArray, seed: int) -> bool:
    """Whether trees that read what hardly fades list more of the newest clicks, by more than its standard error.

    On news it tells nothing, and in a shop most. Some of the clicks tell: older ones are fitted, the newest predicted.

    Args:
        scorer: of the log.
        rows: clicks to learn from, oldest first.
        seed: of the trees.
    """
    some = rows[:: -(-len(rows) // _MOST_TRIED) or 1]
    num_old = len(some) - round(len(some) * _TRIED_SHARE)
    old, new = (examples(scorer, of, (True, False)) for of in (some[:num_old], some[num_old:]))
    if not all(early.chosen.any() for early in old):
        return True
    lasting, fading = (late.listed(early.fit(seed)) for early, late in zip(old, new, strict=True))
    gained = lasting.astype(np.float64) - fading
    return bool(gained.mean() > gained.std() / np.sqrt(len(gained)))
