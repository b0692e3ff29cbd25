"""A linear scorer: a linear map from a feature of the user to a score of every item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray
from kindred.linear.inputs.user_features import Feature

CONSTANT = 1e-5
"""Scores that differ by less than this share of their size differ by rounding."""
_USERS_A_PART = 64


@dataclass(frozen=True)
class LinearScorer:
    """score = feature of the user @ left (@ rightᵀ).

    Attributes:
        name: what the scorer is.
        feature: which user feature it reads (see `build_user_features`).
        left: `[feature_dim, num_items]`, or `[feature_dim, rank]` where `right` is given.
        right: `[num_items, rank]` or None.
        added: further features, and the left side of each, `[feature_dim, rank]`; the right side is the same.
    """

    name: str
    feature: str
    left: FloatArray
    right: FloatArray | None = None
    added: tuple[tuple[str, FloatArray], ...] = ()

    @property
    def parts(self) -> tuple[tuple[str, FloatArray], ...]:
        """Every feature with its left side."""
        return ((self.feature, self.left), *self.added)

    def scores(self, features: Mapping[str, Feature], users: IntArray) -> FloatArray:
        """Scores of these users, `[len(users), num_items]`.

        Args:
            features: of all users, by name.
            users: their positions.
        """
        rows = sum(np.asarray(features[name][users] @ left, dtype=np.float32) for name, left in self.parts)
        result: FloatArray = np.asarray(rows) if self.right is None else np.asarray(rows) @ self.right.T
        return result


def score_spread(scores: FloatArray) -> float:
    """Standard deviation of the scores within users; 0 where each user's are all alike but for rounding.

    What is alike is told by the size of the scores, never absolutely: rounding noise divided by itself would be an
    order at random.
    """
    if not scores.size:
        return 0.0
    parts = [scores[start : start + _USERS_A_PART] for start in range(0, len(scores), _USERS_A_PART)]
    variance = np.concatenate([part.var(axis=1, dtype=np.float64) for part in parts])
    square = np.concatenate([np.square(part, dtype=np.float64).mean(axis=1) for part in parts])
    deviation, size = float(np.sqrt(variance.mean())), float(np.sqrt(square.mean()))
    return deviation if deviation > CONSTANT * size else 0.0


def in_spreads(scores: FloatArray) -> FloatArray:
    """The scores, changed in place, in units of their spread, zeros where all are alike, `[num_users, num_items]`."""
    spread = score_spread(scores)
    if spread:
        scores /= np.float32(spread)
    else:
        scores[:] = 0
    return scores
