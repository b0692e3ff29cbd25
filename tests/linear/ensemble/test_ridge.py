from dataclasses import replace

import numpy as np
import torch

from kindred.domain.interactions import Interactions
from kindred.linear.baselines.ease import fit_ease
from kindred.linear.ensemble.ridge import RidgeChoice, best_ease_ridge
from kindred.linear.ensemble.validation import HeldOut, ValidationFold, WeightConfig, make_folds
from kindred.linear.scorers.history_scorers import mean_count

RIDGES = (0.01, 1.0, 30.0, 1000.0)
WEIGHTS = WeightConfig(small=0)
CHOICE = RidgeChoice(RIDGES, otherwise=7.0, most_items=40)


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

        found = best_ease_ridge([fold], CHOICE, WEIGHTS, 0)
        assert value(found) == max(map(value, RIDGES))
        chosen.add(found)
    assert len(chosen) > 1


def test_with_nothing_to_choose_from_or_by_it_is_the_other_one():
    assert best_ease_ridge([held_out(0, 0.8)], replace(CHOICE, ridges=()), WEIGHTS, 0) == 7.0
    assert best_ease_ridge([], CHOICE, WEIGHTS, 0) == 7.0


def test_items_that_are_chosen_rarely_do_not_decide_where_there_are_too_many():
    """Four items more, each chosen once, leave the choice as it is; where no event is left there is none."""
    fold = held_out(0, 0.8)
    known, rare = fold.fold.known, np.arange(4)
    users = np.concatenate([known.user_index, rare])
    joined = Interactions(users, np.concatenate([known.item_index, 40 + rare]), 80, 44)
    larger = ValidationFold(joined, np.arange(len(joined)), replace(fold.fold.held_out, num_items=44))
    unit = mean_count(joined) / mean_count(known)
    as_before = replace(CHOICE, ridges=tuple(ridge * unit for ridge in RIDGES))
    found = best_ease_ridge([HeldOut.of(larger, WEIGHTS, 0)], CHOICE, WEIGHTS, 0)
    assert found * unit == best_ease_ridge([fold], as_before, WEIGHTS, 0)
    assert best_ease_ridge([fold], replace(CHOICE, most_items=0), WEIGHTS, 0) == 7.0
