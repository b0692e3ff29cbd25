"""Nearest neighbours among users, which the published tables have beside those among items."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import Interactions, Scorer
from kindred.linear.algebra.nearest_rows import nearest_rows
from kindred.linear.inputs.known_items import known_items

NEIGHBOURS, SHRINKAGE = 100, 10.0


def fit_user_knn(train: Interactions) -> Scorer:
    """Items of the users most alike, weighted by cosine.

    Resnick et al., "GroupLens: An Open Architecture for Collaborative Filtering of Netnews", 1994.
    """
    matrix = known_items(train)
    similarity = nearest_rows(matrix, NEIGHBOURS, SHRINKAGE)
    return lambda users: np.asarray((similarity[users] @ matrix).todense(), dtype=np.float32)
