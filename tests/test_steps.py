"""What the steps of the flow say when the one before has not been taken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from kindred import steps
from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import ArtifactError, NotPublishedError, SettingsError, StoreError
from kindred.domain.experiments import Arm, Experiment
from kindred.domain.ids import IdMap
from kindred.domain.recommendation import Request
from kindred.evaluation.report import Report
from kindred.graph.store import GraphStore
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from kindred.recommenders import systems
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.judging.evaluating import EvaluationOptions
from kindred.recommenders.publishing import Published
from kindred.recommenders.runs import Run
from kindred.recommenders.training import BegunRun, read_begun_run
from kindred.settings import Settings
from kindred.steps import ingest, recommender_of
from kindred.stores import graph_of, vectors_of
from kindred.training.checkpoint import write_arrays, write_checkpoint
from kindred.training.fit import CHECKPOINT, RunOptions
from kindred.vectorstore.store import VectorStore

pytestmark = pytest.mark.long

SALT = SecretStr("a secret of these tests")


def test_who_asks_a_system_that_is_not_published_is_told_which_are(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with graph_of(settings):
        pass
    request = Request(user_id="u")
    with pytest.raises(NotPublishedError) as alone, recommender_of(settings, "products") as recommender:
        recommender(request)
    assert "kindred train products" in str(alone.value) and "--system interactions" not in str(alone.value)
    with vectors_of(settings) as vectors:
        version = vectors.of("interactions")
        version.create("20260101-000000-aaaaaa", "items", 2)
        version.upsert("20260101-000000-aaaaaa", "items", Embeddings(IdMap(["a"]), np.ones((1, 2), np.float32)))
        version.seal("20260101-000000-aaaaaa", {"items": 1})
        version.publish("20260101-000000-aaaaaa")
    with (
        pytest.raises(NotPublishedError, match="ask `--system interactions`, or publish a run with `kindred publish"),
        recommender_of(settings, "products") as recommender,
    ):
        recommender(request)


def test_a_dry_run_makes_no_graph_and_needs_none_that_another_writes(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    reviews = tmp_path / "reviews.jsonl"
    reviews.write_text('{"reviewerID": "u", "asin": "p", "overall": 5, "unixReviewTime": 1400000000}\n')
    files = product_files([str(reviews)])
    assert ingest(settings, files, dry_run=True).accepted == 1
    assert not (tmp_path / "data" / "graph").exists()
    with graph_of(settings):
        assert ingest(settings, files, dry_run=True).accepted == 1


def test_a_training_that_is_killed_while_it_reads_the_graph_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[BegunRun] = []

    @contextmanager
    def look(settings: Settings) -> Iterator[GraphStore]:
        [folder] = (tmp_path / "artifacts" / "products").iterdir()
        begun.append(read_begun_run(folder))
        (folder / "config.json").write_text((folder / "config.json").read_text().replace('"seed": 3', '"seed": 2'))
        with pytest.raises(ArtifactError, match="not what was written"):
            read_begun_run(folder)
        raise StoreError("no graph", "")
        yield

    monkeypatch.setattr(steps, "graph_to_read", look)
    with pytest.raises(StoreError):
        steps.train_system(Settings(data_dir=tmp_path, seed=3), "products", ModelConfig(text=False), 7)
    assert begun == [BegunRun(ModelConfig(text=False), 3, 7)]


def test_the_graph_can_be_written_while_a_model_learns_from_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    reviews = tmp_path / "reviews.jsonl"
    reviews.write_text('{"reviewerID": "u", "asin": "p", "overall": 5, "unixReviewTime": 1400000000}\n')
    with graph_of(settings) as store:
        ingest_files(
            store, product_files([str(reviews)]), None, IngestOptions(tmp_path / "staging", tmp_path / "quarantine")
        )
    stages = []

    def write(stage: str, done: int, total: int) -> None:
        with graph_of(settings):
            stages.append(stage)

    run = steps.train_system(settings, "products", ModelConfig(network=False), None, write)
    assert stages and run.manifest["events"] == 1


def test_one_process_publishes_a_system_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    done = Published("20260101-000000-aaaaaa", {}, None, 0, 0)
    first, second = (Run(f"20260101-000000-{end * 6}", tmp_path / end, {"system": "posts"}) for end in "ab")

    def publish(run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()) -> Published:
        if run == first:  # while it builds its version, which another publish would clear away
            with pytest.raises(StoreError, match="another process publishes a run of posts") as raised:
                steps.publish_run(settings, second)
            assert raised.value.next_step == "let it end, then publish again"
        return done

    monkeypatch.setattr(systems, "SYSTEMS", {"posts": replace(systems.SYSTEMS["posts"], publish=publish)})
    assert steps.publish_run(settings, first) == done == steps.publish_run(settings, second)


def test_publishing_keeps_the_versions_that_arms_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arms = (Arm(name="control", share=50), Arm(name="test", share=50, version="20200101-000000-aaaaaa"))
    of_others = Experiment(
        name="tracks", system="tracks", arms=(arms[0], Arm(name="b", share=1, version="x")), salt=SALT
    )
    tests = (Experiment(name="feed", system="posts", arms=arms, salt=SALT), of_others)
    settings = Settings(data_dir=tmp_path / "data", experiments=tests)
    with graph_of(settings):
        pass
    kept: list[set[str]] = []

    def publish(run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()) -> Published:
        kept.append(set(in_use) - {""})
        return Published("", {}, None, 0, 0)

    monkeypatch.setattr(systems, "SYSTEMS", {"posts": replace(systems.SYSTEMS["posts"], publish=publish)})
    steps.publish_run(settings, Run("20260101-000000-aaaaaa", tmp_path / "run", {"system": "posts"}))
    assert kept == [{"20200101-000000-aaaaaa"}]


def test_the_graph_can_be_written_while_a_system_judges_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with graph_of(settings):
        pass

    def judge(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
        options.has_read()
        with graph_of(settings):
            return {"figures": {"slate_auc": 1.0}}

    monkeypatch.setattr(systems, "SYSTEMS", {"posts": replace(systems.SYSTEMS["posts"], evaluate=judge)})
    run = Run("20260101-000000-aaaaaa", tmp_path / "run", {"system": "posts"})
    report, _ = steps.evaluate_run(settings, run, EvaluationOptions("temporal", range(1)))
    assert report["figures"]


@pytest.mark.parametrize("fails", [False, True])
def test_an_evaluation_leaves_no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with graph_of(settings):
        pass

    def judge(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
        for part in ("", "model-0/ranker"):
            write_checkpoint(options.folder / part, CHECKPOINT, {}, {"epoch": 1})
            write_arrays(options.folder / part, "a-model", {}, {})
        (options.folder / "report.json").write_text("{}")
        if fails:
            raise SettingsError("no", "")
        return {}

    monkeypatch.setattr(systems, "SYSTEMS", {"posts": replace(systems.SYSTEMS["posts"], evaluate=judge)})
    run = Run("20260101-000000-aaaaaa", tmp_path / "run", {"system": "posts"})
    with pytest.raises(SettingsError) if fails else nullcontext():
        steps.evaluate_run(settings, run, EvaluationOptions("temporal", range(1)))
    assert [path.name for path in run.folder.rglob("*") if path.is_file()] == ["report.json"]


def test_what_takes_seconds_to_load_is_loaded_before_a_run_has_a_folder(tmp_path: Path) -> None:
    """A training that is killed while it loads would leave an empty one, which nothing can go on from.

    PyTorch Geometric is for a graph network, which posts have none of.
    """
    told = """
import sys
import kindred.recommenders.runs as runs
from pathlib import Path
from kindred.recommenders.config import ModelConfig
from kindred.settings import Settings
from kindred.steps import train_system

def asked(*_):
    loaded = {"torch", "kindred.recommenders.training", "torch_geometric"} & set(sys.modules)
    sys.exit(0 if loaded == {"torch", "kindred.recommenders.training"} else 9)

runs.new_run_folder = asked
train_system(Settings(data_dir=Path(sys.argv[1])), "posts", ModelConfig(), None)
"""
    assert subprocess.run([sys.executable, "-c", told, str(tmp_path)], check=False).returncode == 0
