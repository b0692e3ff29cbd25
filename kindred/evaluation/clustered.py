"""Intervals of ratios whose cases belong to users: whole users are sampled, each with all of their cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.evaluation.bootstrap import Interval, resample

_NUM_SAMPLES = 1000


@dataclass(frozen=True)
class Ratios:
    """Several ratios of sums over the same cases, and what they are in resamples of the users.

    Attributes:
        means: `[num_ratios]`.
        samples: `[num_samples, num_ratios]`.
    """

    means: DoubleArray
    samples: DoubleArray

    def interval(self, column: int, less: int | None = None) -> Interval:
        """One ratio with its 95 per cent percentile interval; or one less another, in the same samples of users."""
        mean, samples = self.means[column], self.samples[:, column]
        if less is not None:
            mean, samples = mean - self.means[less], samples - self.samples[:, less]
        low, high = np.nanquantile(samples, [0.025, 0.975])
        return Interval(float(mean), float(low), float(high))


def clustered_ratios(top: DoubleArray, bottom: DoubleArray, user_index: IntArray, rng: np.random.Generator) -> Ratios:
    """The ratios sum(top) / sum(bottom) with a bootstrap over users (Efron, "Bootstrap Methods", 1979).

    Args:
        top: what each case adds above the line, `[num_cases, num_ratios]`.
        bottom: the same below the line, 1 for a plain mean, `[num_cases, num_ratios]`.
        user_index: whose case it is, `[num_cases]`.
        rng: source of the samples.

    Raises:
        ValueError: there is no case.
    """
    if not len(user_index):
        raise ValueError("an interval needs at least one case")
    users, row = np.unique(user_index, return_inverse=True)
    above, below = (np.zeros((len(users), values.shape[1])) for values in (top, bottom))
    np.add.at(above, row, top)
    np.add.at(below, row, bottom)
    samples = np.stack([resample(len(users), rng) for _ in range(_NUM_SAMPLES)])
    with np.errstate(invalid="ignore", divide="ignore"):
        return Ratios(above.sum(0) / below.sum(0), (samples @ above) / (samples @ below))
