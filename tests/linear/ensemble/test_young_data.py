"""Data as small, odd and young as it comes: everything is fitted, and nothing warns."""

from dataclasses import replace

import numpy as np
import pytest

from kindred.domain.interactions import Interactions
from kindred.linear.ensemble.fit import NO_VALIDATION, NOTHING_TOLD, RankingConfig, fit_linear_ensemble
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.ensemble.validation import WeightConfig, make_folds
from kindred.linear.inputs.event_text import EventText, TextVectors
from tests.small_scorers import SCORERS

DAY = 86_400
CONFIG = RankingConfig(temporal=True, scorers=SCORERS, weights=WeightConfig(rounds=1, folds=2, samples=2))
pytestmark = pytest.mark.filterwarnings("error")


def events(users, items, at=None, num_users=None, num_items=None):
    users, items = np.asarray(users), np.asarray(items)
    times = np.arange(len(users)) * DAY if at is None else np.asarray(at)
    return Interactions(users, items, num_users or int(users.max()) + 1, num_items or int(items.max()) + 1, at=times)


def texts(train):
    """A text for each event and item, the same one for all."""
    return TextVectors(
        EventText.of(np.ones((len(train), 4), dtype=np.float32)), np.ones((train.num_items, 4), dtype=np.float32)
    )


SMALL = {
    "one event": events([0], [0]),
    "one event, larger catalogue": events([0], [0], num_users=3, num_items=5),
    "one user": events([0] * 10, range(10)),
    "one item": events(range(10), [0] * 10),
    "one item, again and again": events([0, 0, 1, 1, 1], [0] * 5),
    "two items": events([0, 0, 1, 1, 2], [0, 1, 1, 0, 0]),
    "two users": events([0, 0, 1, 1], [0, 1, 2, 3]),
    "ten events": events([0, 0, 0, 1, 1, 2, 2, 2, 3, 4], [0, 1, 2, 1, 3, 0, 2, 3, 4, 4]),
    "one event a user": events(range(30), np.arange(30) % 7),
    "one time": events([0, 0, 0, 1, 1, 1], [0, 1, 2, 1, 2, 3], at=[5] * 6),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("temporal", [True, False])
@pytest.mark.parametrize("kind", ["bare", "texts", "without times"])
def test_it_is_fitted_and_scores_are_finite_and_of_usual_size(name, temporal, kind):
    train = SMALL[name] if kind != "without times" else replace(SMALL[name], at=None)
    text = texts(train) if kind == "texts" else None
    ensemble = fit_linear_ensemble(train, replace(CONFIG, temporal=temporal and train.at is not None), 0, text)
    scores = ensemble.encode_users(train, None if text is None else text.events) @ ensemble.items.T
    assert scores.shape == (train.num_users, train.num_items)
    assert np.isfinite(scores).all() and np.abs(scores).max() < 100
    arrays, manifest = ensemble.state()
    assert LinearEnsemble.from_state(arrays, manifest).notes == ensemble.notes
    if text is not None and ensemble.cold_items is not None:
        assert np.isfinite(ensemble.encode_cold_items(text.items)).all()


def test_without_anything_to_validate_on_usual_weights_are_taken_and_said():
    train = SMALL["one event a user"]
    ensemble = fit_linear_ensemble(train, CONFIG, 0)
    assert ensemble.notes == (NO_VALIDATION,)
    # EASE learns nothing from users of one event
    assert {name for name, weight in ensemble.scorer_weights.items() if weight} == {"popularity"}
    anonymous = ensemble.encode_users(train.take(np.zeros(len(train), dtype=bool)))[0] @ ensemble.items.T
    popular = np.bincount(train.item_index)
    assert popular[np.argsort(-anonymous, kind="stable")].tolist() == sorted(popular, reverse=True)


def test_what_was_validated_says_nothing():
    assert fit_linear_ensemble(SMALL["ten events"], CONFIG, 0).notes == ()


def test_where_no_item_differs_all_are_equal_and_it_is_said():
    users, items = np.divmod(np.arange(12 * 5), 5)
    train = events(users, items, at=[7] * 60)
    ensemble = fit_linear_ensemble(replace(train, at=None), replace(CONFIG, temporal=False), 0)
    scores = ensemble.encode_users(train) @ ensemble.items.T
    assert ensemble.notes == (NOTHING_TOLD,)
    assert np.ptp(scores) < 1e-5 < np.abs(scores).max() < 100
    assert {name: weight for name, weight in ensemble.scorer_weights.items() if weight} == {"popularity": 1.0}


def migrated(num_users=40, num_items=12):
    """Old events all of one day, and each user's last one later: within a fold's known part no time differs."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(num_users), 4)
    items = np.concatenate([rng.permutation(num_items)[:4] for _ in range(num_users)])
    at = np.where(np.arange(len(users)) % 4 == 3, 40 * DAY + users * DAY, 0)
    return events(users, items, at=at)


def test_scorers_of_periods_exist_in_every_fold_where_they_exist_at_all():
    train = migrated()
    folds = make_folds(train, True, CONFIG.weights, 0)
    assert all(np.ptp(fold.known.at) == 0 for fold in folds)
    weights = fit_linear_ensemble(train, CONFIG, 0, folds=folds).scorer_weights
    assert {"period", "latest period"} <= set(weights)


@pytest.mark.parametrize("max_dense", [24, 25, 26])
def test_a_scorer_near_its_size_limit_is_there_for_all_events_or_for_none(max_dense):
    """EASE from the users' side is there up to 25 users; a fold knows fewer users than there are."""
    rng = np.random.default_rng(1)
    users = np.concatenate([np.repeat(np.arange(20), 5), np.arange(20, 25)])
    items = np.concatenate([*(rng.permutation(40)[:5] for _ in range(20)), rng.integers(0, 40, 5)])
    train = Interactions(users, items, 25, 40)
    config = replace(
        CONFIG,
        temporal=False,
        scorers=replace(SCORERS, max_dense=max_dense, max_squared=0),
        weights=WeightConfig(rounds=1, samples=2, share=0.5),
    )
    assert any(len(np.unique(fold.known.user_index)) < 25 for fold in make_folds(train, False, config.weights, 0))
    ensemble = fit_linear_ensemble(train, config, 0)
    assert ("ease" in ensemble.scorer_weights) == (max_dense >= 25)
    assert sum(ensemble.scorer_weights.values()) == pytest.approx(1.0)
