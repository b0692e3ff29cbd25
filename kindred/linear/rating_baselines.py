"""Ratings that any model has to predict better: a constant, the mean, and the deviations of users and items."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray, Interactions, RatingPredictor


def _ratings(train: Interactions) -> FloatArray:
    if train.rating is None or len(train) == 0:
        raise ValueError("a rating baseline needs training events with ratings")
    return train.rating


def fit_constant_rating(stars: float) -> RatingPredictor:
    """The same answer always; 5 where most people give five."""
    return lambda users, items: np.full(len(users), stars, dtype=np.float32)


def fit_mean_rating(train: Interactions) -> RatingPredictor:
    """The mean of the training ratings."""
    return fit_constant_rating(float(_ratings(train).mean()))


def fit_bias_rating(
    train: Interactions, user_ridge: float = 5.0, item_ridge: float = 5.0, iterations: int = 15
) -> RatingPredictor:
    """Mean + user's and item's deviation, shrunken towards 0, within 1 to 5 stars.

    Koren, Bell and Volinsky, "Matrix Factorization Techniques for Recommender Systems", 2009.
    """
    rating = _ratings(train).astype(np.float64)
    mean = float(rating.mean())
    user_bias, item_bias = np.zeros(train.num_users), np.zeros(train.num_items)
    user_count = np.bincount(train.user_index, minlength=train.num_users)
    item_count = np.bincount(train.item_index, minlength=train.num_items)
    for _ in range(iterations):  # alternating exact minimisation: each line solves its ridge problem given the other
        rest = rating - mean - user_bias[train.user_index]
        item_bias = np.bincount(train.item_index, rest, minlength=train.num_items) / (item_count + item_ridge)
        rest = rating - mean - item_bias[train.item_index]
        user_bias = np.bincount(train.user_index, rest, minlength=train.num_users) / (user_count + user_ridge)

    def predict(users: IntArray, items: IntArray) -> FloatArray:
        return np.clip(mean + user_bias[users] + item_bias[items], 1.0, 5.0).astype(np.float32)

    return predict
