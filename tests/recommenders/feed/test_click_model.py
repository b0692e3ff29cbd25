"""What hardly fades is read where it lists more of the newest clicks, as in a shop, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from kindred.features.click_log import CODES, ClickLog
from kindred.recommenders.feed.click_model import ClickScorer, lasting_pays, warm_clicks

DAY = 24 * 3_600_000
DAYS, PAIRS, A_DAY = 8, 200, 30


def log_of(of_day: int) -> ClickLog:
    """Readers who click an article and then its partner; pairs are the same every day, or begin anew each day."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(DAYS), A_DAY)
    pair = rng.integers(0, PAIRS - of_day * DAYS, len(day)) % PAIRS + of_day * day
    article = np.stack([2 * pair, 2 * pair + 1], axis=1).ravel()
    at = np.stack([np.arange(len(day)) % A_DAY * 600_000 + day * DAY] * 2, axis=1) + np.array([0, 60_000])
    reader = np.repeat(np.arange(len(day)), 2)
    codes = {name: np.full(len(article), -1) for name in CODES}
    return ClickLog(reader, article, at.ravel(), codes, len(day) + 1, 2 * PAIRS)


@pytest.mark.parametrize("of_day", [0, 20])
def test_it_pays_where_pairs_come_again(of_day: int) -> None:
    scorer = ClickScorer(log_of(of_day))
    rows = warm_clicks(scorer, DAY, 10_000, 0)
    assert lasting_pays(scorer, rows, seed=3) is (of_day == 0)
