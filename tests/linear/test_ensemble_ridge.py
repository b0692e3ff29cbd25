import numpy as np
import torch

from kindred.domain.interactions import Interactions
from kindred.linear.ease import fit_ease
from kindred.linear.ensemble_ridge import best_ease_ridge
from kindred.linear.history_scorers import mean_count
from kindred.linear.validation import HeldOut, WeightConfig, make_folds

RIDGES = (0.01, 1.0, 30.0, 1000.0)
WEIGHTS = WeightConfig(small=0)


def held_out(seed, taste):
    """A fold of users of four tastes, who keep to it with this chance."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(80), 9)
    own = (users % 4) * 10 + rng.integers(0, 10, len(users))
    items = np.where(rng.random(len(users)) < taste, own, rng.integers(0, 40, len(users)))
    (fold,) = make_folds(Interactions(users, items, 80, 40), False, WEIGHTS, seed)
    return HeldOut.of(fold, WEIGHTS, seed)


def test_it_is_the_one_that_ranks_what_was_held_out_best():
    chosen = set()
    for seed, taste in enumerate((0.4, 0.6, 0.8, 0.95)):
        fold = held_out(seed, taste)

        def value(ridge, fold=fold):
            known = fold.fold.known
            scores = fit_ease(known, ridge * mean_count(known))(fold.users)
            return fold.targets.value(torch.from_numpy(scores))

        found = best_ease_ridge([fold], RIDGES, 7.0)
        assert value(found) == max(map(value, RIDGES))
        chosen.add(found)
    assert len(chosen) > 1


def test_with_nothing_to_choose_from_or_by_it_is_the_other_one():
    assert best_ease_ridge([held_out(0, 0.8)], (), 7.0) == 7.0
    assert best_ease_ridge([], RIDGES, 7.0) == 7.0
