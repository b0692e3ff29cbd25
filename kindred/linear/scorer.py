"""A linear scorer: a linear map from a feature of the user to a score of every item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import FloatArray
from kindred.linear.user_features import Feature

CONSTANT = 1e-5
"""Scores that differ by less than this share of their size differ by rounding."""


@dataclass(frozen=True)
class LinearScorer:
    """score = feature of the user @ left (@ rightᵀ).

    Attributes:
        name: what the scorer is.
        feature: which user feature it reads (see `build_user_features`).
        left: `[feature_dim, num_items]`, or `[feature_dim, rank]` where `right` is given.
        right: `[num_items, rank]` or None.
    """

    name: str
    feature: str
    left: FloatArray
    right: FloatArray | None = None

    def scores(self, rows: Feature) -> FloatArray:
        """Scores of the users with these feature rows, `[num_rows, num_items]`."""
        projected = np.asarray(rows @ self.left, dtype=np.float32)
        result: FloatArray = projected if self.right is None else projected @ self.right.T
        return result


def score_spread(scores: FloatArray) -> float:
    """Standard deviation of the scores within users; 0 where each user's are all alike but for rounding.

    What is alike is told by the size of the scores, never absolutely: rounding noise divided by itself would be an
    order at random.
    """
    if not scores.size:
        return 0.0
    deviation = float(np.sqrt(scores.var(axis=1, dtype=np.float64).mean()))
    size = float(np.sqrt(np.square(scores, dtype=np.float64).mean()))
    return deviation if deviation > CONSTANT * size else 0.0


def in_spreads(scores: FloatArray) -> FloatArray:
    """The scores in units of their spread, zeros where a user's are all alike, `[num_users, num_items]`."""
    spread = score_spread(scores)
    return scores / np.float32(spread) if spread else np.zeros_like(scores)


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Rows scaled to length 1; zero rows stay zero."""
    unit: FloatArray = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return unit
