"""What an A/B test says: whether its groups are what was declared, by how much they differ, and how sure that is.

Users are what is split at random, so users are what is counted: rates are sums of hits over sums of exposures, and
their spread is that between buckets of users, whatever one user's exposures have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import IntArray
from kindred.evaluation.bootstrap import Interval

Floats = NDArray[np.floating]

SUSPECT_BELOW = 0.001
"""A sample ratio less likely than that is no accident (Fabijan et al., 2019)."""
SIGNIFICANT_BELOW = 0.05
POWER = 0.8
NUM_BUCKETS = 200
_SAMPLES, _OFF_POLICY_SAMPLES = 2_000, 200


@dataclass(frozen=True)
class SampleRatio:
    """Whether the groups are as large as their shares say; where not, nothing else of the test can be believed."""

    counts: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float

    @property
    def holds(self) -> bool:
        return self.p_value >= SUSPECT_BELOW


@dataclass(frozen=True)
class Difference:
    """Rate of the test group minus that of the control group.

    Attributes:
        interval: the difference with its bootstrap interval.
        p_value: of the bucketed test, that there is none.
    """

    interval: Interval
    p_value: float

    @property
    def is_significant(self) -> bool:
        return self.p_value < SIGNIFICANT_BELOW


@dataclass(frozen=True)
class Group:
    """One arm's users.

    Attributes:
        hits: how many of a user's exposures were followed by what was hoped for, `[num_users]`.
        exposures: how many there were, at least 1, `[num_users]`.
        buckets: any number of a user that is independent of the arm and of what they do, `[num_users]`.
    """

    hits: Floats
    exposures: Floats
    buckets: IntArray

    @property
    def rate(self) -> float:
        """Hits an exposure."""
        return float(self.hits.sum() / self.exposures.sum()) if len(self.hits) else float("nan")


@dataclass(frozen=True)
class Pairs:
    """Users, items and times in seconds, `[num_pairs]` each; positions of both kinds of pairs mean the same."""

    user_index: IntArray
    item_index: IntArray
    at: IntArray


def sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """A chi-squared test of the numbers of users in each arm.

    Fabijan et al., "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019.
    """
    from scipy.stats import chisquare  # only here: it takes half a second

    expected = np.asarray(shares, dtype=np.float64) / sum(shares) * sum(counts)
    p_value = float(chisquare(counts, expected).pvalue) if sum(counts) else 1.0
    return SampleRatio(tuple(int(count) for count in counts), tuple(map(float, expected)), p_value)


def difference(control: Group, test: Group, rng: np.random.Generator) -> Difference:
    """How the rates differ: Welch's test over buckets of users, and a bootstrap that resamples buckets.

    Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics", KDD 2018, arXiv 1803.06336, on why not over
    exposures: those of one user are not independent.

    Raises:
        ValueError: a group has fewer than two users.
    """
    from scipy.stats import ttest_ind

    if min(len(control.hits), len(test.hits)) < 2:
        raise ValueError("an arm has fewer than two users")
    sums = [_bucketed(group) for group in (control, test)]
    per_bucket = [hits / exposures for hits, exposures in sums]
    if all(np.ptp(rates) == 0 for rates in per_bucket):
        p_value = float(per_bucket[0][0] == per_bucket[1][0])
    else:
        p_value = float(ttest_ind(per_bucket[1], per_bucket[0], equal_var=False).pvalue)
    low, high = np.quantile(_resampled(*sums[1], rng) - _resampled(*sums[0], rng), (0.025, 0.975))
    return Difference(Interval(test.rate - control.rate, float(low), float(high)), p_value)


def _bucketed(group: Group) -> tuple[Floats, Floats]:
    """Hits and exposures of each bucket that has users; where users are few each is a bucket."""
    few = len(group.hits) < 2 * NUM_BUCKETS
    rows = np.arange(len(group.hits)) if few else group.buckets % NUM_BUCKETS
    hits, exposures = (np.bincount(rows, values).astype(np.float64) for values in (group.hits, group.exposures))
    return hits[exposures > 0], exposures[exposures > 0]


def _resampled(hits: Floats, exposures: Floats, rng: np.random.Generator) -> Floats:
    """The rate of so many resamples of buckets, `[_SAMPLES]` (Efron, "Bootstrap Methods", 1979)."""
    chosen = rng.integers(0, len(hits), (_SAMPLES, len(hits)))
    rates: Floats = hits[chosen].sum(axis=1) / exposures[chosen].sum(axis=1)
    return rates


def days_to_significance(found: Difference, days: float) -> float | None:
    """Days in all until a difference as large as the one found is significant with `POWER`; None where there is none.

    The error shrinks with the root of the number of users, who are taken to come as they did.
    """
    from scipy.stats import norm

    error = (found.interval.high - found.interval.low) / (2 * norm.ppf(1 - SIGNIFICANT_BELOW / 2))
    if found.interval.mean == 0 or error == 0:
        return None
    reach = norm.ppf(1 - SIGNIFICANT_BELOW / 2) + norm.ppf(POWER)
    return float(days * (reach * error / found.interval.mean) ** 2)


def hits_within(exposed: Pairs, events: Pairs, window: int) -> NDArray[np.bool_]:
    """Which exposures were followed, within `window` seconds, by an event of the same user and item, `[num_exposed]`.

    What happened at the time of the exposure or before does not count.
    """
    if not len(exposed.at) or not len(events.at):
        return np.zeros(len(exposed.at), dtype=np.bool_)
    earliest = min(exposed.at.min(), events.at.min())
    span = int(max(exposed.at.max(), events.at.max()) - earliest) + 2
    num_items = int(max(exposed.item_index.max(), events.item_index.max())) + 1
    keys = [pairs.user_index * np.int64(num_items) + pairs.item_index for pairs in (exposed, events)]
    known, ranks = np.unique(keys[1], return_inverse=True)
    ends = np.sort(ranks * np.int64(span) + (events.at - earliest))
    place = np.minimum(np.searchsorted(known, keys[0]), len(known) - 1)
    starts = place * np.int64(span) + (exposed.at - earliest)
    following = ends[np.minimum(np.searchsorted(ends, starts, side="right"), len(ends) - 1)]
    wait = following - starts
    is_same = (known[place] == keys[0]) & (following // span == place)
    found: NDArray[np.bool_] = is_same & (wait > 0) & (wait <= window)
    return found


def ips(rewards: Floats, logged: Floats, target: Floats, rng: np.random.Generator, *, normalised: bool) -> Interval:
    """What another way to answer would have earned an answer, from a log of what was shown with which probability.

    Horvitz and Thompson's estimate (1952); `normalised` by the sum of the weights, biased a little and far steadier
    (Swaminathan and Joachims, "The Self-Normalized Estimator for Counterfactual Learning", NeurIPS 2015).

    Args:
        rewards: of what was shown, `[num_answers]`.
        logged: the probability with which it was shown, above 0.
        target: the probability with which the other way would show it.
        rng: source of the bootstrap's samples.
        normalised: whether by the sum of the weights.

    Raises:
        ValueError: nothing was logged, or a probability is not above 0.
    """
    if not len(rewards) or (logged <= 0).any():
        raise ValueError("off-policy estimates need logged probabilities above 0")
    weights = target / logged
    gains, totals = weights * rewards, weights if normalised else np.ones_like(weights)
    chosen = (rng.integers(0, len(rewards), len(rewards)) for _ in range(_OFF_POLICY_SAMPLES))
    samples = [gains[rows].sum() / max(totals[rows].sum(), 1e-12) for rows in chosen]
    low, high = np.quantile(samples, (0.025, 0.975))
    return Interval(float(gains.sum() / max(totals.sum(), 1e-12)), float(low), float(high))
