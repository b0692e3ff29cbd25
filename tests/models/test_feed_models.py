from __future__ import annotations

import numpy as np
import pytest

from kindred.models.boosting import Boosting, fit_boosting
from kindred.models.conditional_logit import fit_conditional_logit


def test_conditional_logit_recovers_weights_and_ignores_what_a_group_shares() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(800), 6)
    features = rng.normal(size=(len(group), 3))
    features[:, 2] = np.repeat(rng.normal(size=800), 6)
    utility = features @ np.array([1.0, -0.5, 3.0]) + rng.gumbel(size=len(group))
    liked = utility == np.maximum.reduceat(utility, np.arange(0, len(group), 6)).repeat(6)
    fitted = fit_conditional_logit(features, group, liked, ridge=1.0)
    assert fitted.weights / fitted.scale == pytest.approx([1.0, -0.5, 0.0], abs=0.12)


def test_trees_say_what_shows_and_are_the_same_from_their_text() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3000, 2))
    fitted = fit_boosting(features, rng.random(3000) < np.where(features[:, 0] > 0, 0.4, 0.1), seed=1)
    chance = fitted.probability(np.array([[2.0, 0.0], [-2.0, 0.0]]))
    assert chance == pytest.approx([0.4, 0.1], abs=0.08)
    assert np.array_equal(Boosting(fitted.text).probability(features), fitted.probability(features))
