from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.embeddings import Embeddings
from kindred.domain.ids import IdMap
from kindred.gnn.onnx_encoder import write_note
from kindred.recommenders.releases import Release
from kindred.recommenders.runs import finish_run, resumable_or_gone
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.publish import publish_collections

app = whole_tree()


def test_verify_names_every_damaged_version_and_run_and_runs_lists_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_vectors("qdrant-edge:data/vectors")
    items = Embeddings(IdMap(["a", "b"]), np.eye(2, dtype=np.float32))
    runs = Path("data/artifacts/products")
    for folder in (runs / "run-1", runs / "run-2", Path("data/artifacts/listens/v1")):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        finish_run(folder, {"config": {"model": "gnn"}, "system": folder.parent.name, "graph": {"content_hash": "a"}})
    for system, version in (("products", "run-1"), ("listens", "v1")):
        publish_collections(store.of(system), version, {"items": items})

    def verified() -> dict[str, dict[str, object]]:
        checks = json.loads(CliRunner().invoke(app, ["doctor", "--verify", "--json"]).stdout)
        return {check["name"].split(" in ")[0]: check for check in checks}

    found = verified()
    assert found["versions"]["found"] == found["runs of products"]["found"] == "2 whole"
    store.of("products").create("run-2", "items", 2, 2)
    found = verified()
    assert found["versions"]["ok"], "a publish that was interrupted has damaged nothing"
    assert "2 whole; interrupted" in str(found["versions"]["found"]) and "products run-2" in str(found["versions"])
    (store_file := Path("data/vectors/listens/versions/v1/items/vectors.f32")).write_bytes(b"")
    (run_file := runs / "run-2" / "config.json").write_text("[]")
    found = verified()
    assert not found["versions"]["ok"] and str(store_file) in str(found["versions"]["found"])
    assert not found["runs of products"]["ok"] and str(run_file) in str(found["runs of products"]["found"])
    assert "publish" in str(found["versions"]["remedy"]) and "train" in str(found["runs of products"]["remedy"])
    (manifest := runs / "run-1" / "manifest.json").write_bytes(b"")
    told = str(verified()["runs of products"]["found"])
    assert str(manifest) in told and str(run_file) in told
    listed = CliRunner().invoke(app, ["runs"])
    assert "run-2" in listed.stdout and "run-1" not in listed.stdout and str(manifest) in str(listed.exception)
    assert "train with `kindred train products`, publish" in str(listed.exception)
    (report := runs / "run-2" / "evaluation" / "temporal" / "report.json").parent.mkdir(parents=True)
    report.write_text('{"figures": 7}')
    assert str(report) in str(CliRunner().invoke(app, ["runs"]).exception)


@pytest.mark.parametrize(
    ("damaged", "check", "remedy"),
    [
        ("run-1/manifest.json", "versions", "kindred train products --resume run-1"),
        ("run-1/release-run-1.json", "versions", "kindred publish run-1 --system products"),
        ("run-1/evaluation/temporal/report.json", "runs of products", "kindred evaluate run-1 --system products"),
        ("run-1/encoder.json", "runs of products", "kindred export onnx --system products --run run-1"),
        ("run-1/encoder.onnx", "runs of products", "kindred export onnx --system products --run run-1"),
    ],
)
def test_verify_is_red_where_what_answers_or_is_listed_is_not_whole(
    damaged: str, check: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    items = Embeddings(IdMap(["a", "b"]), np.eye(2, dtype=np.float32))
    publish_collections(open_vectors("qdrant-edge:data/vectors").of("products"), "run-1", {"items": items})
    (run := Path("data/artifacts/products/run-1") / "evaluation/temporal").mkdir(parents=True)
    (run.parents[1] / "config.json").write_text("{}")
    finish_run(run.parents[1], {"config": {"model": "gnn"}, "system": "products", "graph": {"content_hash": "a"}})
    (run / "report.json").write_text('{"figures": {}}')
    Release("run-1", (), np.zeros(0, dtype=np.uint64), (), None, None, {}).save(run.parents[1])
    (exported := run.parents[1] / "encoder.onnx").write_bytes(b"a model")
    write_note(run.parents[1], exported, [])
    file = run.parents[2] / damaged
    file.unlink() if file.name == "manifest.json" else file.write_bytes(b"")
    checks = json.loads(CliRunner().invoke(app, ["doctor", "--verify", "--json"]).stdout)
    found = {one["name"].split(" in ")[0]: one for one in checks}[check]
    assert not found["ok"] and remedy in found["remedy"], found


def test_a_folder_that_can_not_be_written_is_one_red_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "data/cache")

    monkeypatch.setattr("kindred.stores.encoder_of", refused)
    told = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(told.stdout)}
    assert checks["text encoder"]["found"] == "can't use data/cache: Permission denied"
    assert not checks["text encoder"]["ok"] and checks["python"]["ok"]


def test_runs_tells_a_run_that_can_be_resumed_from_one_that_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    empty, begun = (Path(f"data/artifacts/tracks/20250301-10000{n}-abcdef") for n in (0, 1))
    for folder in (empty, begun):
        folder.mkdir(parents=True)
    (begun / "config.json").write_text("{}")
    first, second = CliRunner().invoke(app, ["runs"]).stderr.splitlines()
    assert f"{empty.name} of tracks holds nothing: delete it" in first and "--resume" not in first
    assert f"kindred train tracks --resume {begun.name}" in second
    with resumable_or_gone(begun):
        told = CliRunner().invoke(app, ["runs"]).stderr
    assert f"run {begun.name} of tracks is being trained now" in told and "--resume" not in told
