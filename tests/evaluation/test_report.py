from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kindred.domain.errors import GateError, SettingsError
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.evaluation import plots
from kindred.evaluation.protocol import (
    Baselines,
    FittedModel,
    ProtocolConfig,
    evaluate_splits,
    run_protocol,
)
from kindred.evaluation.report import ABOVE_POPULARITY, build_report, gate, suspicious, write_report
from kindred.evaluation.report_text import render_table, verdict
from kindred.evaluation.splits import Split
from kindred.files import read_with_hash
from kindred.linear.baselines.popularity import fit_popularity, fit_random
from kindred.linear.baselines.rating_baselines import fit_bias_rating, fit_mean_rating

Report = dict[str, Any]

NUM_USERS, NUM_ITEMS = 60, 24
BASELINES = Baselines(
    {
        "random": lambda split: fit_random(split.known_events, seed=0),
        "popularity": lambda split: fit_popularity(split.known_events),
    },
    {"mean": fit_mean_rating, "bias": fit_bias_rating},
)


def interactions() -> Interactions:
    """Two communities of users, each of which knows its own half of the catalogue."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(NUM_USERS), 6)
    half = np.arange(0, NUM_ITEMS, 2)
    item = np.concatenate([rng.permutation(half)[:6] + u % 2 for u in range(NUM_USERS)])
    rating = np.where(rng.random(len(user)) < 0.6, 5, 2).astype(np.float32)
    return Interactions(user, item, NUM_USERS, NUM_ITEMS, rating, np.tile(np.arange(6), NUM_USERS) * 86_400)


def fit_taste(split: Split, seed: int) -> FittedModel:
    parity = np.arange(NUM_ITEMS) % 2
    popularity = fit_popularity(split.known_events)

    def score(users: IntArray) -> FloatArray:
        same_side: FloatArray = (parity[None, :] == users[:, None] % 2).astype(np.float32)
        return same_side

    rating = fit_mean_rating(split.known_events)
    variants = {"no_text": FittedModel(popularity), "cosine": FittedModel(None, fit_bias_rating(split.known_events))}
    return FittedModel(score, rating, variants)


@pytest.fixture(scope="module")
def report() -> Report:
    config = ProtocolConfig("random", seeds=(0, 1), baselines=BASELINES, num_samples=200)
    return build_report(run_protocol(interactions(), fit_taste, config), "fixed beforehand")


@pytest.fixture(scope="module")
def written(report: Report, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_report(report, tmp_path_factory.mktemp("written") / "run")


def figure(report: Report, *path: str) -> float:
    value: Any = report
    for key in path:
        value = value[key]
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize("metric", ["recall@5", "recall@10", "recall@20", "ndcg@10", "mrr@20", "roc_auc"])
def test_the_delta_is_the_model_minus_the_baseline(report: Report, metric: str) -> None:
    model = figure(report, "ranking", "model", metric)
    baseline = figure(report, "ranking", "baselines", "popularity", metric)
    delta = report["ranking"]["delta"]["popularity"][metric]
    assert delta["mean"] == pytest.approx(model - baseline)
    assert delta["low"] <= delta["mean"] <= delta["high"]


def test_every_promised_key_is_there(report: Report) -> None:
    for name in ("coverage", "gini", "novelty", "diversity", "popularity_calibration"):
        figure(report, "ranking", "model", name)
        figure(report, "ranking", "baselines", "random", name)
    for who in (("model",), ("baselines", "popularity")):
        for name in ("roc_auc", *(f"{metric}@{k}" for metric in ("recall", "ndcg") for k in (10, 20, 100))):
            figure(report, "ranking", *who, name)
    figure(report, "rating", "model", "mae")
    figure(report, "rating", "baselines", "bias", "mse")
    for bound in ("mean", "low", "high"):
        figure(report, "rating", "delta", "bias", "mse", bound)
        figure(report, "ablation", "no_text", "delta", "recall@10", bound)
    assert figure(report, "ablation", "no_text", "delta", "recall@10", "low") > 0
    assert set(report["ablation"]["cosine"]["delta"]) == {"mae", "mse", "accuracy"}
    assert len(report["ablation"]["no_text"]["delta_by_seed"]["recall@10"]) == 2
    assert report["protocol"]["seeds"] == [0, 1]
    assert "removed" in report["protocol"]["seen"]
    assert report["protocol"]["selection"] == "fixed beforehand"
    assert report["protocol"]["known_events"][0] + report["protocol"]["test_events"][0] == report["protocol"]["events"]


def test_buckets_add_up_to_the_whole(report: Report) -> None:
    """Of one split each user is in one history bucket, so the buckets' means weighed by users give the mean."""
    config = ProtocolConfig("random", seeds=(0,), baselines=BASELINES, num_samples=50)
    one = build_report(run_protocol(interactions(), fit_taste, config), "fixed")
    buckets = one["ranking"]["by_history"].values()
    total = sum(bucket["users"] * bucket["model"]["recall@10"] for bucket in buckets)
    users = sum(bucket["users"] for bucket in buckets)
    assert users == one["protocol"]["tested_users"]
    assert total / users == pytest.approx(one["ranking"]["model"]["recall@10"])


def test_few_users_get_no_interval(report: Report) -> None:
    parts = [*report["ranking"]["by_history"].values(), *report["ranking"]["by_popularity"].values()]
    assert all((part["delta"] is None) == (part["users"] < 20) for part in parts)


def test_a_model_that_only_ranks_has_no_rating_section() -> None:
    config = ProtocolConfig("temporal", baselines=BASELINES, num_samples=50)
    result = run_protocol(interactions(), lambda split, seed: FittedModel(fit_popularity(split.known_events)), config)
    report = build_report(result, "fixed")
    assert "rating" not in report
    assert "ablation" not in report
    delta = report["ranking"]["delta"]["popularity"]["recall@10"]
    assert delta == {"mean": 0.0, "low": 0.0, "high": 0.0}  # popularity against itself


def test_ratings_of_one_class_leave_accuracy_undefined() -> None:
    likes = interactions()
    assert likes.rating is not None
    likes.rating[:] = 5
    config = ProtocolConfig("temporal", baselines=BASELINES, num_samples=50)
    report = build_report(run_protocol(likes, fit_taste, config), "fixed")
    assert report["rating"]["model"]["accuracy"] is None
    assert report["rating"]["model"]["f1"] is None
    assert "–" in render_table(report)


def test_the_report_is_written_whole(report: Report, written: list[Path], tmp_path: Path) -> None:
    names = ["report.json", "report.md", "ranking.png", "by_history.png", "by_popularity.png", "rating.png"]
    assert [path.name for path in written] == names
    assert read_with_hash(written[0]) == report
    assert "hash" in json.loads(written[0].read_text()), "it is known again"
    page = written[1].read_text()
    assert all(f"({name})" in page for name in names[2:])
    assert f"{report['ranking']['model']['recall@10']:.4f}" in page
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written[2:])
    again = write_report(report, tmp_path / "again")
    assert [a.read_bytes() == b.read_bytes() for a, b in zip(written, again, strict=True)] == [True] * len(names)


def test_the_table_fits_a_terminal_and_shows_the_figures(report: Report) -> None:
    table = render_table(report)
    assert max(map(len, table.splitlines())) <= 100
    rows = {line.split()[0]: line for line in table.splitlines() if line}
    assert f"{report['ranking']['model']['recall@10']:.4f}" in table
    assert rows["popularity"].endswith("better")


def test_roc_auc_is_beside_every_model_with_its_interval(report: Report, written: list[Path]) -> None:
    """Taste is known, popularity is matched and chance knows nothing, so the model alone is above a half."""
    everyone = {"model": report["ranking"]["model"], **report["ranking"]["baselines"]}
    found = {name: figures["roc_auc"] for name, figures in everyone.items()}
    assert found["model"] > 0.7
    assert [found[name] for name in ("popularity", "random")] == pytest.approx([0.5, 0.5], abs=0.06)
    assert report["ranking"]["delta"]["popularity"]["roc_auc"]["low"] > 0
    assert report["ablation"]["no_text"]["delta"]["roc_auc"]["low"] > 0
    table, page = render_table(report), written[1].read_text()
    for figures in everyone.values():
        assert f"{figures['roc_auc']:.4f}" in table and f"{figures['roc_auc']:.4f}" in page
    assert "* **roc_auc**: chance that" in page


def test_users_and_items_of_whom_little_is_known_stand_apart(report: Report) -> None:
    lines = render_table(report).splitlines()
    for key, head in (("by_history", "by known events"), ("by_popularity", "by popularity")):
        begin = next(number for number, line in enumerate(lines) if line.startswith(head)) + 1
        for line, (name, part) in zip(lines[begin:], report["ranking"][key].items(), strict=False):
            assert line.split()[:3] == [name, str(part["users"]), f"{part['model']['recall@10']:.4f}"]
            best = max(part["baselines"].values(), key=lambda figures: figures["recall@10"])["recall@10"]
            lead = part["model"]["recall@10"] - best
            assert "too few users" in line if part["delta"] is None else f"{lead:+.4f} [" in line


@pytest.mark.parametrize("figure", ["coverage", "gini", "novelty", "diversity", "popularity_calibration"])
def test_what_accuracy_does_not_tell_is_shown_and_explained(report: Report, figure: str, written: list[Path]) -> None:
    lines = render_table(report).splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(figure))
    of_everyone = [report["ranking"]["model"], *report["ranking"]["baselines"].values()]
    assert lines[place].split()[1:] == [f"{figures[figure]:.4f}" for figures in of_everyone]
    meaning = lines[place + 1].strip()
    page = written[1].read_text()
    assert len(meaning.split()) > 4 and page.count(f"* **{figure}**: {meaning}.") == 1
    assert f"{report['ranking']['model'][figure]:.4f}" in page


@pytest.mark.parametrize(
    ("metric", "low", "high", "expected"),
    [
        ("recall@10", 0.01, 0.02, "better"),
        ("recall@10", -0.02, -0.01, "worse"),
        ("recall@10", -0.01, 0.02, "no clear difference"),
        ("mse", -0.02, -0.01, "better"),
        ("mae", 0.01, 0.02, "worse"),
        ("mse", 0.0, 0.0, "no clear difference"),
    ],
)
def test_the_verdict_follows_the_interval(metric: str, low: float, high: float, expected: str) -> None:
    assert verdict({"low": low, "high": high}, metric) == expected


def with_figures(report: Report, recall: float, mse: float) -> Report:
    changed = copy.deepcopy(report)
    changed["ranking"]["model"]["recall@10"] = recall
    for name in changed["ranking"]["baselines"].values():
        name["recall@10"] = 0.1
    changed["rating"]["model"]["mse"] = mse
    changed["rating"]["baselines"]["bias"]["mse"] = 0.8
    return changed


@pytest.mark.parametrize(
    ("recall", "mse", "num_warnings"), [(0.19, 0.69, 0), (0.2, 0.69, 1), (0.19, 0.67, 1), (0.3, 0.5, 2)]
)
def test_results_too_good_to_believe_are_named(report: Report, recall: float, mse: float, num_warnings: int) -> None:
    assert len(suspicious(with_figures(report, recall, mse))) == num_warnings


def test_reading_the_answer_is_suspicious(report: Report) -> None:
    """A model that looks at the held-out ratings must not pass without a word."""

    def cheat(split: Split, seed: int) -> FittedModel:
        events = split.test_events
        assert events.rating is not None
        given = dict(zip(zip(events.user_index, events.item_index, strict=True), events.rating, strict=True))

        def read(users: IntArray, items: IntArray) -> FloatArray:
            return np.array([given[pair] for pair in zip(users, items, strict=True)], dtype=np.float32)

        return FittedModel(fit_popularity(split.known_events), read)

    config = ProtocolConfig("random", baselines=BASELINES, num_samples=50)
    warnings = build_report(run_protocol(interactions(), cheat, config), "none")["warnings"]
    assert len(warnings) == 1
    assert "MSE" in warnings[0]


def test_held_out_items_that_their_users_had_are_told_of() -> None:
    once, config = interactions(), ProtocolConfig("temporal", num_samples=50)
    twice = once.take(np.repeat(np.arange(len(once)), 2))
    for known, told in ((once, []), (twice, ["100% of the held-out events are of items that their user had before"])):
        warnings = build_report(run_protocol(known, fit_taste, config), "none")["warnings"]
        assert [warning.partition(", which")[0] for warning in warnings if "had before" in warning] == told


def test_the_gate_passes_good_models_and_stops_bad_ones(report: Report) -> None:
    gate(report, ABOVE_POPULARITY)
    with pytest.raises(GateError, match=r"recall@10 is .* must be above 1") as missed:
        gate(report, {"ranking.model.recall@10": 1.0})
    assert missed.value.exit_code == 5
    on_the_line = report["ranking"]["model"]["recall@10"]
    with pytest.raises(GateError):
        gate(report, {"ranking.model.recall@10": on_the_line})


@pytest.mark.parametrize("path", ["ranking.model.recall@7", "ranking.model", "nothing", "protocol.split"])
def test_the_gate_refuses_figures_that_are_not_there(report: Report, path: str) -> None:
    with pytest.raises(SettingsError):
        gate(report, {path: 0.0})


def test_an_undefined_figure_is_a_missed_gate(report: Report) -> None:
    undefined = copy.deepcopy(report)
    undefined["rating"]["model"]["f1"] = None
    with pytest.raises(GateError, match="undefined"):
        gate(undefined, {"rating.model.f1": 0.5})


def test_rolling_months_are_reported_together() -> None:
    """Splits of three days in a row: the cases of all come together, split by split they stay apart."""
    rows = interactions()
    assert rows.at is not None
    day, none = rows.at // 86_400, np.zeros(0, np.int64)
    splits = [
        Split("given", rows, np.flatnonzero(day <= last), none, np.flatnonzero(day == last + 1)) for last in (2, 3, 4)
    ]
    config = ProtocolConfig("temporal", seeds=(0, 0, 0), baselines=BASELINES, num_samples=50)
    report = build_report(evaluate_splits(splits, fit_taste, config), "fixed")
    assert report["protocol"]["split"] == "given"
    assert report["protocol"]["cases"] == 3 * NUM_USERS
    assert report["protocol"]["known_events"] == [3 * NUM_USERS, 4 * NUM_USERS, 5 * NUM_USERS]
    assert len(report["ranking"]["by_seed"]["model"]["recall@10"]) == 3
    assert set(report["ranking"]["by_history"]) == {"2-3", "4-7"}


def test_pictures_name_a_baseline_in_words(report: Report) -> None:
    renamed = json.loads(json.dumps(report["ranking"]).replace('"random"', '"same_artist"'))
    for figure in plots._figures({**report, "ranking": renamed}).values():
        said = [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]
        assert not [text for text in said if "_" in text]
        assert any("same artist" in text for text in said) or "stars" in " ".join(said)
