"""GF-CF: graph filtering in closed form, neighbours plus an ideal low-pass filter."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.linear.inputs.known_items import known_items

_RANK, _LOW_PASS = 256, 0.3  # of the low-pass filter, and its weight beside the neighbours
_ZERO = 1e-9
"""Share of the largest eigenvalue below which one is rounding."""


def fit_gf_cf(train: Interactions, rank: int = _RANK) -> Scorer:
    """GF-CF: neighbours in the normalised graph plus an ideal low-pass filter.

    Shen et al., "How Powerful is Graph Convolution for Recommendation?", 2021, arXiv 2108.07567.
    """
    matrix = known_items(train)
    normalised, left, right = gf_cf_filter(train, rank)

    def score(users: IntArray) -> FloatArray:
        known = matrix[users]
        neighbours = (known @ normalised.T) @ normalised
        return np.asarray(neighbours.todense() + _LOW_PASS * ((known @ left) @ right.T), dtype=np.float32)

    return score


def gf_cf_map(train: Interactions) -> FloatArray:
    """What a user's item adds to the score of each item: the map of `fit_gf_cf`, `[num_items, num_items]`."""
    normalised, left, right = gf_cf_filter(train, _RANK)
    return np.asarray((normalised.T @ normalised).todense() + _LOW_PASS * (left @ right.T), dtype=np.float32)


def gf_cf_filter(train: Interactions, rank: int) -> tuple[sp.csr_matrix, FloatArray, FloatArray]:
    """The normalised matrix `[num_users, num_items]` and the two sides of its low-pass filter, `[num_items, rank]`."""
    matrix = known_items(train)
    by_user = sp.diags(np.maximum(np.asarray(matrix.sum(1)).ravel(), 1.0) ** -0.5)
    item_degree = np.maximum(np.asarray(matrix.sum(0)).ravel(), 1.0).astype(np.float32)
    normalised = (by_user @ matrix @ sp.diags(item_degree**-0.5)).tocsr().astype(np.float32)
    vectors = _right_vectors(normalised, rank)
    return normalised, item_degree[:, None] ** -0.5 * vectors, item_degree[:, None] ** 0.5 * vectors


def _right_vectors(matrix: sp.csr_matrix, rank: int) -> FloatArray:
    """The leading right singular vectors, `[num_items, rank]`; fewer where the matrix has no more, but one at least."""
    smallest = min(matrix.shape)
    if smallest <= 2 * rank:
        return _right_vectors_of_few(matrix, min(rank, max(1, smallest - 1)))
    start = np.ones(smallest, dtype=np.float32)
    return np.asarray(svds(matrix, k=rank, v0=start, return_singular_vectors="vh")[2].T, dtype=np.float32)


def _right_vectors_of_few(matrix: sp.csr_matrix, rank: int) -> FloatArray:
    """The same of few users or few items, by the eigenvectors of their products.

    The sparse solver would begin anew at random wherever singular values are zero, as they often are there.
    """
    exact = matrix.astype(np.float64)
    are_few_users = matrix.shape[0] < matrix.shape[1]
    values, vectors = np.linalg.eigh((exact @ exact.T if are_few_users else exact.T @ exact).toarray())
    found = max(1, min(rank, int((values > values[-1] * _ZERO).sum())))
    largest = vectors[:, ::-1][:, :found]
    if are_few_users:
        largest = (exact.T @ largest) / np.sqrt(np.maximum(values[::-1][:found], np.finfo(np.float64).tiny))
    return np.asarray(largest, dtype=np.float32)
