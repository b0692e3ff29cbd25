"""Features as of a moment: nothing later enters, and the rows of training are those of an answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindred.features.feed import FEATURES, FeedFeatures
from kindred.features.feed_affinity import Affinity, reader_space, reduced
from kindred.features.feed_log import LABEL_SECONDS, FeedLog

NUM_READERS, NUM_POSTS, NUM_TOPICS = 4, 6, 2


def log_of(seed: int, num: int = 60) -> FeedLog:
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(1_000_000, 1_004_000, num))
    topic = rng.integers(0, NUM_TOPICS + 1, NUM_POSTS)  # some posts have no topic
    group = np.append(rng.integers(0, 2, NUM_READERS), 2)
    reader, post = rng.integers(0, NUM_READERS, num), rng.integers(0, NUM_POSTS, num)
    return FeedLog(reader, post, at, rng.random(num) < 0.4, topic, group, NUM_TOPICS, 2)


def features_of(log: FeedLog) -> tuple[FeedFeatures, Affinity]:
    vectors = np.random.default_rng(1).normal(size=(NUM_POSTS, 3)).astype(np.float32)
    return FeedFeatures(log), Affinity(log, vectors, log.liked.astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), moment=st.integers(999_900, 1_004_400), reader=st.integers(0, NUM_READERS))
def test_rows_of_training_are_those_of_an_answer_and_know_nothing_later(seed: int, moment: int, reader: int) -> None:
    log = log_of(seed)
    posts = np.arange(NUM_POSTS)
    who, when = np.full(NUM_POSTS, reader), np.full(NUM_POSTS, moment)
    features, affinity = features_of(log)
    rows = features.rows(who, posts, when)
    assert rows.shape == (NUM_POSTS, len(FEATURES)) and np.isfinite(rows).all()
    assert np.array_equal(rows, features.all_posts(reader, moment))
    assert np.allclose(affinity.of_posts(who, posts, when), affinity.of_all_posts(reader, moment), atol=1e-6)
    # The same from a log that ends at the moment, labels that are not known yet taken away.
    cut, cut_affinity = features_of(log.until(moment))
    assert np.array_equal(rows, cut.rows(who, posts, when))
    assert np.allclose(affinity.of_posts(who, posts, when), cut_affinity.of_posts(who, posts, when), atol=1e-6)


def test_a_label_counts_three_minutes_after_its_view_and_the_view_at_once() -> None:
    log = FeedLog(
        np.array([0]), np.array([0]), np.array([1_000]), np.array([True]), np.array([0]), np.array([0, 1]), 1, 1
    )
    features = FeedFeatures(log)
    rate, seen = FEATURES.index("reader_rate"), FEATURES.index("seen_before")
    at = [1_000, 1_001, 1_000 + LABEL_SECONDS, 1_001 + LABEL_SECONDS]
    rows = [features.all_posts(0, moment)[0] for moment in at]
    assert [row[seen] for row in rows] == [0, 1, 1, 1]
    assert rows[0][rate] == rows[1][rate] == rows[2][rate] < rows[3][rate]


def test_a_reader_who_likes_one_topic_is_told_from_one_who_does_not() -> None:
    at = np.arange(40) * 300 + 1_000
    post = np.tile([0, 1], 20)
    log = FeedLog(np.zeros(40, np.int64), post, at, post == 0, np.array([0, 1]), np.array([0, 1]), 2, 1)
    lift = FeedFeatures(log).all_posts(0, 100_000)[:, FEATURES.index("reader_topic_lift")]
    assert lift[0] > 0.3 and lift[1] < -0.3
    nobody = FeedFeatures(log).all_posts(1, 100_000)[:, FEATURES.index("reader_topic_lift")]
    assert nobody == pytest.approx([0, 0])


def test_an_empty_feed_has_features_too() -> None:
    none = np.empty(0, np.int64)
    log = FeedLog(none, none, none, none.astype(bool), np.array([0, 1]), np.array([0]), 1, 0)
    assert np.isfinite(FeedFeatures(log).all_posts(0, 5)).all()
    assert not Affinity(log, np.ones((2, 3), np.float32), np.empty(0, np.float32)).of_all_posts(0, 5).any()
    assert not reader_space(log, np.empty(0, np.float32), 2).any()


def test_posts_liked_by_the_same_readers_are_close() -> None:
    reader = np.repeat(np.arange(20), 4)
    post = np.tile(np.arange(4), 20)
    liked = (reader % 2 == 0) == (post < 2)  # half the readers like posts 0 and 1, the others 2 and 3
    log = FeedLog(reader, post, np.arange(80), liked, np.zeros(4, np.int64), np.zeros(21, np.int64), 1, 0)
    rows = reader_space(log, log.liked.astype(np.float32), 2)
    assert rows[0] @ rows[1] > 0.1 > -0.1 > rows[0] @ rows[2]


def test_reduced_vectors_keep_distances_and_zeros() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32) @ np.ones((2, 8), np.float32)
    rows[3] = 0
    small = reduced(rows, 2)
    assert small.shape == (30, 2) and not small[3].any() and (small[4:] ** 2).sum() / 29 == pytest.approx(1, abs=0.1)
