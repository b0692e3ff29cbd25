"""The EASE baseline, its ridge chosen on validation: with one fixed ridge it would be beaten more easily than it is.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019, arXiv 1905.03375. Where users are fewer than items
it is found from their side, which takes an inverse of users by users.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import FloatArray, Interactions
from kindred.domain.linear_models import ease_factors_of, ease_weights
from kindred.evaluation.baselines import user_item_matrix
from kindred.evaluation.metrics import Scorer, evaluate_ranking
from kindred.evaluation.splits import Split

EASE_RIDGES = (50.0, 100.0, 200.0, 400.0, 800.0)
"""What the ridge is chosen from, in the unit of item counts, the same for every data set."""
CHOSEN_BY = "ndcg@10"
MANY_ITEMS = 4096
MOST_USERS = 20_000
"""So many users, drawn by a fixed seed, choose the ridge where the catalogue has more than `MANY_ITEMS`."""


def fit_ease_on(split: Split) -> Scorer:
    """EASE as a baseline of the protocol: the ridge chosen on validation, then fitted on all known events."""
    return fit_ease(split.known_events, choose_ridge(split.train_events, split.validation_events))


def ease_map_on(split: Split) -> FloatArray:
    """The map of `fit_ease_on`, `[num_items, num_items]`."""
    return ease_map(split.known_events, choose_ridge(split.train_events, split.validation_events))


def choose_ridge(train: Interactions, validation: Interactions) -> float:
    """The ridge of `EASE_RIDGES` that ranks validation best when fitted on train; of equals the smallest.

    The middle one where there is no validation event to choose by.
    """
    if len(validation) == 0:
        return EASE_RIDGES[len(EASE_RIDGES) // 2]
    asked = drawn_users(validation)
    values = [
        evaluate_ranking(scorer, asked, train, ks=(10,)).means[CHOSEN_BY] for scorer in _scorers(train, EASE_RIDGES)
    ]
    return EASE_RIDGES[int(np.argmax(values))]


def drawn_users(validation: Interactions) -> Interactions:
    """The validation events of as many users as are affordable to rank the catalogue for."""
    users = np.unique(validation.user_index)
    if validation.num_items <= MANY_ITEMS or len(users) <= MOST_USERS:
        return validation
    drawn = np.random.default_rng(0).choice(users, MOST_USERS, replace=False)
    return validation.take(np.isin(validation.user_index, drawn))


def fit_ease(train: Interactions, ridge: float) -> Scorer:
    """EASE with a ridge that is known already."""
    return next(_scorers(train, (ridge,)))


def ease_map(train: Interactions, ridge: float) -> FloatArray:
    """What a user's item adds to the score of each other: the map of `fit_ease`, `[num_items, num_items]`."""
    return ease_weights(_gram(user_item_matrix(train)), ridge)


def _scorers(train: Interactions, ridges: Iterable[float]) -> Iterator[Scorer]:
    """EASE with each ridge in turn; what does not depend on the ridge is worked out once."""
    matrix = user_item_matrix(train)
    if train.num_users >= train.num_items:
        gram = _gram(matrix)
        for ridge in ridges:
            yield _map_scorer(matrix, ease_weights(gram, ridge))
        return
    spectrum = np.linalg.eigh((matrix @ matrix.T).toarray().astype(np.float64))
    for ridge in ridges:
        yield _factor_scorer(matrix, *ease_factors_of(spectrum, lambda x: matrix.T @ x, ridge, train.num_users))


def _gram(matrix: sp.csr_matrix) -> FloatArray:
    """How many users know both of two items, `[num_items, num_items]`."""
    return np.asarray((matrix.T @ matrix).todense(), dtype=np.float32)


def _map_scorer(matrix: sp.csr_matrix, weights: FloatArray) -> Scorer:
    return lambda users: np.asarray(matrix[users] @ weights, dtype=np.float32)


def _factor_scorer(matrix: sp.csr_matrix, left: FloatArray, right: FloatArray) -> Scorer:
    itself = (left * right).sum(1)  # what EASE has as zeros on its diagonal
    return lambda users: (matrix[users] @ left) @ right.T - matrix[users].multiply(itself).toarray()
