"""Logits of many labels to probabilities that can be believed, and from which on to say yes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from kindred.domain.interactions import FloatArray

_SPREAD = 0.5
"""How far the scale (as a logarithm) and the shift of a label are thought to lie from those of all: one deviation."""


@dataclass(frozen=True)
class Calibration:
    """A rising line a label, so that the order of tracks for a label never changes.

    Attributes:
        scale: above 0, `[num_labels]`.
        shift: `[num_labels]`.
    """

    scale: FloatArray
    shift: FloatArray

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """In [0, 1], `[num_rows, num_labels]`."""
        found: FloatArray = expit(logits * self.scale + self.shift).astype(np.float32)
        return found


def fit_calibration(logits: FloatArray, labels: NDArray[np.bool_]) -> Calibration:
    """The lines with the least cross-entropy on rows that the logits were not learned from.

    Platt, "Probabilistic Outputs for Support Vector Machines", 1999. Each label's line is drawn to the one that fits
    all labels, the more the fewer rows tell of it: a normal prior around it, of deviation 0.5.

    Args:
        logits: `[num_rows, num_labels]`.
        labels: the same shape.
    """
    wanted, num = labels.astype(np.float64), logits.shape[1]
    values = logits.astype(np.float64)

    def loss(flat: NDArray[np.float64], centre: NDArray[np.float64] | None) -> tuple[float, NDArray[np.float64]]:
        size, shift = flat.reshape(2, -1)
        scale = np.exp(size)
        moved = values * scale + shift
        off = expit(moved) - wanted
        cost = float((np.logaddexp(0, moved) - wanted * moved).sum())
        slope = np.stack([(off * values).sum(0) * scale, off.sum(0)])
        if centre is None:  # one line for all
            return cost, slope.sum(1)
        away = (flat.reshape(2, num) - centre[:, None]) / _SPREAD
        return cost + float((away**2).sum()) / 2, (slope + away / _SPREAD).ravel()

    shared = minimize(loss, np.zeros(2), args=(None,), jac=True, method="L-BFGS-B").x
    found = minimize(loss, np.repeat(shared, num), args=(shared,), jac=True, method="L-BFGS-B").x.reshape(2, num)
    return Calibration(np.exp(found[0]).astype(np.float32), found[1].astype(np.float32))


def f1_thresholds(probabilities: FloatArray) -> FloatArray:
    """The probability of each label from which on to say yes for the highest F1 to be expected, `[num_labels]`.

    What is expected follows from the probabilities alone, so that labels that few rows have are not fitted to chance.
    """
    ranked = -np.sort(-probabilities.astype(np.float64), axis=0)
    said = np.arange(1, len(ranked) + 1)[:, None]
    expected = 2 * np.cumsum(ranked, axis=0) / (said + ranked.sum(0))
    best: FloatArray = np.take_along_axis(ranked, expected.argmax(0)[None, :], 0)[0].astype(np.float32)
    return best
