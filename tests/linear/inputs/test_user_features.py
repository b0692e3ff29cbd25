from dataclasses import replace

import numpy as np

from kindred.domain.interactions import Interactions
from kindred.linear.inputs.event_text import EventText
from kindred.linear.inputs.user_features import (
    ITEM_SUMS,
    SUMS,
    HistoryStatistics,
    build_user_features,
    liked,
    middle_rating,
    user_sums,
)

DAY = 86_400
PLAIN = HistoryStatistics(
    num_items=4,
    history_exponent=0.5,
    recency_decay=1.0,
    text_mean=np.zeros(2, dtype=np.float32),
    time_knots=np.linspace(0, 4 * DAY, 5),
    time_bins=2,
    time_bandwidth=0.2,
)


def one_event_and_four():
    """User 0 chose one item, user 1 four, user 2 none; every text is (1, 0)."""
    events = Interactions(np.array([0, 1, 1, 1, 1]), np.array([0, 0, 1, 2, 3]), 3, 4, at=np.arange(5) * DAY)
    return events, EventText.of(np.tile(np.array([1, 0], dtype=np.float32), (5, 1)))


SHRUNK = replace(PLAIN, history_shrinkage=2.0, typical_history=4.0)


def test_short_histories_are_toned_down_and_typical_ones_keep_their_say():
    events, text = one_event_and_four()
    plain, shrunk = (build_user_features(events, text, statistics) for statistics in (PLAIN, SHRUNK))
    for name in SUMS:
        ratio = shrunk[name].sum(1)[:2] / plain[name].sum(1)[:2]
        np.testing.assert_allclose(np.asarray(ratio).ravel(), [(1 / 3) / (4 / 6), 1], rtol=1e-6)
        assert shrunk[name][2].sum() == 0


def test_the_latest_events_fade_faster_than_recent_ones():
    events = Interactions(np.zeros(3, np.int64), np.arange(3), 1, 4, at=np.arange(3) * DAY)
    features = build_user_features(events, None, replace(PLAIN, recency_decay=0.8, history_exponent=1.0))
    for name, decay in (("items", 1.0), ("recent_items", 0.8), ("latest_items", 0.8**3), ("last_items", 0.8**12)):
        weights = np.array([decay**2, decay, 1, 0])
        np.testing.assert_allclose(features[name].toarray()[0], weights / weights.sum(), rtol=1e-6)


def test_sums_over_one_event_each_are_those_of_a_user_among_others():
    """Where nobody has two events no sparse matrix is made, and the same comes out to the last bit."""
    rng = np.random.default_rng(1)
    at, item_index = np.arange(5) * DAY, np.array([2, 0, -1, 3, 1])
    text = EventText.of(rng.random((5, 2)).astype(np.float32))
    rows = rng.random((4, 3)).astype(np.float32)
    alone = user_sums(Interactions(np.arange(5), item_index, 6, 4, at=at), text, SHRUNK)
    more = Interactions(np.array([0, 1, 2, 3, 4, 5, 5]), np.append(item_index, [0, 1]), 6, 4, at=np.append(at, at[:2]))
    among = user_sums(more, text.take(np.array([0, 1, 2, 3, 4, 4, 4])), SHRUNK)
    for name in ITEM_SUMS:
        np.testing.assert_array_equal((alone[name] @ rows)[:5], (among[name] @ rows)[:5])
        np.testing.assert_array_equal(alone[name] @ rows, np.asarray(alone[name].matrix() @ rows))
    for name in ("constant", "text", "time", "recent_time"):
        np.testing.assert_array_equal(alone[name][:5], among[name][:5])


def test_what_holds_for_everyone_and_periods_keep_their_say():
    events, text = one_event_and_four()
    plain, shrunk = (build_user_features(events, text, statistics) for statistics in (PLAIN, SHRUNK))
    for name in ("constant", "time", "recent_time"):
        np.testing.assert_array_equal(shrunk[name], plain[name])
    np.testing.assert_allclose(plain["time"].sum(1), [1, 1, 0], atol=1e-6)


def rated(rating):
    """User 0 rates three items, user 1 one, user 2 two."""
    users, items = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 2, 3, 0, 1])
    return Interactions(users, items, 3, 4, rating=np.array(rating, dtype=np.float32), at=np.arange(6) * DAY)


def test_what_was_disliked_speaks_for_no_item_and_no_word():
    text = EventText.of(np.tile(np.array([1, 0], dtype=np.float32), (6, 1)))
    events = rated([5, 1, 4, 2, 2, 1])
    plain, weighed = (build_user_features(events, text, replace(PLAIN, middle_rating=m)) for m in (None, 3.0))
    for name in ITEM_SUMS:
        expected = plain[name].toarray() * [[1, 0, 1, 1], [1, 1, 1, 0], [1, 0, 1, 1]]
        np.testing.assert_allclose(weighed[name].toarray(), expected)
    np.testing.assert_allclose(weighed["text"], plain["text"] * [[2 / 3], [0], [1 / 2]], rtol=1e-6)
    np.testing.assert_array_equal(weighed["time"], plain["time"])


def test_a_low_rating_above_the_own_mean_and_none_at_all_are_no_dislike():
    assert liked(rated([5, np.nan, 1, np.nan, 2, 1]), 3.0).tolist() == [1, 1, 0, 1, 1, 0]
    assert liked(rated([1, 1, 1, 1, 1, 1]), None).tolist() == [1] * 6


def test_the_middle_is_that_of_the_ratings_given():
    assert middle_rating(rated([5, np.nan, 1, 4, 2, 1])) == 3.0
    assert middle_rating(rated([np.nan] * 6)) is None
    assert middle_rating(replace(rated([1] * 6), rating=None)) is None
