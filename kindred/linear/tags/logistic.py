"""Logistic regression of many labels at once: the plain model that networks on pooled features have to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp, softmax

from kindred.domain.interactions import FloatArray

_ITERATIONS = 200


@dataclass(frozen=True)
class Logistic:
    """One logit a label, of features that are scaled first.

    Attributes:
        mean, deviation: of the features, `[num_features]`.
        weight: `[num_features, num_labels]`.
        bias: `[num_labels]`.
        exclusive: whether every row has exactly one label, so that labels share one probability.
    """

    mean: FloatArray
    deviation: FloatArray
    weight: FloatArray
    bias: FloatArray
    exclusive: bool

    def logits(self, features: FloatArray) -> FloatArray:
        """The log odds of each label, `[num_rows, num_labels]`."""
        scaled = (features - self.mean) / self.deviation
        found: FloatArray = (scaled @ self.weight + self.bias).astype(np.float32)
        return log_odds(found) if self.exclusive else found


def are_exclusive(labels: NDArray[np.bool_]) -> bool:
    """Whether every row has exactly one of several labels."""
    return labels.shape[1] > 1 and bool((labels.sum(1) == 1).all())


def log_odds(logits: FloatArray) -> FloatArray:
    """log p/(1 − p) of a softmax over labels, `[num_rows, num_labels]`; the highest logit is left finite."""
    log_p = log_softmax(logits.astype(np.float64), axis=1)
    found: FloatArray = (log_p - np.log(np.maximum(-np.expm1(log_p), 1e-9))).astype(np.float32)
    return found


def fit_logistic(features: FloatArray, labels: NDArray[np.bool_], ridge: float, exclusive: bool) -> Logistic:
    """The weights with the least mean cross-entropy over rows, summed over labels, + ridge/2 · the weights' squares.

    Args:
        features: `[num_rows, num_features]`.
        labels: `[num_rows, num_labels]`.
        ridge: of weights of features of deviation 1; a bias is free.
        exclusive: see `Logistic`.
    """
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    scaled = np.c_[(features - mean) / deviation, np.ones(len(features))].astype(np.float32)
    wanted, shape = labels.astype(np.float32), (scaled.shape[1], labels.shape[1])
    share = np.clip(wanted.mean(0), 0.5 / len(scaled), 1 - 0.5 / len(scaled))
    start = np.zeros(shape, dtype=np.float64)
    start[-1] = np.log(share) if exclusive else np.log(share / (1 - share))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight = flat.reshape(shape)
        logits = scaled @ weight.astype(np.float32)
        if exclusive:
            cost = float((logsumexp(logits, axis=1) - (wanted * logits).sum(1)).sum()) / len(scaled)
            off = softmax(logits, axis=1) - wanted
        else:
            cost = float((np.logaddexp(0, logits) - wanted * logits).sum()) / len(scaled)
            off = expit(logits) - wanted
        slope = (scaled.T @ off).astype(np.float64) / len(scaled)
        slope[:-1] += ridge * weight[:-1]
        return cost + ridge / 2 * float((weight[:-1] ** 2).sum()), slope.ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS, "ftol": 1e-7})
    weight = found.x.reshape(shape).astype(np.float32)
    return Logistic(mean.astype(np.float32), deviation.astype(np.float32), weight[:-1], weight[-1], exclusive)
