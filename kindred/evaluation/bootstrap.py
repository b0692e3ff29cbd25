"""How sure a difference between two models is: a paired bootstrap over users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 per cent interval."""

    mean: float
    low: float
    high: float

    @property
    def standard_error(self) -> float:
        """How far off the mean usually is: the interval is that of a normal distribution, or nearly."""
        return (self.high - self.low) / (2 * 1.96)

    def __str__(self) -> str:
        return interval_text(vars(self))


def interval_text(found: Mapping[str, float]) -> str:
    """The `mean`, `low` and `high` of an interval as people read them."""
    return f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"


def resample(num_rows: int, rng: np.random.Generator) -> DoubleArray:
    """How often each row is in a bootstrap resample (Efron, "Bootstrap Methods", 1979), `[num_rows]`."""
    return np.bincount(rng.integers(0, num_rows, num_rows), minlength=num_rows).astype(np.float64)


def paired_bootstrap(
    model: NDArray[np.floating], baseline: NDArray[np.floating], rng: np.random.Generator, num_samples: int = 2000
) -> Interval:
    """Mean of `model − baseline` over users with its percentile interval (Efron, "Bootstrap Methods", 1979).

    The same users are sampled for both, so what makes a user easy or hard cancels out.

    Args:
        model: one value a user, `[num_users]`.
        baseline: the other model's value of the same users in the same order, `[num_users]`.
        rng: source of the samples.
        num_samples: number of resamples.

    Raises:
        ValueError: the two arrays don't hold the same users, or hold none.
    """
    if model.shape != baseline.shape or model.ndim != 1 or len(model) == 0:
        raise ValueError(
            f"paired values need two equal, non-empty rows of users, got {model.shape} and {baseline.shape}"
        )
    delta = model.astype(np.float64) - baseline.astype(np.float64)
    samples = [delta[rng.integers(0, len(delta), len(delta))].mean() for _ in range(num_samples)]
    low, high = np.quantile(samples, [0.025, 0.975])
    return Interval(float(delta.mean()), float(low), float(high))
