"""Nearest neighbours by cosine, among items or among users."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import Interactions, Scorer
from kindred.linear.algebra.nearest_rows import nearest_rows
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
    return nearest_rows(known_items(train).T.tocsr(), neighbours, shrinkage).T.tocsr()


def fit_user_knn(train: Interactions, neighbours: int = 100, shrinkage: float = 10.0) -> Scorer:
    """Items of the users most alike, weighted by cosine.

    Resnick et al., "GroupLens: An Open Architecture for Collaborative Filtering of Netnews", 1994.
    """
    matrix = known_items(train)
    similarity = nearest_rows(matrix, neighbours, shrinkage)
    return lambda users: np.asarray((similarity[users] @ matrix).todense(), dtype=np.float32)
