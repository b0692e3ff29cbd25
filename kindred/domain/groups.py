"""Members of groups that lie in one array: the number of each within its group, and where those of some groups lie."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import IntArray


def place_in(group: IntArray) -> IntArray:
    """How many of its group, a number from 0 on, come before each one in the order given, `[num]`."""
    order = np.argsort(group, kind="stable")
    position = np.empty(len(group), dtype=np.int64)
    position[order] = numbered(np.bincount(group))
    return position


def numbered(counts: IntArray) -> IntArray:
    """0, 1, … up to the count, without it, for each of the counts, one after the other, `[sum of counts]`."""
    return spans(np.zeros_like(counts), counts)


def spans(starts: IntArray, counts: IntArray) -> IntArray:
    """As many positions as its count from each start on, one span after the other, `[sum of counts]`."""
    ends = np.cumsum(counts)
    positions: IntArray = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)
    return positions


def rows_until(group: int | None, starts: IntArray, at: IntArray, until: int | None) -> slice:
    """Where the rows of a group up to a time are, all where None; no rows without a group.

    Args:
        group: its number.
        starts: where each group begins, `[num_groups + 1]`; each in the order of its times.
        at: time of each row, `[num]`.
        until: the latest time.
    """
    if group is None:
        return slice(0, 0)
    start, end = int(starts[group]), int(starts[group + 1])
    if until is not None:
        end = start + int(np.searchsorted(at[start:end], until, side="right"))
    return slice(start, end)
