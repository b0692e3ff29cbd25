"""Features of a user: sums over the user's own events, and nothing else.

Each feature of a user is a weighted sum over that user's events, so a user who came after training is described the
same way as any other, alone or in a batch. `HistoryStatistics` holds the few numbers of the training data that the
sums need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.linear.algebra.weighted_sums import weighted_sums
from kindred.linear.inputs.event_text import EventText

if TYPE_CHECKING:  # an answer to a known user needs no sparse matrix, and importing it costs a fifth of such an answer
    import scipy.sparse as sp

SECONDS_PER_DAY = 86_400
_EVENTS_A_PART = 65_536
Feature: TypeAlias = "FloatArray | sp.csr_matrix"
"""One row a user: dense `[num_users, dim]` or sparse `[num_users, num_items]`."""

ITEM_SUMS = ("items", "recent_items", "latest_items", "last_items")
"""Sums over the items of the history: all alike; the later the more; the latest above all; the last nearly alone."""
SUMS = (*ITEM_SUMS, "text")
"""The features that grow with the history."""
LATEST, LAST = 3, 12
"""What is late by these powers of the recency decay: of .8, each event counts a half or a fifteenth of the next one."""


@dataclass(frozen=True)
class HistoryStatistics:
    """Numbers taken from the training events that turn events into features.

    Attributes:
        num_items: size of the catalogue.
        history_exponent: a sum over n events is divided by n ^ history_exponent; 0 lets long histories count in full,
            1 makes a mean.
        recency_decay: weight of an event relative to the next one of the same user.
        text_mean: mean vector of the events' texts, `[text_dim]`, empty where events have no text.
        time_knots: evenly spaced quantiles of the event times in seconds UTC, empty where times mean nothing.
        time_bins: number of periods, each with the same number of training events.
        time_bandwidth: width of a period's soft edges, as a share of all training events.
        history_shrinkage: number of events at which a sum has half the weight that it would have in the long run.
        typical_history: number of events at which a sum keeps its weight.
        middle_rating: half-way between the lowest and the highest rating; None where events have none. Below it is
            what a user disliked, see `liked`.
    """

    num_items: int
    history_exponent: float
    recency_decay: float
    text_mean: FloatArray
    time_knots: NDArray[np.float64]
    time_bins: int
    time_bandwidth: float
    history_shrinkage: float = 0.0
    typical_history: float = 1.0
    middle_rating: float | None = None


def spans_days(events: Interactions) -> bool:
    """Whether `at` holds times that mean something; values that span less than a day are taken as an order only."""
    return events.at is not None and len(events) > 0 and int(events.at.max() - events.at.min()) > SECONDS_PER_DAY


def events_after(events: Interactions) -> IntArray:
    """How many events of the same user came after each, `[num_events]`; equal times by row, all 0 without times."""
    if events.at is None:
        return np.zeros(len(events), dtype=np.int64)
    order = np.lexsort((np.arange(len(events)), events.at, events.user_index))
    counts = np.bincount(events.user_index, minlength=events.num_users)
    ends = np.cumsum(counts)
    later = np.empty(len(events), dtype=np.int64)
    later[order] = ends[events.user_index[order]] - 1 - np.arange(len(events))
    return later


def time_memberships(events: Interactions, statistics: HistoryStatistics) -> FloatArray:
    """How much each event belongs to each period, rows sum to 1, `[num_events, time_bins]`."""
    if events.at is None:
        return np.full((len(events), statistics.time_bins), 1 / statistics.time_bins, dtype=np.float32)
    knots = statistics.time_knots.astype(np.float64)
    share = np.interp(events.at.astype(np.float64), knots, np.linspace(0, 1, len(knots)))
    centres = (np.arange(statistics.time_bins) + 0.5) / statistics.time_bins
    memberships: FloatArray = np.empty((len(share), len(centres)), dtype=np.float32)
    for start in range(0, len(share), _EVENTS_A_PART):
        part = slice(start, start + _EVENTS_A_PART)
        closeness = np.exp(-0.5 * ((share[part, None] - centres) / statistics.time_bandwidth) ** 2)
        memberships[part] = closeness / closeness.sum(1, keepdims=True)
    return memberships


@dataclass(frozen=True)
class ItemSum:
    """Sums over the items of histories: a sparse matrix `[num_users, num_items]` that is made where it is needed.

    Attributes:
        weights: what each event counts, `[num_events]`.
        user_index: whose event it is, `[num_events]`.
        item_index: of the training catalogue, `[num_events]`.
        shape: of the matrix.
    """

    weights: FloatArray
    user_index: IntArray
    item_index: IntArray
    shape: tuple[int, int]

    def __matmul__(self, rows: FloatArray) -> FloatArray:
        """The product with rows of the items, `[num_users, dim]`."""
        return weighted_sums(self.weights, self.user_index, self.item_index, self.shape[0], rows)

    def matrix(self) -> sp.csr_matrix:
        """The sums as a sparse matrix."""
        import scipy.sparse as sp

        return sp.csr_matrix((self.weights, (self.user_index, self.item_index)), shape=self.shape, dtype=np.float32)


def build_user_features(
    events: Interactions, event_text: EventText | None, statistics: HistoryStatistics
) -> dict[str, Feature]:
    """`user_sums`, the sums over items as sparse matrices."""
    sums = user_sums(events, event_text, statistics)
    return {name: values.matrix() if isinstance(values, ItemSum) else values for name, values in sums.items()}


def user_sums(
    events: Interactions, event_text: EventText | None, statistics: HistoryStatistics
) -> dict[str, FloatArray | ItemSum]:
    """Every feature of every user of the axis; users without events have zeros, but for the constant.

    An event that tells of a dislike counts in the length of the history and in times, but speaks for no item and no
    word.

    Args:
        events: what is known of the users; items are positions of the training catalogue, −1 for an item that is not
            in it: such an event counts with its text and time.
        event_text: of each event.
        statistics: of the training data.

    Returns:
        `constant [num_users, 1]`, each of `ITEM_SUMS` `[num_users, num_items]`, and, where the training data has them,
        `text [num_users, text_dim]`, `time` and `recent_time [num_users, time_bins]`.
    """
    even = np.ones(len(events), dtype=np.float32)
    recent = (statistics.recency_decay ** events_after(events)).astype(np.float32)
    latest, last = recent**LATEST, recent**LAST
    exponent = statistics.history_exponent
    known = events.item_index >= 0
    counts = np.bincount(events.user_index, minlength=events.num_users)
    length = history_weight(counts, statistics.history_shrinkage, statistics.typical_history)[events.user_index]
    weight = length * liked(events, statistics.middle_rating)
    features: dict[str, FloatArray | ItemSum] = {"constant": np.ones((events.num_users, 1), dtype=np.float32)}
    shape = (events.num_users, statistics.num_items)
    users, items = events.user_index[known], events.item_index[known]
    for name, weights in zip(ITEM_SUMS, (even, recent, latest, last), strict=True):
        scaled = weight * _normalised(events, weights, exponent)
        features[name] = ItemSum(scaled[known], users, items, shape)
    if len(statistics.text_mean):
        if event_text is None:
            features["text"] = np.zeros((events.num_users, len(statistics.text_mean)), dtype=np.float32)
        else:
            weights = weight * _normalised(events, even, exponent)
            features["text"] = event_text.sums(events.user_index, weights, events.num_users, statistics.text_mean)
    if len(statistics.time_knots):
        memberships = time_memberships(events, statistics)
        features["time"] = _sum_by_user(events, _normalised(events, even, 1.0), memberships)
        features["recent_time"] = _sum_by_user(events, _normalised(events, latest, 1.0), memberships)
    return features


def middle_rating(events: Interactions) -> float | None:
    """Half-way between the lowest and the highest rating given; None without ratings."""
    given = np.zeros(0) if events.rating is None else events.rating[np.isfinite(events.rating)]
    return float(given.min() + given.max()) / 2 if len(given) else None


def liked(events: Interactions, middle: float | None) -> FloatArray:
    """0 for events rated below the middle and not above the user's own mean, 1 for all others, `[num_events]`.

    A negative weight would push items down that resemble a disliked one, but users go on choosing among such items: it
    costs recall (see the experiments on low stars).
    """
    if events.rating is None or middle is None:
        return np.ones(len(events), dtype=np.float32)
    rated = np.isfinite(events.rating)
    total = np.bincount(events.user_index, np.where(rated, events.rating, 0), minlength=events.num_users)
    own_mean = total / np.maximum(np.bincount(events.user_index, rated, minlength=events.num_users), 1)
    disliked = (events.rating < middle) & (events.rating <= own_mean[events.user_index] + 1e-6)
    weights: FloatArray = np.where(disliked, 0, 1).astype(np.float32)
    return weights


def history_weight(counts: IntArray, shrinkage: float, typical: float) -> FloatArray:
    """History-length shrinkage: the factor of a sum over so many events, 1 at the typical number, `[num_users]`."""
    factors: FloatArray = ((1 + shrinkage / typical) / (1 + shrinkage / np.maximum(counts, 1))).astype(np.float32)
    return factors


def typical_history(events: Interactions) -> float:
    """Median number of events of the users who have any; 1 without events."""
    counts = np.bincount(events.user_index)
    return float(np.median(counts[counts > 0])) if len(events) else 1.0


def _normalised(events: Interactions, weights: FloatArray, exponent: float) -> FloatArray:
    """Each event's weight over (the sum of its user's weights) ^ exponent, `[num_events]`."""
    totals = np.bincount(events.user_index, weights, minlength=events.num_users)
    scaled: FloatArray = (weights * np.maximum(totals, 1e-12)[events.user_index] ** -exponent).astype(np.float32)
    return scaled


def _sum_by_user(events: Interactions, weights: FloatArray, rows: FloatArray) -> FloatArray:
    """Weighted sum of event rows `[num_events, dim]` by user, `[num_users, dim]`."""
    return weighted_sums(weights, events.user_index, np.arange(len(events)), events.num_users, rows)


def sum_by_item(events: Interactions, rows: FloatArray) -> FloatArray:
    """Sum of event rows `[num_events, dim]` by item, `[num_items, dim]`."""
    ones = np.ones(len(events), dtype=np.float32)
    return weighted_sums(ones, events.item_index, np.arange(len(events)), events.num_items, rows)
