import sys

import numpy as np
import pytest
import torch

from benchmarks.user_knn import fit_user_knn
from kindred.domain.errors import SettingsError
from kindred.domain.interactions import Interactions
from kindred.evaluation.metrics import evaluate_ranking
from kindred.linear.baselines.als import fit_als
from kindred.linear.baselines.ease import fit_ease
from kindred.linear.baselines.gf_cf import fit_gf_cf
from kindred.linear.baselines.lightgcn import LightGCNConfig, fit_lightgcn
from kindred.linear.baselines.neighbours import fit_item_knn
from kindred.linear.baselines.popularity import fit_popularity, fit_random
from kindred.linear.baselines.rating_baselines import fit_bias_rating, fit_constant_rating, fit_mean_rating
from tests.checkerboard import checkerboard


def fit_small_lightgcn(train):
    config = LightGCNConfig(embedding_dim=8, layers=2, learning_rate=0.05, batch_size=64, epochs=60)
    return fit_lightgcn(train, config, seed=0)


MODELS = {
    "item_knn": fit_item_knn,
    "user_knn": fit_user_knn,
    "ease": lambda train: fit_ease(train, ridge=1.0),
    "gf_cf": lambda train: fit_gf_cf(train, rank=2),
    "lightgcn": fit_small_lightgcn,
}


@pytest.mark.parametrize("name", MODELS)
def test_every_personal_baseline_completes_the_checkerboard(name):
    train, held_out = checkerboard(20, 20)
    result = evaluate_ranking(MODELS[name](train), held_out, train, ks=(1,))
    assert result.means["recall@1"] == 1


def test_als_completes_the_checkerboard():
    pytest.importorskip("implicit")
    train, held_out = checkerboard(20, 20)
    score = fit_als(train, seed=0, factors=4)
    assert evaluate_ranking(score, held_out, train, ks=(1,)).means["recall@1"] == 1


def test_als_names_the_extra_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "implicit.als", None)
    with pytest.raises(SettingsError, match=r"\.\[als\]"):
        fit_als(checkerboard(20, 20)[0], seed=0, factors=4)


def test_popularity_and_chance_cannot_complete_the_checkerboard():
    train, held_out = checkerboard(20, 20)
    for score in (fit_popularity(train), fit_random(train, 0)):
        assert evaluate_ranking(score, held_out, train, ks=(1,)).means["recall@1"] < 0.5


def test_random_scores_do_not_depend_on_the_batch():
    score = fit_random(checkerboard(20, 20)[0], seed=3)
    assert np.array_equal(score(np.array([4])), score(np.array([1, 4]))[1:])


def test_rating_baselines_by_hand():
    train = Interactions(
        np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), 3, 3, rating=np.array([5, 3, 4, 2], dtype=np.float32)
    )
    users, items = np.array([0, 1, 2]), np.array([0, 1, 2])
    assert fit_constant_rating(5)(users, items).tolist() == [5, 5, 5]
    assert fit_mean_rating(train)(users, items).tolist() == [3.5, 3.5, 3.5]
    exact = fit_bias_rating(train, user_ridge=1e-9, item_ridge=1e-9)(users, items)
    np.testing.assert_allclose(exact, [5, 2, 3.5], atol=1e-5)
    shrunken = fit_bias_rating(train, user_ridge=2, item_ridge=2)(users, items)
    assert 3.5 < shrunken[0] < 5


def test_rating_baselines_ask_for_ratings():
    with pytest.raises(ValueError, match="ratings"):
        fit_mean_rating(checkerboard(20, 20)[0])


def test_lightgcn_is_deterministic():
    train, _ = checkerboard(20, 20)
    torch.manual_seed(1)
    first = fit_small_lightgcn(train)(np.arange(3))
    torch.manual_seed(2)
    assert np.array_equal(first, fit_small_lightgcn(train)(np.arange(3)))
