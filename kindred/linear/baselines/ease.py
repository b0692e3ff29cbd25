"""EASE, item-to-item regression in closed form, and the choice of its ridge on held-out events.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019, arXiv 1905.03375. Where users are fewer than items
it is found from their side, which takes an inverse of users by users.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import FloatArray, Interactions, Scorer
from kindred.linear.algebra.ridge import ease_factors_of, ease_weights
from kindred.linear.inputs.known_items import co_occurrence, known_items

EASE_RIDGES = (50.0, 100.0, 200.0, 400.0, 800.0)
"""What the ridge of the baseline is chosen from, in the unit of item counts, the same for every data set."""

Fold = TypeVar("Fold")


def choose_ridge(
    ridges: Sequence[float],
    folds: Sequence[Fold],
    score_with_each: Callable[[Fold], Iterable[Scorer]],
    measure: Callable[[Fold, Scorer], float],
) -> float:
    """The ridge that ranks the held-out events of all folds best, of equals the first; the middle one without a fold.

    Args:
        ridges: what to choose from, at least one.
        folds: known events with others held out, in whatever form the two functions read.
        score_with_each: EASE fitted on the known events with each ridge in turn, see `ease_scorers`.
        measure: how well scores rank the held-out events, the higher the better.
    """
    if not folds:
        return ridges[len(ridges) // 2]
    values = np.zeros(len(ridges))
    for fold in folds:
        values += [measure(fold, scorer) for scorer in score_with_each(fold)]
    return ridges[int(np.argmax(values))]


def fit_ease(train: Interactions, ridge: float) -> Scorer:
    """EASE with a ridge that is known already."""
    return next(ease_scorers(train, (ridge,)))


def ease_map(train: Interactions, ridge: float) -> FloatArray:
    """What a user's item adds to the score of each other: the map of `fit_ease`, `[num_items, num_items]`."""
    return ease_weights(co_occurrence(known_items(train)), ridge)


def ease_scorers(train: Interactions, ridges: Iterable[float]) -> Iterator[Scorer]:
    """EASE with each ridge in turn; what does not depend on the ridge is worked out once."""
    matrix = known_items(train)
    if train.num_users >= train.num_items:
        gram = co_occurrence(matrix)
        for ridge in ridges:
            yield _map_scorer(matrix, ease_weights(gram, ridge))
        return
    spectrum = np.linalg.eigh((matrix @ matrix.T).toarray().astype(np.float64))
    for ridge in ridges:
        yield _factor_scorer(matrix, *ease_factors_of(spectrum, lambda x: matrix.T @ x, ridge, train.num_users))


def _map_scorer(matrix: sp.csr_matrix, weights: FloatArray) -> Scorer:
    return lambda users: np.asarray(matrix[users] @ weights, dtype=np.float32)


def _factor_scorer(matrix: sp.csr_matrix, left: FloatArray, right: FloatArray) -> Scorer:
    itself = (left * right).sum(1)  # what EASE has as zeros on its diagonal
    return lambda users: (matrix[users] @ left) @ right.T - matrix[users].multiply(itself).toarray()
