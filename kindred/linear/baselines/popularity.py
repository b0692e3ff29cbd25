"""Rankings that know nothing of the user: the floor and the first line that every recommender has to beat."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.linear.inputs.known_items import item_counts


def fit_random(train: Interactions, seed: int) -> Scorer:
    """Random scores, other ones for each user, the same for the same seed: the floor."""

    def score(users: IntArray) -> FloatArray:
        rows = [np.random.default_rng([seed, int(user)]).random(train.num_items, dtype=np.float32) for user in users]
        return np.stack(rows)

    return score


def fit_popularity(train: Interactions) -> Scorer:
    """How many events each item has, the same for every user."""
    counts = item_counts(train).astype(np.float32)
    return lambda users: np.tile(counts, (len(users), 1))
