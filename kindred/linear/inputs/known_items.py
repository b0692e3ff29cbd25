"""Who knows which item, and which items are known together: the matrices that every closed-form model starts from."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, Interactions


def known_items(train: Interactions) -> sp.csr_matrix:
    """Which user knows which item, 0 or 1, `[num_users, num_items]`."""
    ones = np.ones(len(train), dtype=np.float32)
    matrix = sp.csr_matrix((ones, (train.user_index, train.item_index)), shape=(train.num_users, train.num_items))
    matrix.data[:] = 1.0
    return matrix


def relative_confidence(train: Interactions) -> sp.csr_matrix:
    """How sure it is that a user wants a known item, 1 on average, `[num_users, num_items]`; all 1 without weights.

    The logarithm of the pair's summed weights over its mean: Hu, Koren and Volinsky, "Collaborative Filtering for
    Implicit Feedback Datasets", 2008.
    """
    matrix = known_items(train)
    if train.weight is None:
        return matrix
    weights = sp.csr_matrix((train.weight, (train.user_index, train.item_index)), shape=matrix.shape)
    weights.data = np.log1p(weights.data)
    weights.data /= max(float(weights.data.mean()), 1e-9)
    return weights


def item_counts(train: Interactions) -> NDArray[np.float64]:
    """Events of each item, `[num_items]`."""
    counts: NDArray[np.float64] = np.bincount(train.item_index, minlength=train.num_items).astype(np.float64)
    return counts


def co_occurrence(matrix: sp.csr_matrix) -> FloatArray:
    """How many users know both of two items, the Gram matrix of `known_items`, `[num_items, num_items]`."""
    return np.asarray((matrix.T @ matrix).todense(), dtype=np.float32)


def dot_scores(users: FloatArray, items: FloatArray, user_index: NDArray[np.int64]) -> FloatArray:
    """Dot products of these rows of `users` with all `items`, `[len(user_index), num_items]`."""
    return np.asarray(users[user_index] @ items.T, dtype=np.float32)
