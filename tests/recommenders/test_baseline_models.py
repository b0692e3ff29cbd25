"""Baselines as published models: they answer, and score as the baseline itself."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.errors import ArtifactError, SettingsError
from kindred.domain.interactions import Interactions, Scorer
from kindred.domain.recommendation import Request
from kindred.evaluation.splits import validation_split
from kindred.linear.baselines.ease import fit_ease
from kindred.linear.baselines.gf_cf import fit_gf_cf
from kindred.linear.baselines.neighbours import fit_item_knn
from kindred.linear.baselines.popularity import fit_popularity
from kindred.recommenders.answering.recommender import Opened, Recommender
from kindred.recommenders.baseline_models import MAX_ITEMS, fit_baseline
from kindred.recommenders.baselines import choose_ease_ridge, fit_ease_on
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.judging.evaluating import EvaluationOptions, evaluate
from kindred.recommenders.model import BaselineName, encode_plain, load_model
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.publishing import publish
from kindred.recommenders.runs import Run
from kindred.recommenders.training import GraphState, train_on
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from tests.recommenders.conftest import Shop


def fit_timeless_ease(events: Interactions) -> Scorer:
    return fit_ease_on(validation_split(events, 0, temporal=False))


SCORERS = {"ease": fit_timeless_ease, "itemknn": fit_item_knn, "gf-cf": fit_gf_cf, "popularity": fit_popularity}
NAMES: list[BaselineName] = ["ease", "itemknn", "gf-cf", "popularity", "lightgcn", "als"]


def tastes() -> Interactions:
    """Even users know even items; pair (0, 0) is there twice, the last user knows nothing."""
    rng = np.random.default_rng(1)
    users = np.repeat(np.arange(40), 6)
    items = np.concatenate([rng.permutation(np.arange(u % 2, 30, 2))[:6] for u in range(40)])
    return Interactions(np.append(users, users[0]), np.append(items, items[0]), 41, 30)


def changing_tastes() -> Interactions:
    """Between two items of a fashion that everybody follows, seven of one of two tastes."""
    rng = np.random.default_rng(0)
    histories = []
    for user in range(300):
        own, (first, last) = rng.permutation(np.arange(4 + user % 2, 30, 2))[:7], rng.permutation(4)[:2]
        histories.append([first, *own, last])
    return Interactions(np.repeat(np.arange(300), 9), np.ravel(histories), 300, 30, at=np.tile(np.arange(9), 300))


def config(name: BaselineName) -> ModelConfig:
    return ModelConfig(model=name, text=False)


def train(shop: Shop, name: BaselineName, folder: Path) -> Run:
    folder.mkdir(parents=True)
    options = RunOptions(folder, seed=3, device="cpu")
    return train_on(
        read_interaction_graph(PRODUCTS, shop.store), config(name), options, GraphState(shop.store.url, "test")
    )


@pytest.mark.parametrize("name", SCORERS)
def test_scores_are_the_baseline_s_own(name: BaselineName) -> None:
    events = tastes()
    core, rows = fit_baseline(events, name, 512, seed=0)
    known = np.arange(40)
    assert np.allclose(rows[known] @ core.items.T, SCORERS[name](events)(known), atol=1e-4)
    assert np.allclose(encode_plain(core, events), rows, atol=1e-4)


def test_ease_chooses_on_the_last_events_of_those_with_times_and_on_random_ones_otherwise() -> None:
    """The last events follow a fashion and the others a taste, so that the two cuts ask for different ridges."""
    events = changing_tastes()
    cuts = {temporal: validation_split(events, 0, temporal=temporal) for temporal in (True, False)}
    ridges = {t: choose_ease_ridge(cut.train_events, cut.validation_events) for t, cut in cuts.items()}
    assert ridges[True] != ridges[False]
    known = np.arange(events.num_users)
    expected = {temporal: fit_ease(events, ridge)(known) for temporal, ridge in ridges.items()}
    timeless = replace(events, at=None)
    for given, temporal, cut in ((events, True, True), (events, False, False), (timeless, True, False)):
        core, rows = fit_baseline(given, "ease", 512, seed=0, temporal=temporal)
        assert np.allclose(rows @ core.items.T, expected[cut], atol=1e-4)
        assert not np.allclose(expected[True], expected[False], atol=1e-3)


@pytest.mark.parametrize("name", ["ease", "gf-cf", "lightgcn"])
def test_a_space_too_narrow_keeps_what_matters(name: BaselineName) -> None:
    """Two tastes fit into few dimensions: even users still get even items only."""
    events = tastes()
    core, rows = fit_baseline(events, name, 8, seed=0)
    assert rows.shape == (41, 8) and core.items.shape[1] == 8
    best = np.argsort(-(rows[:40] @ core.items.T), axis=1)[:, :5]
    assert (best % 2 == np.arange(40)[:, None] % 2).all()


@pytest.mark.parametrize("name", ["ease", "lightgcn"])
def test_somebody_of_whom_nothing_is_known_gets_what_is_popular(name: BaselineName) -> None:
    events = tastes()
    core, rows = fit_baseline(events, name, 512, seed=0)
    counts = np.bincount(events.item_index, minlength=30)
    assert np.corrcoef(rows[40] @ core.items.T, counts)[0, 1] > 0.5


def test_factors_place_who_came_after_training_with_people_of_the_same_taste() -> None:
    events = tastes()
    core, _ = fit_baseline(events, "lightgcn", 512, seed=0)
    new = Interactions(np.array([0, 0]), np.array([1, 3]), 1, 30)
    best = np.argsort(-(encode_plain(core, new) @ core.items.T)[0])[:8]
    assert (best % 2 == 1).all()


def test_too_large_a_catalogue_is_refused_with_a_way_out() -> None:
    few = Interactions(np.array([0]), np.array([0]), 1, MAX_ITEMS + 1)
    with pytest.raises(SettingsError, match="20,001") as raised:
        fit_baseline(few, "ease", 512, seed=0)
    assert "lightgcn" in raised.value.next_step


def test_als_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.als", None)
    with pytest.raises(SettingsError, match=r"\.\[als\]"):
        fit_baseline(tastes(), "als", 512, seed=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_is_published_recommended_and_rolled_back(shop: Shop, name: BaselineName, tmp_path: Path) -> None:
    if name == "als":
        pytest.importorskip("implicit")
    run = train(shop, name, tmp_path / "runs" / "20260101-000000-bbbbbb")
    vectors = open_vectors(f"qdrant-edge:{tmp_path / 'vectors'}")
    publish(PRODUCTS, shop.run, shop.store, vectors)
    publish(PRODUCTS, run, shop.store, vectors)

    def no_encoder() -> object:
        raise AssertionError("a baseline reads no text")

    recommender = Recommender(PRODUCTS, Opened(shop.store, vectors, tmp_path / "runs", no_encoder))  # type: ignore[arg-type]
    user = str(shop.reviews[0]["reviewerID"])
    answer = recommender(Request(user_id=user, k=10))
    seen = {row["asin"] for row in shop.reviews if row["reviewerID"] == user}
    assert answer.version == run.name and len(answer.recommendations) == 10
    assert not seen & {item.item_id for item in answer.recommendations}
    model = load_model(PRODUCTS, run.folder)
    assert [round(float(s), 4) for s in -np.sort(-_unseen(model, user, seen))[:10]] == [
        round(item.score, 4) for item in answer.recommendations
    ]
    assert any(item.reason for item in answer.recommendations) == (name != "popularity")
    assert len(recommender(Request(user_id="never seen", k=5)).recommendations) == 5
    if name == "popularity":
        with pytest.raises(ArtifactError, match="no similarity"):
            recommender.similar(str(shop.reviews[0]["asin"]))
    else:
        assert len(recommender.similar(str(shop.reviews[0]["asin"]), k=5).recommendations) == 5
    assert vectors.of("products").rollback() == shop.run.name
    vectors.close()


def _unseen(model: object, user: str, seen: set[object]) -> np.ndarray:
    scores = model.score_users(model.users.positions([user]))[0]  # type: ignore[attr-defined]
    return scores[[product not in seen for product in model.items]]  # type: ignore[attr-defined, no-any-return]


@pytest.mark.usefixtures("quick_lightgcn", "no_pictures")
def test_evaluating_a_run_of_ease_finds_it_level_with_ease(shop: Shop, tmp_path: Path) -> None:
    graph = read_interaction_graph(PRODUCTS, shop.store)
    options = RunOptions(tmp_path, device="cpu")
    report = evaluate(graph, config("ease"), EvaluationOptions("temporal", (0,)), options)
    assert report["ranking"]["delta"]["ease"]["recall@10"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert report["ranking"]["delta"]["popularity"]["ndcg@10"]["mean"] != 0
    assert "rating" not in report and "ridge of this baseline" in report["protocol"]["selection"]
    with pytest.raises(SettingsError, match="no text"):
        evaluate(graph, config("ease"), EvaluationOptions("temporal", (0,), without_text=True), options)


def test_a_baseline_has_no_ratings_and_says_so(shop: Shop, tmp_path: Path) -> None:
    run = train(shop, "popularity", tmp_path / "run")
    with pytest.raises(ArtifactError, match="only ranks"):
        load_model(PRODUCTS, run.folder).rate(np.array([0]), np.array([0]))


def test_a_model_that_is_not_finite_is_not_kept(shop: Shop, tmp_path: Path) -> None:
    model = load_model(PRODUCTS, shop.run.folder)
    rows = np.array(model.vectors)
    rows[3, 0] = np.nan
    with pytest.raises(ArtifactError, match="NaN or infinity in 1 of"):
        replace(model, open_vectors=lambda: rows).save(tmp_path / "broken")
    assert not (tmp_path / "broken").exists()
