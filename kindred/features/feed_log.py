"""The views of a feed, and counts of them as of a time.

A view's label (liked or not) counts as known `LABEL_SECONDS` after the view, because a like may come that much later;
a view itself is known once it is past. Every count of a time is a difference of two positions in an array sorted by
key and time, so that rows of the past and of now come from the same arrays, and no later event can enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kindred.domain.groups import place_in
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.domain.sessions import sessions_of

LABEL_SECONDS = 180
MILLION = 1_000_000
FIRST_RATE = 0.1
"""The like rate that is taken while no label is known."""
_PLACE_GROUPS = np.array([1, 3, 6, 11, 16, 21, 31])
"""Where one group of positions in a session ends and the next begins; the first place is 0."""
_PLACE_WEIGHT = 50.0
"""Views that the overall rate counts as beside those of a group of positions."""


@dataclass(frozen=True)
class FeedLog:
    """The views of a feed, oldest first, and what readers and posts are.

    Attributes:
        reader, post: positions, `[num_views]`.
        at: seconds UTC, `[num_views]`.
        liked: whether a like followed, `[num_views]`.
        topic: of each post; `num_topics` where it has none, `[num_posts]`.
        group: of each reader, people of like profile; `num_groups` where nothing is known, `[num_readers]`.
        num_topics, num_groups: how many of each there are.
    """

    reader: IntArray
    post: IntArray
    at: IntArray
    liked: NDArray[np.bool_]
    topic: IntArray
    group: IntArray
    num_topics: int
    num_groups: int

    def __len__(self) -> int:
        return len(self.reader)

    @property
    def num_readers(self) -> int:
        return len(self.group)

    @property
    def num_posts(self) -> int:
        return len(self.topic)

    @cached_property
    def session(self) -> IntArray:
        """The session of each view."""
        return sessions_of(self.reader, self.at)

    @cached_property
    def place(self) -> IntArray:
        """The place of each view in its session, from 0."""
        return place_in(self.session)

    @cached_property
    def usual_rate(self) -> IntArray:
        """The like rate of all views whose labels were known when each view happened, in millionths, `[num_views]`."""
        all_alike = np.zeros(len(self), dtype=np.int64)
        views, likes = TimedCounts(all_alike, self.at + LABEL_SECONDS, self.liked).before(all_alike, self.at)
        return np.rint(overall_rate(likes, views) * MILLION).astype(np.int64)

    @cached_property
    def place_rate(self) -> IntArray:
        """The like rate of the place in its session where each view stood, as known then, in millionths, `[num_views]`.

        Likes grow rarer along a session, whatever is shown: of a view at its head more likes are to be expected.
        """
        group = np.searchsorted(_PLACE_GROUPS, self.place, side="right")
        views, likes = TimedCounts(group, self.at + LABEL_SECONDS, self.liked).before(group, self.at)
        return np.rint(smoothed(likes, views, self.usual_rate / MILLION, _PLACE_WEIGHT) * MILLION).astype(np.int64)

    def until(self, at: int) -> FeedLog:
        """The views before a time; those whose label is not known yet count as not liked."""
        rows = np.flatnonzero(self.at < at)
        liked = self.liked[rows] & (self.at[rows] + LABEL_SECONDS < at)
        return FeedLog(
            self.reader[rows], self.post[rows], self.at[rows], liked, self.topic, self.group, self.num_topics,
            self.num_groups,
        )  # fmt: skip


class TimedCounts:
    """How many events a key had before a time, and how many of them were liked or another sum over them.

    Args:
        keys: of the events, ≥ 0, `[num_events]`.
        known_at: from when on each counts, exclusive, seconds, `[num_events]`.
        amount: what is added up beside, whole numbers: 1 where an event was liked, 0 otherwise, `[num_events]`.
    """

    def __init__(self, keys: IntArray, known_at: IntArray, amount: NDArray[np.bool_] | IntArray) -> None:
        self._first = int(known_at.min()) if len(known_at) else 0
        self._span = int(known_at.max()) - self._first + 2 if len(known_at) else 2
        composite = keys * self._span + (known_at - self._first)
        order = np.argsort(composite, kind="stable")
        self._sorted = composite[order]
        self._sums = np.concatenate([[0], np.cumsum(amount[order], dtype=np.int64)])

    def before(self, keys: IntArray, at: IntArray, since: IntArray | None = None) -> tuple[DoubleArray, DoubleArray]:
        """Events of each key that were known before `at` and not before `since`, and the sum of their amounts."""
        end = np.searchsorted(self._sorted, keys * self._span + self._clipped(at))
        begins = keys * self._span if since is None else keys * self._span + self._clipped(since)
        begin = np.searchsorted(self._sorted, begins)
        total = self._sums[end] - self._sums[begin]
        return (end - begin).astype(np.float64), total.astype(np.float64)

    def _clipped(self, at: IntArray) -> IntArray:
        clipped: IntArray = np.clip(at - self._first, 0, self._span - 1)
        return clipped


def smoothed(likes: DoubleArray, views: DoubleArray, prior: DoubleArray | float, weight: float) -> DoubleArray:
    """The like rate, smoothed by a prior rate that counts as `weight` views."""
    rate: DoubleArray = (likes + weight * prior) / (views + weight)
    return rate


def overall_rate(likes: DoubleArray, views: DoubleArray) -> DoubleArray:
    """The like rate of all views, smoothed by `FIRST_RATE` as by 100 views."""
    return smoothed(likes, views, FIRST_RATE, 100.0)
