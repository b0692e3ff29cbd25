"""Metrics of rankings whose answers are right to a degree: just what a query asks for, or nearly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

EXACT = 1.0
"""Gain of an answer that is just right."""
_LISTED = 10


def graded_metrics(
    scores: NDArray[np.floating], gains: csr_matrix, depths: tuple[int, ...] = (10, 100)
) -> dict[str, NDArray[np.float64]]:
    """What each row's ranking of the whole catalogue is worth, one value a row.

    * `ndcg@10`: gain / log2(rank + 1) summed over the first ten, as a share of the best order's (Järvelin and
      Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", 2002).
    * `recall@k`: share of the exact answers in the first k; `capped_recall@10`: of ten or of all there are, if fewer.

    Args:
        scores: of every item, the best highest, equal ones by position, `[num_rows, num_items]`.
        gains: of every item, above 0 to 1, `[num_rows, num_items]`; every row has an exact one, or its recalls are 0.
        depths: the k of recall.
    """
    deepest = min(max(*depths, _LISTED), scores.shape[1])
    found = _gains_of_best(scores, gains, deepest)
    discount = 1 / np.log2(np.arange(2, _LISTED + 2))
    first = found[:, :_LISTED]
    ideal = np.array([_ideal(row, discount) for row in _rows(gains)])
    exact = np.array([int((row >= EXACT).sum()) for row in _rows(gains)])
    hits = np.cumsum(found >= EXACT, axis=1)
    per_row = {"ndcg@10": first @ discount[: first.shape[1]] / np.maximum(ideal, 1e-12)}
    per_row["capped_recall@10"] = hits[:, first.shape[1] - 1] / np.maximum(np.minimum(exact, _LISTED), 1)
    for k in depths:
        per_row[f"recall@{k}"] = hits[:, min(k, deepest) - 1] / np.maximum(exact, 1)
    return per_row


def _gains_of_best(scores: NDArray[np.floating], gains: csr_matrix, k: int) -> NDArray[np.float64]:
    """Gains of each row's k best, best first, `[num_rows, k]`."""
    best = (
        np.argpartition(-scores, k - 1, axis=1)[:, :k]
        if k < scores.shape[1]
        else np.tile(np.arange(k), (len(scores), 1))
    )
    best.sort(axis=1)
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, 1)
    rows = np.repeat(np.arange(len(best)), k)
    found: NDArray[np.float64] = np.asarray(gains[rows, best.ravel()], dtype=np.float64).reshape(len(best), k)
    return found


def _rows(gains: csr_matrix) -> list[NDArray[np.float32]]:
    return [gains.data[gains.indptr[row] : gains.indptr[row + 1]] for row in range(gains.shape[0])]


def _ideal(row: NDArray[np.float32], discount: NDArray[np.float64]) -> float:
    best = np.sort(row)[::-1][: len(discount)]
    return float(best @ discount[: len(best)])
