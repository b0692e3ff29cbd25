from __future__ import annotations

import numpy as np
import pytest

from kindred.evaluation.clustered import clustered_ratios


def test_ratios_and_differences_by_hand() -> None:
    top = np.array([[1.0, 0], [1, 1], [0, 0], [0, 1]])
    found = clustered_ratios(top, np.ones_like(top), np.array([0, 0, 1, 1]), np.random.default_rng(0))
    assert found.interval(0).mean == 0.5 and found.interval(1).mean == 0.5 and found.interval(0, 1).mean == 0
    # Two people: a sample holds one of them twice or both, so the first ratio is 0, 1/2 or 1 and the second always 1/2.
    assert (found.interval(0).low, found.interval(0).high) == (0, 1)
    assert (found.interval(1).low, found.interval(1).high) == (0.5, 0.5)


def test_repeated_cases_of_a_person_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(1)
    once, who = rng.random((50, 1)), np.arange(50)
    often, whose = np.repeat(once, 10, axis=0), np.repeat(who, 10)
    few, many = (
        clustered_ratios(top, np.ones_like(top), person, np.random.default_rng(0)).interval(0)
        for top, person in ((once, who), (often, whose))
    )
    assert (few.low, few.high) == pytest.approx((many.low, many.high))


def test_no_case_has_no_interval() -> None:
    none = np.empty((0, 1))
    with pytest.raises(ValueError, match="at least one case"):
        clustered_ratios(none, none, np.empty(0, np.int64), np.random.default_rng(0))
