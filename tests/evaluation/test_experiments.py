"""The statistics of A/B tests on planted data: what is there is found as often as stated, what is not is not."""

from __future__ import annotations

import numpy as np
import pytest

from kindred.domain.experiments import Arm, Experiment, bucket_of
from kindred.evaluation.experiments import (
    POWER,
    Group,
    Pairs,
    days_to_significance,
    difference,
    hits_within,
    ips,
    sample_ratio,
)

RATE, LIFT = 0.11, 0.013
NUM_TESTS = 120
ENOUGH_USERS = 9_557
"""Users of each arm who tell `LIFT` with `POWER` .8: (1.96 + .84)² (p (1 − p) + q (1 − q)) / (q − p)²."""


def group(num_users: int, rate: float, rng: np.random.Generator) -> Group:
    """Users with one exposure each."""
    hits = (rng.random(num_users) < rate).astype(np.float64)
    return Group(hits, np.ones(num_users), rng.integers(0, 1 << 30, num_users))


def found_significant(lift: float, rng: np.random.Generator) -> float:
    """Share of tests with `ENOUGH_USERS` that call the difference significant."""
    pairs = [(group(ENOUGH_USERS, RATE, rng), group(ENOUGH_USERS, RATE + lift, rng)) for _ in range(NUM_TESTS)]
    return float(np.mean([difference(control, test, rng).is_significant for control, test in pairs]))


def test_a_planted_lift_is_found_at_the_stated_power() -> None:
    found = found_significant(LIFT, np.random.default_rng(0))
    assert abs(found - POWER) < 3 * np.sqrt(POWER * (1 - POWER) / NUM_TESTS)


def test_where_no_lift_is_none_is_found() -> None:
    assert found_significant(0.0, np.random.default_rng(1)) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / NUM_TESTS)


def test_intervals_hold_the_planted_lift() -> None:
    rng = np.random.default_rng(2)
    intervals = [difference(group(4_000, RATE, rng), group(4_000, RATE + LIFT, rng), rng).interval for _ in range(60)]
    assert np.mean([interval.low <= LIFT <= interval.high for interval in intervals]) > 0.85


def test_what_one_user_repeats_is_not_evidence() -> None:
    """A hundred exposures of a user who always or never buys are worth one."""
    rng = np.random.default_rng(3)
    alarms = []
    for _ in range(NUM_TESTS):
        groups = [group(600, RATE, rng) for _ in range(2)]
        repeated = [Group(100 * one.hits, 100 * one.exposures, one.buckets) for one in groups]
        alarms.append(difference(*repeated, rng).is_significant)
    assert np.mean(alarms) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / NUM_TESTS)


def test_the_sample_ratio_check_fires_on_51_to_49() -> None:
    assert not sample_ratio([51_000, 49_000], [50, 50]).holds
    assert sample_ratio([50_200, 49_800], [50, 50]).holds
    assert sample_ratio([9_000, 1_000], [90, 10]).holds


def test_days_to_significance_shrink_with_the_difference() -> None:
    rng = np.random.default_rng(4)
    small = difference(group(5_000, RATE, rng), group(5_000, RATE + LIFT, rng), rng)
    large = difference(group(5_000, RATE, rng), group(5_000, RATE + 5 * LIFT, rng), rng)
    assert days_to_significance(large, 10) < days_to_significance(small, 10)  # type: ignore[operator]
    assert days_to_significance(large, 10) < 10  # type: ignore[operator]


def test_hits_are_of_the_same_user_and_item_after_the_exposure_and_within_the_window() -> None:
    exposed = Pairs(np.array([0, 0, 1, 2, 2, 3]), np.array([5, 6, 5, 5, 5, 5]), np.array([100, 100, 100, 100, 200, 7]))
    events = Pairs(np.array([0, 1, 2, 2, 9]), np.array([5, 6, 5, 5, 5]), np.array([110, 110, 100, 205, 8]))
    assert hits_within(exposed, events, 50).tolist() == [True, False, False, False, True, False]
    assert hits_within(exposed, events, 105).tolist() == [True, False, False, True, True, False]


@pytest.mark.parametrize("normalised", [False, True])
def test_off_policy_estimates_find_the_value_of_a_policy_that_never_ran(normalised: bool) -> None:
    """Three items with known rewards, logged with uneven probabilities; the target always shows the third."""
    rng = np.random.default_rng(5)
    chances, rewards = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.2, 0.4])
    shown = rng.choice(3, 40_000, p=chances)
    earned = (rng.random(len(shown)) < rewards[shown]).astype(np.float64)
    value = ips(earned, chances[shown], (shown == 2).astype(np.float64), rng, normalised=normalised)
    assert value.low < 0.4 < value.high
    assert value.high - value.low < 0.1


def test_arms_get_their_shares_and_salts_are_independent() -> None:
    arms = (Arm(name="control", share=50), Arm(name="test", share=30))
    one, two = (Experiment(name="e", arms=arms, salt=salt) for salt in ("pepper", "another"))
    users = [f"u{number}" for number in range(4_000)]
    chosen = [[experiment.arm_of(user) for user in users] for experiment in (one, two)]
    names = [[arm.name if arm else "none" for arm in of_one] for of_one in chosen]
    assert [names[0].count(name) / len(users) for name in ("control", "test", "none")] == pytest.approx(
        [0.5, 0.3, 0.2], abs=0.03
    )
    both = np.mean([a == b == "control" for a, b in zip(*names, strict=True)])
    assert both == pytest.approx(0.25, abs=0.03)
    assert names[0] == [arm.name if (arm := one.arm_of(user)) else "none" for user in users]


def test_buckets_are_those_of_the_published_formula() -> None:
    """`printf 42salt | md5sum` as a number, modulo 100."""
    assert bucket_of(42, "salt") == bucket_of("42", "salt") == 0x2E41ECF40D75613BCAEB79E2E372BA63 % 100 == 47


def test_declarations_that_cannot_work_are_refused() -> None:
    half = Arm(name="a", share=50)
    for arms in ((half, half), (half, Arm(name="b", share=51)), (half,)):
        with pytest.raises(ValueError):
            Experiment(name="e", arms=arms, salt="pepper")
    with pytest.raises(ValueError):
        Experiment(name="e", arms=(half, Arm(name="b", share=50)))  # type: ignore[call-arg]
