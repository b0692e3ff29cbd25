"""The baselines that every report compares with, and how each is fitted on a split."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import FloatArray, Interactions, Scorer
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.protocol import Baselines
from kindred.evaluation.splits import Split
from kindred.linear.ease import EASE_RIDGES, choose_ridge, ease_map, ease_scorers, fit_ease
from kindred.linear.neighbours import fit_item_knn
from kindred.linear.popularity import fit_popularity, fit_random
from kindred.linear.rating_baselines import fit_bias_rating, fit_constant_rating, fit_mean_rating

CHOSEN_BY = "ndcg@10"
MANY_ITEMS = 4096
MOST_USERS = 20_000
"""So many users, a fixed sample, choose EASE's ridge where the catalogue has more than `MANY_ITEMS`."""


def fit_ease_on(split: Split) -> Scorer:
    """EASE as a baseline of the protocol: the ridge chosen on validation, then fitted on all known events."""
    return fit_ease(split.known_events, choose_ease_ridge(split.train_events, split.validation_events))


def ease_map_on(split: Split) -> FloatArray:
    """The map of `fit_ease_on`, `[num_items, num_items]`."""
    return ease_map(split.known_events, choose_ease_ridge(split.train_events, split.validation_events))


def choose_ease_ridge(train: Interactions, validation: Interactions) -> float:
    """The ridge of `EASE_RIDGES` with the best NDCG@10 on validation when fitted on train; of equals the smallest.

    The middle one where there is no validation event to choose by.
    """
    folds = [(train, sampled_users(validation))] if len(validation) else []
    return choose_ridge(EASE_RIDGES, folds, lambda fold: ease_scorers(fold[0], EASE_RIDGES), _ndcg)


def sampled_users(validation: Interactions) -> Interactions:
    """The validation events of as many users as are affordable to rank the catalogue for."""
    users = np.unique(validation.user_index)
    if validation.num_items <= MANY_ITEMS or len(users) <= MOST_USERS:
        return validation
    sampled = np.random.default_rng(0).choice(users, MOST_USERS, replace=False)
    return validation.take(np.isin(validation.user_index, sampled))


def _ndcg(fold: tuple[Interactions, Interactions], scorer: Scorer) -> float:
    known, held_out = fold
    return evaluate_ranking(scorer, held_out, known, ks=(10,)).means[CHOSEN_BY]


STANDARD_BASELINES = Baselines(
    ranking={
        "random": lambda split: fit_random(split.known_events, seed=0),
        "popularity": lambda split: fit_popularity(split.known_events),
        "itemknn": lambda split: fit_item_knn(split.known_events),
        "ease": fit_ease_on,
    },
    rating={"constant": lambda known: fit_constant_rating(5.0), "mean": fit_mean_rating, "bias": fit_bias_rating},
)
"""What every report compares with; `constant` always answers 5 stars, the commonest rating of free reviews."""
