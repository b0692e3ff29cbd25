from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from kindred.cli.app import app
from kindred.domain.embeddings import Embeddings
from kindred.domain.ids import IdMap
from kindred.recommenders.runs import finish_run
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.publish import publish_collections


def test_verify_names_every_damaged_version_and_run_and_runs_lists_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_vectors("qdrant-edge:data/vectors")
    items = Embeddings(IdMap(["a", "b"]), np.eye(2, dtype=np.float32))
    runs = Path("data/artifacts/products")
    for system in ("products", "listens"):
        publish_collections(store.of(system), "v1", {"items": items})
    for name in ("run-1", "run-2"):
        (runs / name).mkdir(parents=True)
        (runs / name / "config.json").write_text("{}")
        finish_run(runs / name, {"config": {"model": "gnn"}, "system": "products", "graph": {"content_hash": "a"}})

    def verified() -> dict[str, dict[str, object]]:
        checks = json.loads(CliRunner().invoke(app, ["doctor", "--verify", "--json"]).stdout)
        return {check["name"].split(" in ")[0]: check for check in checks}

    found = verified()
    assert found["versions"]["found"] == found["runs of products"]["found"] == "2 whole"
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


def test_a_folder_that_can_not_be_written_is_one_red_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "data/cache")

    monkeypatch.setattr("kindred.stores.encoder_of", refused)
    told = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(told.stdout)}
    assert checks["text encoder"]["found"] == "can't use data/cache: Permission denied"
    assert not checks["text encoder"]["ok"] and checks["python"]["ok"]
