"""What a training step is shown: edges to predict, candidates, and which of these are no fair negatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.distinct import DistinctPairs, distinct
from kindred.domain.interactions import FloatArray, IntArray


def supervision_folds(num_rows: int, num_folds: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """At most `num_folds` random disjoint parts that make up `range(num_rows)`, of equal size but for one row."""
    order = rng.permutation(num_rows)
    for fold in np.array_split(order, num_folds):
        if len(fold):
            yield np.sort(fold)


@dataclass(frozen=True)
class Candidates:
    """Items that stand for the catalogue in one step.

    Attributes:
        items: distinct, ascending, `[num_candidates]`.
        log_expected: log of the probability that each is in such a sample, `[num_candidates]`; None where all items
            are taken.
    """

    items: IntArray
    log_expected: FloatArray | None


def sample_candidates(popularity: IntArray, count: int, positives: IntArray, rng: np.random.Generator) -> Candidates:
    """About `count` items sampled by the square root of popularity, and the positives.

    It is the whole catalogue where that is no more.

    Args:
        popularity: training events of each item, `[num_items]`.
        count: items to sample, repeats counted.
        positives: items that must be there, e.g. the answers of the step.
        rng: the source of randomness.
    """
    num_items = len(popularity)
    if num_items <= count:
        return Candidates(np.arange(num_items), None)
    weights = np.sqrt(popularity + 1.0)
    probability = weights / weights.sum()
    answers, num_sampled = np.unique(positives, return_counts=True)
    sampled = rng.choice(num_items, count, p=probability)
    items = distinct(sampled, answers)
    # An item is there when it was sampled or is an answer; answers come in proportion to popularity.
    share = popularity / max(int(popularity.sum()), 1)
    expected = 1.0 - np.exp(-(count * probability + int(num_sampled.sum()) * share))
    return Candidates(items, np.log(np.maximum(expected[items], 1e-12)).astype(np.float32))


class KnownPairs(DistinctPairs):
    """The known targets of every source, to find false negatives among candidates."""

    def among(self, sources: IntArray, candidates: IntArray) -> NDArray[np.bool_]:
        """True where the source is known to have the candidate, `[num_sources, num_candidates]`.

        Args:
            sources: `[num_rows]`.
            candidates: distinct targets, ascending, `[num_candidates]`.
        """
        rows, targets = self.rows_and_targets(sources)
        columns = np.full(self.num_targets, -1)
        columns[candidates] = np.arange(len(candidates))
        found = columns[targets] >= 0
        known = np.zeros((len(sources), len(candidates)), dtype=np.bool_)
        known[rows[found], columns[targets[found]]] = True
        return known
