"""Metrics of tagging: how well scores rank tracks for each tag, and how far probabilities can be believed.

Macro figures are means over tags that some track has; a tag that none has says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import BoolArray, DoubleArray
from kindred.domain.roc_auc import roc_auc

Scores = NDArray[np.floating]


@dataclass(frozen=True)
class Ranked:
    """The rows in the order of each label's scores, so that resamples need no sorting, `[num_rows, num_tags]` each.

    Attributes:
        order: rows, the best first.
        hits: whether that row has the label.
        last: place of the last row with the same score.
    """

    order: NDArray[np.int64]
    hits: BoolArray
    last: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Scores, labels: BoolArray) -> Ranked:
        """The order of these scores, the best highest."""
        order = np.argsort(-scores, axis=0, kind="stable")
        ranked = np.take_along_axis(scores, order, 0)
        ends = np.ones(ranked.shape, dtype=bool)
        ends[:-1] = ranked[1:] != ranked[:-1]
        place = np.where(ends, np.arange(len(ranked))[:, None], len(ranked))
        last = np.minimum.accumulate(place[::-1], axis=0)[::-1]
        return cls(order, np.take_along_axis(labels, order, 0), last)

    def average_precision(self, weight: DoubleArray | None = None) -> DoubleArray:
        """Of each label the mean precision at its rows, NaN where no row has it, `[num_tags]`.

        Of equal scores none comes before another: all count with the precision at the last of them.

        Args:
            weight: how often each row counts, as in a resample, `[num_rows]`; None for once.
        """
        count = np.ones(self.order.shape) if weight is None else weight[self.order]
        own = count * self.hits
        right = np.cumsum(own, axis=0)
        precision = np.take_along_axis(right / np.maximum(np.cumsum(count, axis=0), 1e-12), self.last, 0)
        total = right[-1] if len(right) else np.zeros(self.order.shape[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            found: DoubleArray = np.where(total > 0, (own * precision).sum(0) / total, np.nan)
        return found


def average_precision(scores: Scores, labels: BoolArray) -> DoubleArray:
    """The average precision of each label, NaN where no row has it, `[num_tags]`."""
    return Ranked.of(scores, labels).average_precision()


def macro_ap(scores: Scores, labels: BoolArray) -> float:
    """Mean of `average_precision` over tags."""
    return mean_known(average_precision(scores, labels))


def mean_known(values: DoubleArray) -> float:
    """The mean of those that are not NaN; 0 where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def roc_aucs(scores: Scores, labels: BoolArray) -> DoubleArray:
    """`roc_auc` of each label, NaN where all rows have it or none, `[num_tags]`."""
    return np.array([roc_auc(*column) for column in zip(scores.T, labels.T, strict=True)])


def f1(said: BoolArray, labels: BoolArray) -> DoubleArray:
    """2·hits / (said + there), NaN where no row has the label, `[num_tags]`."""
    hits = (said & labels).sum(0)
    total = said.sum(0) + labels.sum(0)
    return np.where(labels.sum(0) > 0, 2 * hits / np.maximum(total, 1), np.nan)


@dataclass(frozen=True)
class Reliability:
    """How often what was said with some probability was so, over bins of equal numbers of cases.

    Attributes:
        said: mean probability of each bin.
        found: share of its cases that were so.
        cases: how many it has.
    """

    said: DoubleArray
    found: DoubleArray
    cases: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Mean |said − found| over cases."""
        return float(np.average(np.abs(self.said - self.found), weights=self.cases)) if len(self.cases) else 0.0


def reliability(probabilities: Scores, labels: BoolArray, least: float = 0.1, num_bins: int = 12) -> Reliability:
    """Of all pairs of a row and a label with a probability of at least `least`.

    Where most probabilities are near zero and rightly so, they would hide what the others are worth.

    Args:
        probabilities: `[num_rows, num_tags]`.
        labels: the same shape.
        least: probabilities below are left out.
        num_bins: at most.
    """
    kept = probabilities >= least
    said, found = probabilities[kept].astype(np.float64), labels[kept].astype(np.float64)
    bins = [part for part in np.array_split(np.argsort(said, kind="stable"), num_bins) if len(part)]
    return Reliability(
        np.array([said[part].mean() for part in bins]),
        np.array([found[part].mean() for part in bins]),
        np.array([len(part) for part in bins], dtype=np.int64),
    )
