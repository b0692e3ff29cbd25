"""The baselines of a report: EASE with its ridge chosen on validation, and on nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.interactions import Interactions
from kindred.domain.rating_scale import STARS
from kindred.evaluation.protocol import FittedModel, ProtocolConfig, run_protocol
from kindred.evaluation.report import build_report
from kindred.evaluation.report_text import render_table
from kindred.evaluation.splits import Split, random_split, validation_split
from kindred.linear.baselines.ease import EASE_RIDGES, ease_map, fit_ease
from kindred.linear.baselines.popularity import fit_popularity
from kindred.linear.baselines.rating_baselines import fit_mean_rating
from kindred.recommenders.baselines import (
    MANY_ITEMS,
    MOST_USERS,
    RANKING,
    choose_ease_ridge,
    ease_map_on,
    fit_ease_on,
    report_baselines,
    sampled_users,
)

SEEDS = range(6)


def tastes(seed: int, num_users: int = 200, num_items: int = 30) -> Interactions:
    """Users of four tastes, blurred more from seed to seed, so that not every one asks for the same ridge."""
    rng = np.random.default_rng(seed)
    likes = (np.arange(num_users)[:, None] % 4 == np.arange(num_items) % 4) * 0.35 + 0.03 * seed
    users, items = np.nonzero(rng.random((num_users, num_items)) < likes + 0.5 / (np.arange(num_items) + 3))
    return Interactions(users, items, num_users, num_items)


def best_by_hand(train: Interactions, validation: Interactions) -> float:
    """The ridge with the best NDCG@10, from the definitions: inverse of the Gram matrix, ranks one by one."""
    known = np.zeros((train.num_users, train.num_items))
    known[train.user_index, train.item_index] = 1
    values = []
    for ridge in EASE_RIDGES:
        inverse = np.linalg.inv(known.T @ known + ridge * np.eye(train.num_items))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        scores = np.where(known > 0, -np.inf, known @ weights)
        gains = []
        for user in np.unique(validation.user_index):
            held_out = validation.item_index[validation.user_index == user]
            hits = np.isin(np.argsort(-scores[user])[:10], held_out)
            discounts = 1 / np.log2(np.arange(10) + 2)
            gains.append((hits * discounts).sum() / discounts[: len(held_out)].sum())
        values.append(np.mean(gains))
    return EASE_RIDGES[int(np.argmax(values))]


def test_the_chosen_ridge_is_the_best_of_the_grid() -> None:
    splits = [random_split(tastes(seed), seed) for seed in SEEDS]
    chosen = [choose_ease_ridge(split.train_events, split.validation_events) for split in splits]
    assert chosen == [best_by_hand(split.train_events, split.validation_events) for split in splits]
    assert len(set(chosen)) > 2  # no fixed answer would pass


def test_it_is_chosen_on_validation_and_fitted_on_all_that_is_known() -> None:
    users = np.arange(200)
    for seed in SEEDS:
        split = random_split(tastes(seed), seed)
        ridge = best_by_hand(split.train_events, split.validation_events)
        expected = fit_ease(split.known_events, ridge)(users)
        assert np.array_equal(fit_ease_on(split)(users), expected)
        assert np.array_equal(RANKING["ease"].fit(split)(users), expected)
        assert np.array_equal(ease_map_on(split), ease_map(split.known_events, ridge))


def with_other_items(split: Split, rows: NDArray[np.int64]) -> Split:
    """The split with other items in these events."""
    events = split.interactions
    items = events.item_index.copy()
    items[rows] = (items[rows] + 1) % events.num_items
    return replace(split, interactions=replace(events, item_index=items))


def test_test_events_change_nothing_and_validation_events_do() -> None:
    users, moved = np.arange(200), []
    for seed in SEEDS:
        split = random_split(tastes(seed), seed)
        scores = fit_ease_on(split)(users)
        assert np.array_equal(fit_ease_on(with_other_items(split, split.test))(users), scores)
        other = with_other_items(split, split.validation)
        moved.append(
            choose_ease_ridge(split.train_events, split.validation_events)
            != choose_ease_ridge(other.train_events, other.validation_events)
        )
    assert any(moved)


@pytest.mark.parametrize("seed", SEEDS[1:])
def test_few_users_choose_what_the_matrix_of_items_chooses(seed: int) -> None:
    """Users without an event change no score, but make as many users as items. With seed 0 two ridges are level."""
    few = tastes(seed, num_users=60, num_items=90)
    many = replace(few, num_users=90)
    chosen = []
    for events in (few, many):
        cut = validation_split(events, seed, temporal=False)
        chosen.append(choose_ease_ridge(cut.train_events, cut.validation_events))
    assert chosen[0] == chosen[1]
    known = np.arange(60)
    np.testing.assert_allclose(fit_ease(few, chosen[0])(known), fit_ease(many, chosen[0])(known), atol=1e-5)


def test_without_validation_it_is_the_middle_of_the_grid() -> None:
    events = tastes(0)
    assert choose_ease_ridge(events, events.take(np.zeros(0, dtype=np.int64))) == sorted(EASE_RIDGES)[2]


def test_large_catalogues_are_ranked_for_a_fixed_sample_of_users() -> None:
    users = np.repeat(np.arange(MOST_USERS + 1000), 2)
    small = Interactions(users, users % 7, MOST_USERS + 1000, MANY_ITEMS)
    large = replace(small, num_items=MANY_ITEMS + 1)
    sampled = sampled_users(large)
    assert sampled_users(small) is small
    assert len(np.unique(sampled.user_index)) == MOST_USERS and len(sampled) == 2 * MOST_USERS
    assert np.array_equal(sampled.user_index, sampled_users(large).user_index)


def test_a_report_names_what_it_leaves_out_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kindred.recommenders.baselines.find_spec", lambda name: None)
    small = report_baselines(tastes(0), STARS)
    assert list(small.ranking) == ["random", "popularity", "itemknn", "ease", "gf-cf", "lightgcn"]
    assert list(small.rating) == ["constant", "mean", "bias"]
    assert small.left_out == {"als": "it needs the package implicit, `pip install -e '.[als]'`"}
    large = report_baselines(replace(tastes(0), num_items=30_000), None)
    assert "ease" not in large.ranking and "gf-cf" in large.ranking and not large.rating
    assert large.left_out["ease"] == "30,000 items are more than the 20,000 it is affordable for"


def test_every_baseline_of_a_report_is_fitted_on_the_known_events() -> None:
    split = random_split(tastes(0), 0)
    for name, fit in report_baselines(split.interactions, None).ranking.items():
        scores = fit(split)(np.arange(3))
        assert scores.shape == (3, 30) and np.isfinite(scores).all(), name


YOUNG = {
    "two products": ([0, 0, 1, 1, 2], [0, 1, 1, 0, 0]),
    "one user": ([0, 0, 0], [0, 1, 2]),
    "ten events": ([0, 0, 0, 1, 1, 2, 2, 2, 3, 4], [0, 1, 2, 1, 3, 0, 2, 3, 4, 4]),
    "one event a user": ([0, 1, 2], [0, 1, 1]),
    "one product": ([0, 1, 1], [0, 0, 0]),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", YOUNG)
def test_young_data_is_reported_or_what_is_missing_is_said(name: str) -> None:
    users, items = (np.array(ends) for ends in YOUNG[name])
    rating = np.linspace(1, 5, len(users)).astype(np.float32)
    at = np.arange(len(users)) * 86_400
    events = Interactions(users, items, int(users.max()) + 1, int(items.max()) + 1, rating=rating, at=at)
    config = ProtocolConfig("temporal", baselines=report_baselines(events, STARS), num_samples=20)

    def fit(split: Split, seed: int) -> FittedModel:
        return FittedModel(fit_popularity(split.known_events), fit_mean_rating(split.known_events))

    if name == "one event a user":
        with pytest.raises(RecordError, match="no event to test"):
            run_protocol(events, fit, config)
        return
    report = build_report(run_protocol(events, fit, config), "none")
    assert set(report["ranking"]["baselines"]) == set(config.baselines.ranking)
    assert report["rating"]["events"] == np.count_nonzero(np.bincount(users) > 1)
    assert "recall@10" in render_table(report)


def test_events_without_times_are_not_split_by_time() -> None:
    with pytest.raises(SettingsError, match="no times to split by"):
        run_protocol(tastes(0), lambda split, seed: FittedModel(None), ProtocolConfig("temporal"))
