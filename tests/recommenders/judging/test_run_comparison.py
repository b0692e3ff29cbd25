from __future__ import annotations

from pathlib import Path

import pytest

from kindred.domain.errors import ArtifactError
from kindred.evaluation.comparison import comparison_text
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.judging.evaluating import EvaluationOptions, evaluate
from kindred.recommenders.judging.run_comparison import compare_runs
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.runs import Run
from kindred.training.fit import RunOptions
from tests.recommenders.conftest import SMALL, Shop

pytestmark = pytest.mark.usefixtures("quick_lightgcn", "no_pictures")


def run_of(shop: Shop, name: str, config: ModelConfig) -> Run:
    return Run(name, shop.folder, {**shop.run.manifest, "config": config.model_dump(mode="json")})


def test_ratings_are_compared_where_both_rate(shop: Shop, tmp_path: Path) -> None:
    """A run without text is judged without: the same figures as the ablation of an evaluation."""
    graph = read_interaction_graph(PRODUCTS, shop.store)
    full, bare = run_of(shop, "full", SMALL), run_of(shop, "bare", SMALL.model_copy(update={"text": False}))
    evaluation = EvaluationOptions("temporal", (0,))
    found = compare_runs(graph, (full, bare), evaluation, RunOptions(tmp_path / "compared", device="cpu"))
    asked = EvaluationOptions("temporal", (0,), without_text=True)
    report = evaluate(graph, SMALL, asked, RunOptions(tmp_path / "evaluated", device="cpu"))
    assert set(found.figures) == {"recall@10", "ndcg@10", "mrr@10", "mse", "mae"} and not found.unrated
    delta = report["ablation"]["no_text"]["delta"]
    for metric, figures in found.figures.items():
        assert {name: figures[name] for name in ("mean", "low", "high")} == pytest.approx(delta[metric])
        assert figures["users"] == report["protocol"]["tested_users"]
    assert found.figures["mse"]["first"] == report["rating"]["model"]["mse"] != found.figures["mse"]["second"]
    assert "kindred tune" in report["protocol"]["selection"]  # SMALL is not the defaults
    assert "ratings not compared" not in comparison_text(found)
    assert (tmp_path / "compared" / "comparison.json").exists()


def test_a_run_of_another_version_says_so(shop: Shop, tmp_path: Path) -> None:
    old = Run("old", shop.folder, {**shop.run.manifest, "config": {"gnn": {"breadth": 3}}})
    with pytest.raises(ArtifactError, match="run old are of another version"):
        graph = read_interaction_graph(PRODUCTS, shop.store)
        compare_runs(graph, (shop.run, old), EvaluationOptions("temporal", (0,)), RunOptions(tmp_path))
