"""Figures of the same users over several splits, pooled so that their interval stays honest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.evaluation.bootstrap import Interval, resample
from kindred.evaluation.metrics import RankingResult
from kindred.evaluation.rating import RatingResult

_CHUNK = 64


@dataclass(frozen=True)
class UserSums:
    """Each user's figures added up over their events and over the splits that tested them.

    The mean weighs every tested case (a user of one split; for ratings an event) alike.

    Attributes:
        names: metric of each column.
        sums: `[num_users, num_metrics]` over the whole user axis, 0 for users without a case.
        counts: cases of each user, `[num_users]`.
    """

    names: tuple[str, ...]
    sums: DoubleArray
    counts: IntArray

    @property
    def num_users(self) -> int:
        """How many users have a case."""
        return int((self.counts > 0).sum())

    @property
    def means(self) -> dict[str, float]:
        """Each metric's mean over the cases, empty without any."""
        total = int(self.counts.sum())
        return dict(zip(self.names, (self.sums.sum(0) / total).tolist(), strict=True)) if total else {}

    def among(self, users: NDArray[np.bool_]) -> UserSums:
        """The same with the cases of these users only; `users` is a mask `[num_users]`."""
        return UserSums(self.names, np.where(users[:, None], self.sums, 0.0), np.where(users, self.counts, 0))


def of_ranking(result: RankingResult, num_users: int) -> UserSums:
    """The ranking metrics of one split, one case a user."""
    sums = np.zeros((num_users, len(result.per_user)))
    sums[result.users] = np.column_stack(list(result.per_user.values()))
    counts = np.zeros(num_users, dtype=np.int64)
    counts[result.users] = 1
    return UserSums(tuple(result.per_user), sums, counts)


def of_rating(result: RatingResult, user_index: IntArray, num_users: int) -> UserSums:
    """The rating errors of one split, one case an event; `user_index` is the events' users, `[num_events]`."""
    correct = (result.liked == result.predicted_liked).astype(np.float64)
    columns = (result.absolute_error, result.squared_error, correct)
    sums = np.column_stack([np.bincount(user_index, column, num_users) for column in columns]).astype(np.float64)
    return UserSums(("mae", "mse", "accuracy"), sums, np.bincount(user_index, minlength=num_users))


def pooled(parts: Sequence[UserSums]) -> UserSums:
    """The cases of all parts together; a user tested in several splits stays one user."""
    sums: DoubleArray = np.sum([p.sums for p in parts], axis=0)
    return UserSums(parts[0].names, sums, np.sum([p.counts for p in parts], axis=0))


def paired_intervals(
    model: UserSums, others: Mapping[str, UserSums], rng: np.random.Generator, num_samples: int = 2000
) -> dict[str, dict[str, Interval]]:
    """Mean of model − other for each other and metric, with its 95 per cent percentile bootstrap interval.

    Users are sampled, each with all of their cases of all splits: cases of one user are not independent, and counting
    them as if they were would make five repeats of one split look like five times the evidence. A sample's mean is its
    sum over its cases. With one case a user this is `bootstrap.paired_bootstrap`; here all metrics and others share the
    samples.

    Raises:
        ValueError: the others were not tested on the same cases, or there are none.
    """
    tested = np.flatnonzero(model.counts)
    if len(tested) == 0 or any(not np.array_equal(model.counts, other.counts) for other in others.values()):
        raise ValueError("paired intervals need the same cases for the model and every other, and at least one")
    if not others:
        return {}
    delta = np.concatenate([(model.sums - other.sums)[tested] for other in others.values()], axis=1)
    counts = model.counts[tested].astype(np.float64)
    samples = np.concatenate(
        [_sample_means(delta, counts, rng, min(_CHUNK, num_samples - i)) for i in range(0, num_samples, _CHUNK)]
    )
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    found = map(Interval, (delta.sum(0) / counts.sum()).tolist(), low.tolist(), high.tolist())
    return {name: {metric: next(found) for metric in model.names} for name in others}


def _sample_means(delta: DoubleArray, counts: DoubleArray, rng: np.random.Generator, num_samples: int) -> DoubleArray:
    """Means of that many resamples of the users, `[num_samples, num_columns]`."""
    weights = np.stack([resample(len(counts), rng) for _ in range(num_samples)])
    means: DoubleArray = (weights @ delta) / (weights @ counts)[:, None]
    return means
