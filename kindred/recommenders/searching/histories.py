"""Histories of queries as of times, and the examples that orders and judgements make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kindred.domain.distinct import distinct
from kindred.domain.interactions import FloatArray, IntArray
from kindred.models.two_tower import HISTORY
from kindred.models.two_tower_fit import QueryHistories, TowerExamples
from kindred.recommenders.searching.search_log import EXACT, Links, SearchLog

DAY = 86_400.0
NOW = 1 << 40
"""Later than any event, seconds UTC."""
_LOOKED_BACK = 4 * HISTORY  # searches that are read to find so many different queries
_LEAST_GAIN = 0.05  # of a judgement that is an example: a complement or less is none


def histories_before(searched: Links, users: IntArray, at: IntArray, num_users: int) -> QueryHistories:
    """The latest different queries of each user up to each time, the time included, the latest first.

    Args:
        searched: searches of all users.
        users: positions, `[num_rows]`.
        at: times, seconds UTC, `[num_rows]`.
        num_users: size of the user axis.
    """
    order = np.lexsort((searched.at, searched.source))
    source, query, when = (column[order] for column in (searched.source, searched.target, searched.at))
    starts = np.searchsorted(source, np.arange(num_users + 1))
    ends = np.searchsorted(source * NOW + when, users * NOW + np.minimum(at, NOW - 1), side="right")
    found = np.full((len(users), HISTORY), -1, dtype=np.int64)
    times = np.zeros((len(users), HISTORY), dtype=np.int64)
    filled = np.zeros(len(users), dtype=np.int64)
    for back in range(1, _LOOKED_BACK + 1):
        rows = np.flatnonzero((ends - back >= starts[users]) & (filled < HISTORY))
        candidate = query[ends[rows] - back]
        rows, candidate = (part[~(found[rows] == candidate[:, None]).any(1)] for part in (rows, candidate))
        found[rows, filled[rows]] = candidate
        times[rows, filled[rows]] = when[ends[rows] - back]
        filled[rows] += 1
    latest = np.where(at >= NOW - 1, times[:, 0], at)
    age = np.where(found >= 0, np.maximum(latest[:, None] - times, 0) / DAY, 0).astype(np.float32)
    return QueryHistories(found, age)


@dataclass(frozen=True)
class Examples:
    """Histories and what they led to: one product of an order each, or all that was judged of a query.

    Attributes:
        histories: before each order, or the one query that was judged.
        gains: of every product, above 0 to 1, `[num_rows, num_products]`.
        user: who ordered, −1 for judgements, `[num_rows]`.
        at: when, `[num_rows]`; all 0 for judgements.
    """

    histories: QueryHistories
    gains: csr_matrix
    user: IntArray
    at: IntArray

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: IntArray | NDArray[np.bool_]) -> Examples:
        """The examples at these rows."""
        return Examples(self.histories.take(rows), self.gains[rows], self.user[rows], self.at[rows])

    def for_towers(self, led_to: Links) -> TowerExamples:
        """One row for each product that is right, counted by how right it is."""
        pairs = self.gains.tocoo()
        kept = pairs.data >= _LEAST_GAIN
        rows, items = pairs.row[kept].astype(np.int64), pairs.col[kept].astype(np.int64)
        num = np.int64(self.gains.shape[1])
        leads = distinct(led_to.source * num + led_to.target)
        led_there = np.isin(self.histories.query[rows, 0] * num + items, leads)
        return TowerExamples(self.histories.take(rows), items, pairs.data[kept].astype(np.float32), led_there)


def order_examples(log: SearchLog) -> Examples:
    """Every order with a history, oldest first."""
    histories = histories_before(log.searched, log.bought.source, log.bought.at, len(log.users))
    rows = np.flatnonzero(histories.query[:, 0] >= 0)
    bought = log.bought.take(rows)
    where = (np.arange(len(rows)), bought.target)
    gains = csr_matrix((np.ones(len(rows), np.float32), where), shape=(len(rows), len(log.products)))
    return Examples(histories.take(rows), gains, bought.source, bought.at)


def judged_examples(log: SearchLog) -> Examples:
    """Every judged query that has an exact answer, in the order of their positions."""
    judged = replace(log.judged, value=_shares_of_exact(log.judged.value))
    judged = judged.take(judged.value > 0)
    exact = np.unique(judged.source[judged.value >= 1])
    judged = judged.take(np.isin(judged.source, exact))
    where = (np.searchsorted(exact, judged.source), judged.target)
    gains = csr_matrix((judged.value, where), shape=(len(exact), len(log.products)))
    return Examples(single_queries(exact), gains, np.full(len(exact), -1), np.zeros(len(exact), np.int64))


def _shares_of_exact(gains: FloatArray) -> FloatArray:
    """The gains as shares of what an exact answer has, which is 1.

    Where none is as high as that of an exact answer is elsewhere, judges gave grades of another scale: the best of them
    is exact then, and the least worth nothing, be it 0 or 1.
    """
    best = float(gains.max(initial=0))
    if best >= EXACT or best <= 0:
        return gains / np.float32(EXACT)
    least = float(gains.min()) if gains.min() < best else 0.0
    return (gains - np.float32(least)) / np.float32(best - least)


def single_queries(query: IntArray | Sequence[int]) -> QueryHistories:
    """Histories of one query each, asked now."""
    histories = np.full((len(query), HISTORY), -1, dtype=np.int64)
    histories[:, 0] = query
    return QueryHistories(histories, np.zeros(histories.shape, dtype=np.float32))


def renumbered(histories: QueryHistories, positions: IntArray) -> QueryHistories:
    """The histories with other positions of the queries; what has none any more moves to the end, missing."""
    query = np.where(histories.query >= 0, positions[histories.query], -1)
    order = np.argsort(query < 0, axis=1, kind="stable")
    return QueryHistories(np.take_along_axis(query, order, 1), np.take_along_axis(histories.age, order, 1))
