"""Nearest neighbours by cosine, among items or among users."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import Interactions, Scorer
from kindred.linear.inputs.known_items import known_items


def fit_item_knn(train: Interactions, neighbours: int = 100, shrinkage: float = 10.0) -> Scorer:
    """Sum of cosine similarities to the user's items, over each item's nearest neighbours.

    Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms", 2001; shrinkage tones down chance
    agreement.
    """
    matrix, similarity = known_items(train), item_knn_weights(train, neighbours, shrinkage)
    return lambda users: np.asarray((matrix[users] @ similarity).todense(), dtype=np.float32)


def item_knn_weights(train: Interactions, neighbours: int = 100, shrinkage: float = 10.0) -> sp.csr_matrix:
    """What a user's item adds to the score of each other: the map of `fit_item_knn`, `[num_items, num_items]`."""
    return _nearest(_cosine(known_items(train).T.tocsr(), shrinkage), neighbours).T.tocsr()


def fit_user_knn(train: Interactions, neighbours: int = 100, shrinkage: float = 10.0) -> Scorer:
    """Items of the users most alike, weighted by cosine.

    Resnick et al., "GroupLens: An Open Architecture for Collaborative Filtering of Netnews", 1994.
    """
    matrix = known_items(train)
    similarity = _nearest(_cosine(matrix, shrinkage), neighbours)
    return lambda users: np.asarray((similarity[users] @ matrix).todense(), dtype=np.float32)


def _cosine(rows: sp.csr_matrix, shrinkage: float) -> sp.csr_matrix:
    """Shrunken cosine between the rows of a 0/1 matrix without the diagonal, sparse."""
    together = (rows @ rows.T).tocoo()
    norms = np.sqrt(np.asarray(rows.sum(1)).ravel())
    values = together.data / (norms[together.row] * norms[together.col] + shrinkage)
    off = together.row != together.col
    return sp.csr_matrix((values[off], (together.row[off], together.col[off])), shape=together.shape, dtype=np.float32)


def _nearest(similarity: sp.csr_matrix, neighbours: int) -> sp.csr_matrix:
    """Each row with only its largest entries."""
    coo = similarity.tocoo()
    order = np.lexsort((coo.col, -coo.data, coo.row))
    starts = np.concatenate([[0], np.cumsum(np.bincount(coo.row, minlength=coo.shape[0]))])[:-1]
    rank = np.arange(len(order)) - starts[coo.row[order]]
    kept = order[rank < neighbours]
    return sp.csr_matrix((coo.data[kept], (coo.row[kept], coo.col[kept])), shape=coo.shape, dtype=np.float32)
