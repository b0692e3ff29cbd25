"""What the ranking lab runs and prints, on made-up events."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import ranking
from benchmarks.datasets import Split, split_last, split_random
from benchmarks.ranking_report import ENSEMBLE, Run, Setting, build_report, format_report
from kindred.domain.interactions import Interactions
from kindred.evaluation.metrics import evaluate_ranking
from kindred.linear.baselines.ease import fit_ease
from kindred.recommenders.baselines import choose_ease_ridge

SETTING = Setting("gowalla", "published", temporal=False, num_items=60, k=5)


@pytest.fixture(scope="module")
def split() -> Split:
    """Two groups of users with an own half of the catalogue each."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(80), 12)
    items = (users % 2) * 30 + rng.integers(0, 30, len(users))
    return split_random(Interactions(users, items, 80, 60), seed=0)


def fixed_run(split: Split, favourite: int) -> Run:
    """A model that ranks one item first for everyone."""
    scores = np.arange(60, dtype=np.float32)
    scores[favourite] = 100
    result = evaluate_ranking(lambda users: np.tile(scores, (len(users), 1)), split.test, split.train, ks=(5,))
    return Run(result, fit_cpu_seconds=2.0, peak_gb=1.5, width=8)


def test_a_line_a_model_with_its_anchor_cost_and_distance(split: Split) -> None:
    runs = {ENSEMBLE: [fixed_run(split, 3)], "GF-CF": [fixed_run(split, 4)], "userKNN": [fixed_run(split, 3)]}
    text = format_report(build_report(SETTING, runs)).splitlines()
    header, core, filtered, neighbours = text[2:6]
    assert header.split()[:4] == ["model", "recall@5", "ndcg@5", "anchor"]
    assert filtered.split()[3] == ".1849/.1518" and core.split()[3] == neighbours.split()[3] == "-"
    assert filtered.count("[") == 2 and "+.0000" in neighbours.replace("0.", ".") and "[" not in core
    assert " 2.0 " in core and " 1.50 " in core and " 8 " in core
    assert "BSPM .1920/.1597" in text[-2] and "GF-CF" not in text[-2]


def test_seeds_of_models_on_one_split_are_said_and_measured(split: Split) -> None:
    arguments = argparse.Namespace(dataset="gowalla", protocol="random", seeds=3)
    assert "3 seeds of the models on it" in ranking.setting_of(arguments, [split]).split
    one = fixed_run(split, 3)
    report = build_report(
        SETTING, {ENSEMBLE: [one, fixed_run(split, 3), fixed_run(split, 40)], "popularity": [one] * 3}
    )
    spreads = [row["spread between seeds"] for row in report.models]
    assert isinstance(spreads[0], float) and spreads[0] > 0 and spreads[1] is None


def test_every_baseline_beats_chance_and_only_those_without_a_seed_are_reused(split: Split) -> None:
    models = ranking.baseline_models(split, "lastfm", None)
    models.pop("LightGCN")  # minutes
    recalls = {name: ranking.measure(model, split, 5, 0).result.means["recall@5"] for name, model in models.items()}
    chance = recalls.pop("random")
    assert recalls.keys() >= {"popularity", "itemKNN", "userKNN", "GF-CF", "EASE"}
    assert all(recall > 1.3 * chance for name, recall in recalls.items() if name != "popularity")
    assert {name for name, model in models.items() if model.has_seed} <= {"random", "ALS", "EASE"}


@pytest.mark.parametrize("temporal", [True, False])
def test_ease_chooses_its_ridge_without_the_test(
    split: Split, temporal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """On train's last event of each user where the test is the last one, and on a drawn fifth of train otherwise."""
    train = replace(split.train, at=np.arange(len(split.train)))
    lab = replace(split, train=train, temporal=temporal)
    cuts = {True: split_last(train), False: split_random(train, 0)}
    ridges = {way: choose_ease_ridge(cut.train, cut.test) for way, cut in cuts.items()}
    ridge = ridges[temporal]
    assert ridge != ridges[not temporal]
    scores = ranking.fit_ease(lab, 0)(np.arange(80))
    assert np.array_equal(scores, fit_ease(train, ridge)(np.arange(80)))
    assert f"ridge {ridge:g}" in capsys.readouterr().err
    reversed_test = replace(lab, test=replace(lab.test, item_index=59 - lab.test.item_index))
    assert np.array_equal(ranking.fit_ease(reversed_test, 0)(np.arange(80)), scores)
    assert ranking.baseline_models(lab, "lastfm", ["EASE"])["EASE"].has_seed is not temporal


def test_a_missing_package_leaves_als_out_and_says_so(
    split: Split, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "implicit", None)
    assert "ALS" not in ranking.baseline_models(split, "gowalla", None)
    assert "ALS is left out" in capsys.readouterr().err
    assert list(ranking.baseline_models(split, "gowalla", ["popularity"])) == ["popularity"]
    assert capsys.readouterr().err == ""


def test_als_finds_the_groups_where_its_package_is_installed(split: Split) -> None:
    pytest.importorskip("implicit", reason="the extra als is not installed")
    model = ranking.baseline_models(split, "gowalla", ["ALS"])["ALS"]
    run = ranking.measure(model, split, 5, 0)
    lists = run.result.top_items
    assert run.width == 64 and np.mean(lists // 30 == (run.result.users % 2)[:, None]) > 0.8
