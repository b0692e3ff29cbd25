"""EASE in closed form, from the side of items and of users, and the choice between ridges."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import Interactions
from kindred.linear.algebra.ridge import ease_weights
from kindred.linear.baselines.ease import choose_ridge, ease_map, ease_scorers, fit_ease


def test_the_ridge_is_the_best_over_all_folds_and_of_equals_the_first() -> None:
    ridges = (1.0, 2.0, 4.0)
    train = Interactions(np.array([0, 1, 1]), np.array([0, 0, 1]), 2, 2)
    values = {"a": iter([0.2, 0.5, 0.1]), "b": iter([0.4, 0.1, 0.5])}
    found = choose_ridge(ridges, ["a", "b"], lambda _: ease_scorers(train, ridges), lambda fold, _: next(values[fold]))
    assert found == 1.0  # 0.6, 0.6, 0.6
    assert choose_ridge(ridges, [], lambda _: [], lambda *_: 0.0) == 2.0


def test_ease_is_the_same_from_the_users_side() -> None:
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((9, 25)) < 0.3)
    train = Interactions(users, items, 9, 25)
    known = np.zeros((9, 25), dtype=np.float32)
    known[users, items] = 1
    np.testing.assert_allclose(fit_ease(train, 2.0)(np.arange(9)), known @ ease_map(train, 2.0), atol=1e-5)


def test_ease_solves_its_own_constrained_regression() -> None:
    rng = np.random.default_rng(0)
    matrix = (rng.random((30, 6)) < 0.4).astype(np.float32)
    users, items = np.nonzero(matrix)
    weights = ease_weights(matrix.T @ matrix, 2.0)
    assert np.allclose(np.diag(weights), 0)
    for item in range(6):  # without its own row each column is a plain ridge regression
        others = np.arange(6) != item
        inputs = matrix[:, others]
        solved = np.linalg.solve(inputs.T @ inputs + 2 * np.eye(5), inputs.T @ matrix[:, item])
        np.testing.assert_allclose(weights[others, item], solved, atol=1e-4)
    train = Interactions(users.astype(np.int64), items.astype(np.int64), 30, 6)
    np.testing.assert_allclose(fit_ease(train, 2.0)(np.arange(30)), matrix @ weights, atol=1e-4)
