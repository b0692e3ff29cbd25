"""Nearest neighbours by cosine, among items."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import Interactions, Scorer
from kindred.linear.algebra.nearest_rows import nearest_rows
from kindred.linear.inputs.known_items import known_items

_NEIGHBOURS, _SHRINKAGE = 100, 10.0


def fit_item_knn(train: Interactions) -> Scorer:
    """Sum of cosine similarities to the user's items, over each item's nearest neighbours.

    Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms", 2001; shrinkage tones down chance
    agreement.
    """
    matrix, similarity = known_items(train), item_knn_weights(train)
    return lambda users: np.asarray((matrix[users] @ similarity).todense(), dtype=np.float32)


def item_knn_weights(train: Interactions) -> sp.csr_matrix:
    """What a user's item adds to the score of each other: the map of `fit_item_knn`, `[num_items, num_items]`."""
    return nearest_rows(known_items(train).T.tocsr(), _NEIGHBOURS, _SHRINKAGE).T.tocsr()
