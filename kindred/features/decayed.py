"""Counts that fade: events of each key, each worth half as much after every half-life, as of any time.

The value right after each event is kept in an array sorted by key and time, so a count of a time is one search and one
power of two, and no later event can enter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray

_FORGOTTEN = 80.0
"""Half-lives after which nothing is left of an event."""


class DecayedCounts:
    """Events of each key before a time, faded.

    Args:
        keys: of the events, `[num_events]`; events of keys below 0 are left out.
        at: when each event was, `[num_events]`.
        half_lives: in the unit of `at`, `[num_half_lives]`.
    """

    def __init__(self, keys: IntArray, at: IntArray, half_lives: DoubleArray) -> None:
        there = np.flatnonzero(keys >= 0)
        order = there[np.lexsort((at[there], keys[there]))]
        sorted_keys, self._at = keys[order], at[order]
        self._half_lives = half_lives
        self.keys, self._starts = np.unique(sorted_keys, return_index=True)
        self._first = int(at.min()) if len(at) else 0
        self._span = int(at.max()) - self._first + 2 if len(at) else 2
        rank = np.searchsorted(self.keys, sorted_keys)
        self._known = rank * self._span + self._at - self._first
        new = np.zeros(len(order), dtype=np.bool_)
        new[self._starts] = True
        self._value = np.stack([_values(self._at, new, half_life) for half_life in half_lives.tolist()], axis=1)

    def before(self, keys: IntArray, at: IntArray) -> DoubleArray:
        """The faded count of each key at a time, of events before it, `[num_rows, num_half_lives]`."""
        row, there = self._last(keys, at)
        counts = np.zeros((len(keys), len(self._half_lives)))
        counts[there] = self._faded(row[there], at[there])
        return counts

    def between(self, low: int, high: int, at: int, half_lives: Sequence[int]) -> tuple[IntArray, DoubleArray]:
        """The keys from `low` to below `high` with an event before a time, ascending, and the faded count of each.

        Args:
            low: the least key.
            high: above the greatest.
            at: the time.
            half_lives: numbers of those to count by, `[num_columns]`; the counts are `[num_keys, num_columns]`.
        """
        first, last = np.searchsorted(self.keys, [low, high])
        if first == last:
            return self.keys[:0], np.empty((0, len(half_lives)))
        start = self._starts[first:last]
        begin, end = start[0], self._starts[last] if last < len(self._starts) else len(self._at)
        since = min(max(at - self._first, 0), self._span - 1)
        row = begin + np.searchsorted(self._known[begin:end], np.arange(first, last) * self._span + since) - 1
        there = row >= start
        row, columns = row[there], np.asarray(half_lives)
        ages = (self._at[row] - at)[:, None] / self._half_lives[columns]
        return self.keys[first:last][there], self._value[row[:, None], columns] * np.exp2(ages)

    def history(self, keys: IntArray, at: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """How many events of each key there were before a time, when the first and when the last; −1 for no time."""
        if not len(self._at):
            none = np.full(len(keys), -1)
            return none + 1, none, none
        row, there = self._last(keys, at)
        start = self._starts[np.minimum(self._rank(keys), len(self.keys) - 1)]
        number = np.where(there, row - start + 1, 0)
        return number, np.where(there, self._at[start], -1), np.where(there, self._at[row], -1)

    def _faded(self, row: IntArray, at: IntArray) -> DoubleArray:
        """What the counts right after these events are worth at a time that is not before them."""
        ages = (self._at[row] - at)[:, None] / self._half_lives
        faded: DoubleArray = self._value[row] * np.exp2(ages)
        return faded

    def _rank(self, keys: IntArray) -> IntArray:
        return np.searchsorted(self.keys, keys)

    def _last(self, keys: IntArray, at: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
        """The row of each key's last event before a time, and whether there is one."""
        if not len(self.keys):
            return np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=np.bool_)
        rank = np.minimum(self._rank(keys), len(self.keys) - 1)
        since = np.minimum(np.maximum(at - self._first, 0), self._span - 1)
        row = np.searchsorted(self._known, rank * self._span + since) - 1
        there = (self.keys[rank] == keys) & (row >= self._starts[rank])
        return np.where(there, row, 0), there


def _values(at: IntArray, new: NDArray[np.bool_], half_life: float) -> DoubleArray:
    """The faded count of its key right after each event, itself included, `[num_events]`; `new` where a key begins.

    Kept as logarithms, counted from a clock that stands still through long silences and jumps between keys.
    """
    gaps = np.minimum(np.diff(at, prepend=0) / half_life, _FORGOTTEN)
    clock = np.cumsum(np.where(new, _FORGOTTEN, gaps))
    values: DoubleArray = np.exp2(np.logaddexp2.accumulate(clock) - clock)
    return values
