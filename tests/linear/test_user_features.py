from dataclasses import replace

import numpy as np

from kindred.domain.interactions import Interactions
from kindred.linear.user_features import HistoryStatistics, build_user_features

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
    return events, np.tile(np.array([1, 0], dtype=np.float32), (5, 1))


SHRUNK = replace(PLAIN, history_shrinkage=2.0, typical_history=4.0)


def test_short_histories_are_toned_down_and_typical_ones_keep_their_say():
    events, text = one_event_and_four()
    plain, shrunk = (build_user_features(events, text, statistics) for statistics in (PLAIN, SHRUNK))
    for name in ("items", "recent_items", "text"):
        ratio = shrunk[name].sum(1)[:2] / plain[name].sum(1)[:2]
        np.testing.assert_allclose(np.asarray(ratio).ravel(), [(1 / 3) / (4 / 6), 1], rtol=1e-6)
        assert shrunk[name][2].sum() == 0


def test_what_holds_for_everyone_and_periods_keep_their_say():
    events, text = one_event_and_four()
    plain, shrunk = (build_user_features(events, text, statistics) for statistics in (PLAIN, SHRUNK))
    for name in ("constant", "time", "recent_time"):
        np.testing.assert_array_equal(shrunk[name], plain[name])
    np.testing.assert_allclose(plain["time"].sum(1), [1, 1, 0], atol=1e-6)
