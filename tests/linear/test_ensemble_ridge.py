from dataclasses import replace

import numpy as np
import pytest
import torch

from kindred.domain.interactions import Interactions
from kindred.linear.ease import fit_ease
from kindred.linear.ensemble_ridge import best_ease_ridge
from kindred.linear.ensemble_weights import HeldOut, WeightConfig, make_folds
from kindred.linear.history_scorers import has_ease, mean_count
from kindred.linear.scorer import ScorerConfig

RIDGES = (0.01, 1.0, 30.0, 1000.0)
WEIGHTS = WeightConfig(small=0)


def events(seed, taste):
    """Users of four tastes, who keep to it with this chance."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(80), 9)
    own = (users % 4) * 10 + rng.integers(0, 10, len(users))
    items = np.where(rng.random(len(users)) < taste, own, rng.integers(0, 40, len(users)))
    return Interactions(users, items, 80, 40)


@pytest.mark.parametrize("max_squared", [100, 10], ids=["matrix", "few users"])
def test_it_is_the_one_that_ranks_what_was_held_out_best(max_squared):
    config = ScorerConfig(max_squared=max_squared)
    chosen = set()
    for seed, taste in enumerate((0.4, 0.6, 0.8, 0.95)):
        cuts = make_folds(events(seed, taste), False, WEIGHTS, seed)

        def value(ridge, cut=cuts[0], seed=seed):
            held_out = HeldOut(cut, WEIGHTS, seed)
            scores = fit_ease(cut.known, ridge * mean_count(cut.known))(held_out.users)
            return held_out.value(torch.from_numpy(scores))

        found = best_ease_ridge(cuts, RIDGES, config, WEIGHTS, seed)
        assert value(found) == max(map(value, RIDGES))
        chosen.add(found)
    assert len(chosen) > 1


def test_without_a_choice_or_room_for_ease_the_config_says():
    cuts = make_folds(events(0, 0.8), False, WEIGHTS, 0)
    config = ScorerConfig(ease_ridge=7.0)
    assert best_ease_ridge(cuts, (), config, WEIGHTS, 0) == 7.0
    large = replace(config, max_squared=10, max_dense=10)
    assert not has_ease(cuts[0].known, large)
    assert best_ease_ridge(cuts, RIDGES, large, WEIGHTS, 0) == 7.0
