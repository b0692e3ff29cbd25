"""What is known of readers and posts at a time: one function for the rows of training and those of an answer.

A view's label (liked or not) counts as known `LABEL_SECONDS` after the view, because a like may come that much later;
a view itself is known once it is past. Every count of a time is a difference of two positions in an array sorted by
key and time, so that rows of the past and of now come from the same arrays, and no later event can enter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

LABEL_SECONDS = 180
SESSION_SECONDS = 1800
"""A session ends after this much silence."""
_WEEK = 7 * 86_400
_READER_WEIGHT, _TOPIC_WEIGHT, _POST_WEIGHT, _GROUP_WEIGHT = 20.0, 8.0, 50.0, 50.0
"""Views that a prior of each kind of rate counts as."""


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

    def until(self, at: int) -> FeedLog:
        """The views before a time; those whose label is not known yet count as not liked."""
        rows = np.flatnonzero(self.at < at)
        liked = self.liked[rows] & (self.at[rows] + LABEL_SECONDS < at)
        return FeedLog(
            self.reader[rows], self.post[rows], self.at[rows], liked, self.topic, self.group, self.num_topics,
            self.num_groups,
        )  # fmt: skip


class TimedCounts:
    """How many events, and how many liked ones, a key had before a time.

    Args:
        keys: of the events, ≥ 0, `[num_events]`.
        known_at: from when on each counts, exclusive, seconds, `[num_events]`.
        liked: `[num_events]`.
    """

    def __init__(self, keys: IntArray, known_at: IntArray, liked: NDArray[np.bool_]) -> None:
        self._first = int(known_at.min()) if len(known_at) else 0
        self._span = int(known_at.max()) - self._first + 2 if len(known_at) else 2
        composite = keys * self._span + (known_at - self._first)
        order = np.argsort(composite, kind="stable")
        self._sorted = composite[order]
        self._likes = np.concatenate([[0], np.cumsum(liked[order], dtype=np.int64)])

    def before(self, keys: IntArray, at: IntArray, since: IntArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Events and liked events of each key that were known before `at`, and not before `since`."""
        end = np.searchsorted(self._sorted, keys * self._span + self._clipped(at))
        begins = keys * self._span if since is None else keys * self._span + self._clipped(since)
        begin = np.searchsorted(self._sorted, begins)
        likes = self._likes[end] - self._likes[begin]
        return (end - begin).astype(np.float64), likes.astype(np.float64)

    def _clipped(self, at: IntArray) -> IntArray:
        clipped: IntArray = np.clip(at - self._first, 0, self._span - 1)
        return clipped


def smoothed(likes: FloatArray, views: FloatArray, prior: FloatArray | float, weight: float) -> FloatArray:
    """The like rate, drawn to a prior that counts as `weight` views."""
    rate: FloatArray = (likes + weight * prior) / (views + weight)
    return rate


SLATE_FEATURES = (
    "reader_topic_lift",
    "reader_topic_recent",
    "topic_share",
    "topic_lift",
    "group_topic_lift",
    "post_lift",
    "post_log_views",
    "post_log_views_week",
    "seen_before",
    "same_topic_as_last",
)
"""What tells posts of one request apart."""
READER_FEATURES = ("reader_rate", "reader_log_views", "session_position", "hour", "weekday")
"""What is the same for all posts of a request; it makes probabilities right and ranks nothing."""
FEATURES = (*SLATE_FEATURES, *READER_FEATURES)


class FeedFeatures:
    """Features of a reader, a post and a time, from the views before it.

    Args:
        log: the views.
    """

    def __init__(self, log: FeedLog) -> None:
        self.log = log

    @cached_property
    def _by_reader_topic(self) -> TimedCounts:
        return self._labelled(self.log.reader * (self.log.num_topics + 1) + self.log.topic[self.log.post])

    @cached_property
    def _by_topic(self) -> TimedCounts:
        return self._labelled(self.log.topic[self.log.post])

    @cached_property
    def _by_group_topic(self) -> TimedCounts:
        group = self.log.group[self.log.reader]
        return self._labelled(group * (self.log.num_topics + 1) + self.log.topic[self.log.post])

    @cached_property
    def _by_post(self) -> TimedCounts:
        return self._labelled(self.log.post)

    @cached_property
    def _by_reader(self) -> TimedCounts:
        return self._labelled(self.log.reader)

    @cached_property
    def _all(self) -> TimedCounts:
        return self._labelled(np.zeros(len(self.log), dtype=np.int64))

    @cached_property
    def _seen(self) -> TimedCounts:
        """Views of a post by a reader, known at once."""
        return TimedCounts(self.log.reader * self.log.num_posts + self.log.post, self.log.at, self.log.liked)

    @cached_property
    def _views(self) -> tuple[TimedCounts, IntArray, IntArray]:
        """Views of each reader, known at once; the rows in the order of reader and time; where each reader begins."""
        order = np.lexsort((self.log.at, self.log.reader))
        starts = np.searchsorted(self.log.reader[order], np.arange(self.log.num_readers + 1))
        return TimedCounts(self.log.reader, self.log.at, self.log.liked), order, starts

    def _labelled(self, keys: IntArray) -> TimedCounts:
        return TimedCounts(keys, self.log.at + LABEL_SECONDS, self.log.liked)

    def rows(self, reader: IntArray, post: IntArray, at: IntArray) -> FloatArray:
        """The features of each row, in the order of `FEATURES`, `[num_rows, num_features]`.

        Args:
            reader: positions of readers, `[num_rows]`.
            post: positions of posts, `[num_rows]`.
            at: seconds UTC; nothing known at that second or later is used, `[num_rows]`.
        """
        columns = self._of_times(reader, at)
        values = {**self._of_posts(reader, post, at, columns), **columns}
        return np.stack([values[name] for name in FEATURES], axis=1)

    def all_posts(self, reader: int, at: int) -> FloatArray:
        """The features of every post for one reader at one time, `[num_posts, num_features]`."""
        post = np.arange(self.log.num_posts)
        once = np.array([reader]), np.array([at])
        columns = self._of_times(*once)
        values = {**self._of_posts(np.full(len(post), reader), post, np.full(len(post), at), columns), **columns}
        return np.stack([np.broadcast_to(values[name], post.shape) for name in FEATURES], axis=1)

    def num_views(self, reader: int, at: int) -> int:
        """Views of a reader whose labels are known before a time."""
        return int(self._by_reader.before(np.array([reader]), np.array([at]))[0][0])

    def _of_times(self, reader: IntArray, at: IntArray) -> dict[str, FloatArray]:
        """What is the same for all posts, and the like rate of everybody under `rate`."""
        views, likes = self._all.before(np.zeros_like(at), at)
        rate = smoothed(likes, views, 0.1, 100.0)
        num_views, num_likes = self._by_reader.before(reader, at)
        position, _ = self._views[0].before(reader, at, at - SESSION_SECONDS)
        return {
            "rate": rate,
            "reader_rate": smoothed(num_likes, num_views, rate, _READER_WEIGHT),
            "reader_log_views": np.log1p(num_views),
            "session_position": position,
            "hour": (at // 3600 % 24).astype(np.float64),
            "weekday": ((at // 86_400 + 3) % 7).astype(np.float64),
        }

    def _of_posts(
        self, reader: IntArray, post: IntArray, at: IntArray, known: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        log, topic = self.log, self.log.topic[post]
        topics = log.num_topics + 1
        rate, own = known["rate"], known["reader_rate"]
        topic_views, topic_likes = self._by_topic.before(topic, at)
        topic_rate = smoothed(topic_likes, topic_views, rate, _POST_WEIGHT)
        views, likes = self._by_reader_topic.before(reader * topics + topic, at)
        recent_views, recent_likes = self._by_reader_topic.before(reader * topics + topic, at, at - _WEEK)
        group_views, group_likes = self._by_group_topic.before(log.group[reader] * topics + topic, at)
        post_views, post_likes = self._by_post.before(post, at)
        week_views, _ = self._by_post.before(post, at, at - _WEEK)
        seen, _ = self._seen.before(reader * log.num_posts + post, at)
        reader_views = np.expm1(known["reader_log_views"])
        return {
            "reader_topic_lift": np.log(smoothed(likes, views, own, _TOPIC_WEIGHT) / own),
            "reader_topic_recent": np.log(smoothed(recent_likes, recent_views, own, _TOPIC_WEIGHT) / own),
            "topic_share": (views + 1.0) / (reader_views + topics),
            "topic_lift": np.log(topic_rate / rate),
            "group_topic_lift": np.log(smoothed(group_likes, group_views, topic_rate, _GROUP_WEIGHT) / topic_rate),
            "post_lift": np.log(smoothed(post_likes, post_views, topic_rate, _POST_WEIGHT) / topic_rate),
            "post_log_views": np.log1p(post_views),
            "post_log_views_week": np.log1p(week_views),
            "seen_before": np.minimum(seen, 1.0),
            "same_topic_as_last": (self._last_topic(reader, at) == topic).astype(np.float64),
        }

    def _last_topic(self, reader: IntArray, at: IntArray) -> IntArray:
        """The topic of each reader's last view before a time, −1 where there is none."""
        counts, order, starts = self._views
        if len(order) == 0:
            return np.full(len(reader), -1)
        views, _ = counts.before(reader, at)
        rows = order[np.clip(starts[reader] + views.astype(np.int64) - 1, 0, len(order) - 1)]
        return np.where(views > 0, self.log.topic[self.log.post[rows]], -1)
