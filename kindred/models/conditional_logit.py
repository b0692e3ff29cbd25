"""Conditional logit: which of the posts of one session is liked, as a weighted sum of features (McFadden, 1974).

Only differences within a group enter the likelihood, so nothing that is the same for a whole session can be learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray


@dataclass(frozen=True)
class ConditionalLogit:
    """Weights of features that were centred and scaled, `[num_features]` each."""

    weights: DoubleArray
    mean: DoubleArray
    scale: DoubleArray

    def score(self, features: DoubleArray) -> DoubleArray:
        """A score of each row, higher is better, `[num_rows]`."""
        scaled = self.weights / self.scale
        score: DoubleArray = features @ scaled - float(self.mean @ scaled)
        return score


def fit_conditional_logit(
    features: DoubleArray, group: IntArray, liked: NDArray[np.bool_], ridge: float = 100.0
) -> ConditionalLogit:
    """The weights under which the liked rows are likeliest, each among the rows of its group.

    Args:
        features: `[num_rows, num_features]`.
        group: of each row, growing, `[num_rows]`.
        liked: `[num_rows]`; groups without a liked row or without another say nothing.
        ridge: strength of the normal prior on the weights.
    """
    from scipy.optimize import minimize

    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(np.append(starts, len(group)))
    likes = np.add.reduceat(liked.astype(np.float64), starts)
    x = (features - mean) / scale
    liked_sum = x[liked].sum(axis=0)

    def loss(weights: DoubleArray) -> tuple[float, DoubleArray]:
        score = x @ weights
        score -= np.repeat(np.maximum.reduceat(score, starts), sizes)
        exponent = np.exp(score)
        total = np.add.reduceat(exponent, starts)
        share = exponent * np.repeat(likes / total, sizes)
        value = float(likes @ np.log(total) - score[liked].sum()) + ridge / 2 * float(weights @ weights)
        return value, x.T @ share - liked_sum + ridge * weights

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B")
    return ConditionalLogit(np.asarray(found.x, dtype=np.float64), mean, scale)
