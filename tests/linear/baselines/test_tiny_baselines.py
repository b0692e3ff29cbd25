"""Every baseline on data as small as it comes, one user and one item included."""

import numpy as np
import pytest

from benchmarks.user_knn import fit_user_knn
from kindred.domain.interactions import Interactions
from kindred.linear.baselines.als import fit_als
from kindred.linear.baselines.ease import fit_ease
from kindred.linear.baselines.gf_cf import fit_gf_cf, gf_cf_map
from kindred.linear.baselines.lightgcn import LightGCNConfig, fit_lightgcn
from kindred.linear.baselines.neighbours import fit_item_knn
from kindred.linear.baselines.popularity import fit_popularity, fit_random
from kindred.linear.baselines.rating_baselines import fit_bias_rating, fit_commonest_rating, fit_mean_rating

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
BASELINES = {
    "random": lambda train: fit_random(train, 0),
    "popularity": fit_popularity,
    "item_knn": fit_item_knn,
    "user_knn": fit_user_knn,
    "ease": lambda train: fit_ease(train, 100.0),
    "gf_cf": fit_gf_cf,
    "lightgcn": lambda train: fit_lightgcn(train, LightGCNConfig(embedding_dim=4, epochs=2), 0),
    "als": lambda train: fit_als(train, 0, factors=4),
}
SHAPES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 5), (5, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
@pytest.mark.parametrize("name", BASELINES)
def test_it_scores_every_item_with_a_finite_number(name, shape):
    if name == "als":
        pytest.importorskip("implicit")
    users, items = (ends.ravel() for ends in np.indices(shape))
    for train in (Interactions(users, items, *shape), Interactions(users[:1], items[:1], *shape)):
        scores = BASELINES[name](train)(np.arange(shape[0]))
        assert scores.shape == shape and np.isfinite(scores).all()


def test_gf_cf_of_one_event_is_its_map():
    one = Interactions(np.zeros(1, np.int64), np.zeros(1, np.int64), 1, 2)
    known = np.array([[1, 0]], dtype=np.float32)
    np.testing.assert_allclose(fit_gf_cf(one)(np.zeros(1, np.int64)), known @ gf_cf_map(one), atol=1e-6)


def test_gf_cf_is_the_same_each_time_where_users_are_alike():
    users, items = (ends.ravel() for ends in np.indices((12, 8)))
    alike = Interactions(users, items % (1 + users % 3), 12, 8)  # most singular values are zero
    first, second = (fit_gf_cf(alike)(np.arange(12)) for _ in range(2))
    assert np.array_equal(first, second)
    flipped = Interactions(alike.item_index, alike.user_index, 8, 12)
    first, second = (fit_gf_cf(flipped)(np.arange(8)) for _ in range(2))
    assert np.array_equal(first, second)


def test_rating_baselines_of_one_rating_answer_it():
    one = Interactions(np.zeros(1, np.int64), np.zeros(1, np.int64), 2, 2, rating=np.array([3.0], dtype=np.float32))
    for fit in (fit_mean_rating, fit_commonest_rating, fit_bias_rating):
        np.testing.assert_allclose(fit(one)(np.array([0, 1]), np.array([0, 1])), [3, 3])
