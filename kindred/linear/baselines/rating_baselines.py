"""Ratings that any model has to predict better: a constant, the mean, and the deviations of users and items."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray, Interactions, RatingPredictor
from kindred.domain.rating_scale import STARS, RatingScale

_ITERATIONS = 15


def _ratings(train: Interactions) -> FloatArray:
    rated = train.rated
    if rated.rating is None or not len(rated):
        raise ValueError("a rating baseline needs training events with ratings")
    return rated.rating


def fit_constant_rating(rating: float) -> RatingPredictor:
    """The same answer always."""
    return lambda users, items: np.full(len(users), rating, dtype=np.float32)


def fit_commonest_rating(train: Interactions) -> RatingPredictor:
    """The rating given most often, of equals the best one: five stars where most users give five."""
    values, counts = np.unique(_ratings(train), return_counts=True)
    return fit_constant_rating(float(values[counts == counts.max()].max()))


def fit_mean_rating(train: Interactions) -> RatingPredictor:
    """The mean of the training ratings."""
    return fit_constant_rating(float(_ratings(train).mean()))


def fit_bias_rating(
    train: Interactions,
    scale: RatingScale = STARS,
    user_ridge: float = 5.0,
    item_ridge: float = 5.0,
) -> RatingPredictor:
    """Mean + user's and item's deviation, shrunken towards 0, within the scale.

    Koren, Bell and Volinsky, "Matrix Factorization Techniques for Recommender Systems", 2009.
    """
    rating, train = _ratings(train).astype(np.float64), train.rated
    mean = float(rating.mean())
    user_bias, item_bias = np.zeros(train.num_users), np.zeros(train.num_items)
    user_count = np.bincount(train.user_index, minlength=train.num_users)
    item_count = np.bincount(train.item_index, minlength=train.num_items)
    for _ in range(_ITERATIONS):  # alternating exact minimisation: each line solves its ridge problem given the other
        rest = rating - mean - user_bias[train.user_index]
        item_bias = np.bincount(train.item_index, rest, minlength=train.num_items) / (item_count + item_ridge)
        rest = rating - mean - item_bias[train.item_index]
        user_bias = np.bincount(train.user_index, rest, minlength=train.num_users) / (user_count + user_ridge)

    def predict(users: IntArray, items: IntArray) -> FloatArray:
        return scale.clip((mean + user_bias[users] + item_bias[items]).astype(np.float32))

    return predict
