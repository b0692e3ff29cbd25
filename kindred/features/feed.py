"""What is known of readers and posts at a time: one function for the rows of training and those of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.domain.sessions import SILENCE
from kindred.features.feed_log import (
    FIRST_RATE,
    LABEL_SECONDS,
    MILLION,
    FeedLog,
    TimedCounts,
    overall_rate,
    smoothed,
)

_WEEK = 7 * 86_400
_READER_WEIGHT, _TOPIC_WEIGHT, _POST_WEIGHT, _GROUP_WEIGHT, _PLACE_WEIGHT = 20.0, 8.0, 50.0, 50.0, 4.0
"""Views that a prior of each kind of rate counts as."""


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
    "reader_topic_place",
    "topic_place",
    "post_place",
)
"""What tells posts of one request apart.

`…_place` is how much likelier than others a like was where the feed put it: what whoever made the feed so far took for
suitable stands at the head of sessions, where most likes are.
"""
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
    def _place_of(self) -> dict[str, TimedCounts]:
        """The like rates of where views stood in their sessions, known at once."""
        log = self.log
        topic = log.topic[log.post]
        keys = {
            "reader_topic": log.reader * (log.num_topics + 1) + topic,
            "topic": topic,
            "post": log.post,
            "all": np.zeros(len(log), dtype=np.int64),
        }
        return {name: TimedCounts(key, log.at, log.place_rate) for name, key in keys.items()}

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

    def rows(self, reader: IntArray, post: IntArray, at: IntArray) -> DoubleArray:
        """The features of each row, in the order of `FEATURES`, `[num_rows, num_features]`.

        Args:
            reader: positions of readers, `[num_rows]`.
            post: positions of posts, `[num_rows]`.
            at: seconds UTC; nothing known at that second or later is used, `[num_rows]`.
        """
        known = self._of_times(reader, at)
        known |= self._of_topics(reader, self.log.topic[post], at, known)
        values = {**self._of_posts(reader, post, at, known), **known}
        return np.stack([values[name] for name in FEATURES], axis=1)

    def all_posts(self, reader: int, at: int) -> DoubleArray:
        """The features of every post for one reader at one time, `[num_posts, num_features]`."""
        post, topic = np.arange(self.log.num_posts), np.arange(self.log.num_topics + 1)
        once = self._of_times(np.array([reader]), np.array([at]))
        of_topic = self._of_topics(np.full(len(topic), reader), topic, np.full(len(topic), at), once)
        known = once | {name: value[self.log.topic] for name, value in of_topic.items()}
        values = {**self._of_posts(np.full(len(post), reader), post, np.full(len(post), at), known), **known}
        return np.stack([np.broadcast_to(values[name], post.shape) for name in FEATURES], axis=1)

    def num_views(self, reader: int, at: int) -> int:
        """Views of a reader whose labels are known before a time."""
        return int(self._by_reader.before(np.array([reader]), np.array([at]))[0][0])

    def of_post(self, post: IntArray, at: IntArray, since: IntArray | None = None) -> tuple[DoubleArray, DoubleArray]:
        """Views and likes of each post whose labels are known before a time, and not before `since`."""
        return self._by_post.before(post, at, since)

    def of_reader_topic(self, reader: IntArray, post: IntArray, at: IntArray) -> tuple[DoubleArray, DoubleArray]:
        """The same of each reader and the topic of a post."""
        return self._by_reader_topic.before(reader * (self.log.num_topics + 1) + self.log.topic[post], at)

    def _of_times(self, reader: IntArray, at: IntArray) -> dict[str, DoubleArray]:
        """What is the same for all posts, and the like rate of everybody under `rate`."""
        views, likes = self._all.before(np.zeros_like(at), at)
        rate = overall_rate(likes, views)
        num_views, num_likes = self._by_reader.before(reader, at)
        views_placed, place_rate = self._place_sums("all", np.zeros_like(at), at)
        usual = smoothed(place_rate, views_placed, FIRST_RATE, 10.0)
        return {
            "rate": rate,
            "reader_rate": smoothed(num_likes, num_views, rate, _READER_WEIGHT),
            "reader_log_views": np.log1p(num_views),
            "place_rate": usual,
            "session_position": self._position(reader, at),
            "hour": (at // 3600 % 24).astype(np.float64),
            "weekday": ((at // 86_400 + 3) % 7).astype(np.float64),  # Monday 0; 1 January 1970 was a Thursday
        }

    def _of_topics(
        self, reader: IntArray, topic: IntArray, at: IntArray, known: Mapping[str, DoubleArray]
    ) -> dict[str, DoubleArray]:
        """What is the same for all posts of a topic, and the like rate of the topic under `topic_rate`."""
        log, topics = self.log, self.log.num_topics + 1
        rate, own, usual = known["rate"], known["reader_rate"], known["place_rate"]
        key = reader * topics + topic
        topic_views, topic_likes = self._by_topic.before(topic, at)
        topic_rate = smoothed(topic_likes, topic_views, rate, _POST_WEIGHT)
        views, likes = self._by_reader_topic.before(key, at)
        recent_views, recent_likes = self._by_reader_topic.before(key, at, at - _WEEK)
        group_views, group_likes = self._by_group_topic.before(log.group[reader] * topics + topic, at)
        seen, seen_rate = self._place_sums("reader_topic", key, at)
        shown, shown_rate = self._place_sums("topic", topic, at)
        return {
            "topic_rate": topic_rate,
            "reader_topic_lift": np.log(smoothed(likes, views, own, _TOPIC_WEIGHT) / own),
            "reader_topic_recent": np.log(smoothed(recent_likes, recent_views, own, _TOPIC_WEIGHT) / own),
            "topic_share": (views + 1.0) / (np.expm1(known["reader_log_views"]) + topics),
            "topic_lift": np.log(topic_rate / rate),
            "group_topic_lift": np.log(smoothed(group_likes, group_views, topic_rate, _GROUP_WEIGHT) / topic_rate),
            "same_topic_as_last": (self._last_topic(reader, at) == topic).astype(np.float64),
            "reader_topic_place": np.log(smoothed(seen_rate, seen, usual, _PLACE_WEIGHT) / usual),
            "topic_place": np.log(smoothed(shown_rate, shown, usual, 5 * _PLACE_WEIGHT) / usual),
        }

    def _of_posts(
        self, reader: IntArray, post: IntArray, at: IntArray, known: Mapping[str, DoubleArray]
    ) -> dict[str, DoubleArray]:
        topic_rate, usual = known["topic_rate"], known["place_rate"]
        post_views, post_likes = self._by_post.before(post, at)
        week_views, _ = self._by_post.before(post, at, at - _WEEK)
        seen, _ = self._seen.before(reader * self.log.num_posts + post, at)
        shown, shown_rate = self._place_sums("post", post, at)
        return {
            "post_lift": np.log(smoothed(post_likes, post_views, topic_rate, _POST_WEIGHT) / topic_rate),
            "post_log_views": np.log1p(post_views),
            "post_log_views_week": np.log1p(week_views),
            "seen_before": np.minimum(seen, 1.0),
            "post_place": np.log(smoothed(shown_rate, shown, usual, 2 * _PLACE_WEIGHT) / usual),
        }

    def _place_sums(self, of: str, keys: IntArray, at: IntArray) -> tuple[DoubleArray, DoubleArray]:
        views, total = self._place_of[of].before(keys, at)
        return views, total / MILLION

    def _last_topic(self, reader: IntArray, at: IntArray) -> IntArray:
        """The topic of each reader's last view before a time, −1 where there is none."""
        rows, there = self._last_view(reader, at)
        return np.where(there, self.log.topic[self.log.post[rows]], -1) if len(self.log) else rows - 1

    def _position(self, reader: IntArray, at: IntArray) -> DoubleArray:
        """Views of each reader in the session that a view at the time would belong to."""
        rows, there = self._last_view(reader, at)
        if not len(self.log):
            return np.zeros(len(reader))
        goes_on = there & (at - self.log.at[rows] <= SILENCE)
        return np.where(goes_on, self.log.place[rows] + 1.0, 0.0)

    def _last_view(self, reader: IntArray, at: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
        """The row of each reader's last view before a time, and whether there is one."""
        counts, order, starts = self._views
        if len(order) == 0:
            return np.zeros(len(reader), dtype=np.int64), np.zeros(len(reader), dtype=np.bool_)
        views, _ = counts.before(reader, at)
        rows: IntArray = order[np.clip(starts[reader] + views.astype(np.int64) - 1, 0, len(order) - 1)]
        return rows, views > 0
