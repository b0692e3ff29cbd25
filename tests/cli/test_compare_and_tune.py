"""Baselines, comparison and search as commands, on one small graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import ArtifactError, SettingsError
from kindred.gnn.model import GnnConfig
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.judging import tuning
from kindred.recommenders.runs import finish_run
from tests.recommenders.conftest import QUICK, load

app = whole_tree()

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("quick_lightgcn", "no_pictures")]

Kindred = Callable[..., str]
A_USER = "U00001"


@pytest.fixture(scope="module")
def kindred(tmp_path_factory: pytest.TempPathFactory) -> Kindred:
    """Runs a command on a graph of its own and returns its stdout; errors are raised."""
    folder = tmp_path_factory.mktemp("data")
    files = generate_products(ProductSample(users=30, products=40, reviews=200, seed=2), folder / "sample")
    load(folder, files.reviews, files.metadata).close()

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ("--data-dir", str(folder), *arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture(scope="module")
def trained(kindred: Kindred) -> dict[str, str]:
    """Runs by model."""
    return {m: json.loads(kindred("train", "--model", m, "--json"))["run"] for m in ("ease", "popularity")}


@pytest.mark.parametrize(
    "arguments",
    [
        "train posts --model ease",
        "compare a b --system queries",
        "tune --system tags",
        "export embeddings --system posts -o out",
        "export onnx --system queries",
    ],
)
def test_what_is_for_models_of_events_is_refused_to_systems_with_one_of_their_own(
    kindred: Kindred, arguments: str
) -> None:
    with pytest.raises(SettingsError, match="a model of its own"):
        kindred(*arguments.split())


def test_folds_of_networks_are_for_tags(kindred: Kindred) -> None:
    with pytest.raises(SettingsError, match="no folds"):
        kindred("train", "posts", "--folds", "2")


def test_a_baseline_is_trained_published_and_asked(kindred: Kindred, trained: dict[str, str]) -> None:
    rows = {run["run"]: run for run in json.loads(kindred("runs", "--json"))}
    assert rows[trained["ease"]]["config"]["model"] == "ease"
    assert "ease" in kindred("runs") and "popularity" in kindred("runs")
    kindred("publish", trained["popularity"])
    kindred("publish", trained["ease"])
    plain = kindred("recommend", "--user", A_USER, "-k", "5", "--json")
    assert json.loads(plain)["version"] == trained["ease"]
    assert kindred("recommend", "--user", A_USER, "-k", "5", "--diversity", "0", "--json") == plain
    varied = json.loads(kindred("recommend", "--user", A_USER, "-k", "5", "--diversity", "1", "--json"))
    assert [r["item_id"] for r in varied["recommendations"]] != [
        r["item_id"] for r in json.loads(plain)["recommendations"]
    ]
    said = kindred("publish", trained["popularity"])
    assert f"published {trained['popularity']}" in said and f"in place of {trained['ease']}" in said
    with pytest.raises(ArtifactError, match="is published"):
        kindred("runs", "rm", trained["popularity"])
    with pytest.raises(ArtifactError, match="no similarity"):
        kindred("recommend", "--user", A_USER, "--diversity", "0.5")
    spare = json.loads(kindred("train", "--model", "popularity", "--json"))["run"]
    assert "spare-wheel" in kindred("runs", "tag", spare, "spare-wheel") and "spare-wheel" in kindred("runs")
    kindred("runs", "rm", spare)
    assert spare not in kindred("runs")
    assert "only ranks" in kindred("train", "--model", "popularity")


def test_many_users_are_asked_at_once_with_conditions(
    kindred: Kindred, trained: dict[str, str], tmp_path: Path
) -> None:
    kindred("publish", trained["ease"])
    asked = tmp_path / "users.txt"
    asked.write_text(f"{A_USER}\n\nU00002\n", encoding="utf-8")
    answers = json.loads(kindred("recommend", "--users", str(asked), "--no-reasons", "--json"))
    assert [answer["user_id"] for answer in answers] == [A_USER, "U00002"]
    assert all(item["reason"] is None for answer in answers for item in answer["recommendations"])
    with pytest.raises(SettingsError, match="no colour"):
        kindred("recommend", "--user", A_USER, "--where", "colour=red")
    with pytest.raises(SettingsError, match="LABEL=NAME"):
        kindred("recommend", "--user", A_USER, "--where", "red")
    with pytest.raises(SettingsError, match="no system 'books'"):
        kindred("recommend", "--user", A_USER, "--system", "books")


def test_compare_finds_a_run_level_with_itself_and_mirrors_two(kindred: Kindred, trained: dict[str, str]) -> None:
    ease, popularity = trained["ease"], trained["popularity"]
    itself = json.loads(kindred("compare", ease, ease, "--json"))
    assert set(itself["figures"]) == {"recall@10", "ndcg@10", "mrr@10"} and itself["unrated"] == [ease, ease]
    assert all(f["mean"] == f["low"] == f["high"] == 0 for f in itself["figures"].values())
    there, back = (
        json.loads(kindred("compare", *runs, "--protocol", "random", "--seeds", "2", "--json"))["figures"]["ndcg@10"]
        for runs in ((ease, popularity), (popularity, ease))
    )
    assert there["low"] <= there["mean"] <= there["high"] and there["mean"] == -back["mean"] != 0
    assert there["mean"] == pytest.approx(there["first"] - there["second"]) and there["first"] == back["second"]
    report = json.loads(kindred("evaluate", ease, "--protocol", "random", "--seeds", "2", "--json"))
    assert report["ranking"]["model"]["ndcg@10"] == there["first"]
    assert report["ranking"]["delta"]["popularity"]["ndcg@10"] == pytest.approx(
        {name: there[name] for name in ("mean", "low", "high")}, abs=1e-6
    )
    assert report["protocol"]["tested_users"] == there["users"]
    shown = kindred("compare", ease, popularity)
    assert "ndcg@10" in shown and "ratings not compared" in shown and max(map(len, shown.splitlines()[2:])) <= 100


def test_runs_of_different_graphs_are_not_compared(kindred: Kindred, trained: dict[str, str], tmp_path: Path) -> None:
    early = json.loads(kindred("train", "--model", "popularity", "--until", "2030-01-01", "--json"))["run"]
    with pytest.raises(SettingsError, match="as of") as raised:
        kindred("compare", trained["ease"], early)
    assert "--until" in raised.value.next_step
    run = json.loads(kindred("train", "--model", "popularity", "--json"))
    made = json.loads((Path(run["folder"]) / "manifest.json").read_text())
    made["graph"]["content_hash"] = "0" * 32
    finish_run(Path(run["folder"]), {name: value for name, value in made.items() if name not in ("files", "hash")})
    with pytest.raises(SettingsError, match=r"content hash .* on 000000000000"):
        kindred("compare", trained["ease"], run["run"])


def test_the_settings_that_tune_finds_are_those_that_training_takes(
    kindred: Kindred, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    quick = ModelConfig(gnn=GnnConfig(epochs=2, patience=1), ranking=QUICK)
    monkeypatch.setattr(tuning, "TuningOptions", partial(tuning.TuningOptions, base=quick))
    found = json.loads(kindred("tune", "--trials", "1", "--json"))
    assert found["gain"] == 0 and found["best"]["value"] == found["defaults"] and len(found["trials"]) == 1
    with pytest.raises(SettingsError, match="--resume"):
        kindred("tune", "--trials", "1")
    shown = kindred("tune", "--trials", "1", "--resume")
    assert "validation figure" in shown and "gnn.dropout" in shown
    settings = Path(found["config_file"])
    changed = json.loads(settings.read_text())
    changed["gnn"] |= {"epochs": 1, "hidden_dim": 16, "heads": 2}
    changed["ranking"]["recency_decay"] = 0.7
    settings.write_text(json.dumps(changed))
    options = ("--conv", "gat", "--new-items", "0.05")
    run = json.loads(kindred("train-gnn", "--config", str(settings), *options, "--json"))
    assert run["config"]["ranking"]["recency_decay"] == 0.7 and run["config"]["gnn"]["hidden_dim"] == 16
    assert run["config"]["gnn"]["conv"] == "gat" and run["gnn"]["epochs"] == 1
    changed["gnn"]["conv"], changed["ranking"]["cold_items"]["max_share"] = "gat", 0.05
    assert ModelConfig.model_validate(run["config"]) == ModelConfig.model_validate(changed)
