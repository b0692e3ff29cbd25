"""The exported encoder gives PyTorch's rows, from one review to ten thousand, and without PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from kindred.domain.errors import ArtifactError
from kindred.gnn.model import GnnConfig
from kindred.gnn.onnx_encoder import MODEL_FILE, OnnxEncoder, load_encoder, write_note
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.exporting import MOST_OFF, export_onnx
from kindred.recommenders.histories import read_histories
from kindred.recommenders.model import load_model
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.runs import Run, find_run
from tests.recommenders.conftest import QUICK, Shop, train

pytest.importorskip("onnxruntime")

CHILD = """
import json, sys
from pathlib import Path
from kindred.graph.open import open_to_read
from kindred.domain.schema import graph_schema
from kindred.recommenders.histories import no_histories, read_histories
from kindred.recommenders.model import load_model
from kindred.recommenders.products import PRODUCTS
model = load_model(PRODUCTS, Path(sys.argv[1]))
rows = model.encode(no_histories(2, len(model.items)))
print(json.dumps({"torch": "torch" in sys.modules, "rows": rows.tolist()}))
"""


@pytest.fixture(scope="module")
def exported(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of the shop's run with its encoder exported."""
    folder = tmp_path_factory.mktemp("exported") / shop.run.name
    copytree(shop.run.folder, folder)
    run = find_run(folder.parent)
    found = export_onnx(PRODUCTS, run)
    assert found.is_used and found.difference <= MOST_OFF  # of users with 0, 1, 2, 50 and 10,000 events
    return run


def test_users_get_the_rows_of_the_network(shop: Shop, exported: Run) -> None:
    ours, theirs = load_model(PRODUCTS, exported.folder), load_model(PRODUCTS, shop.run.folder)
    histories = read_histories(PRODUCTS, shop.store, ours.items, [*list(ours.users)[:30], "nobody"])
    rows = ours.encode(histories)
    assert "learned" not in vars(ours), "the network was opened"
    assert np.abs(rows - theirs.encode(histories)).max() <= MOST_OFF


def test_an_anonymous_row_needs_no_pytorch(shop: Shop, exported: Run) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, str(exported.folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["torch"] is False
    expected = load_model(PRODUCTS, shop.run.folder).anonymous
    assert np.abs(np.array(found["rows"]) - expected).max() <= MOST_OFF


def test_the_other_attention_is_exported_too(shop: Shop, tmp_path: Path) -> None:
    gat = ModelConfig(gnn=GnnConfig(conv="gat", epochs=1, hidden_dim=16, heads=2, text_dim=0), ranking=QUICK)
    run = train(shop.store, tmp_path / "20260101-000000-bbbbbb", gat)
    found = export_onnx(PRODUCTS, run, tmp_path / "elsewhere.onnx")
    assert not found.is_used and found.path.stat().st_size == found.num_bytes
    assert found.difference <= MOST_OFF


@pytest.mark.parametrize("content", [b"something else", b"", None])
def test_where_the_file_is_damaged_pytorch_encodes_and_it_is_told(
    shop: Shop, exported: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    folder = tmp_path / exported.name
    copytree(exported.folder, folder)
    (folder / MODEL_FILE).unlink() if content is None else (folder / MODEL_FILE).write_bytes(content)
    anonymous = load_model(PRODUCTS, folder).anonymous
    assert np.abs(anonymous - load_model(PRODUCTS, shop.run.folder).anonymous).max() <= MOST_OFF
    assert MODEL_FILE in caplog.text and f"export onnx --system {tmp_path.name} --run {folder.name}" in caplog.text


def test_what_the_runtime_can_t_run_is_refused_in_words(exported: Run, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"can't run encoder\.onnx"):
        OnnxEncoder(b"something else", ())
    target = tmp_path / "products" / exported.name / MODEL_FILE
    target.parent.mkdir(parents=True)
    target.write_bytes(b"something else")
    write_note(target.parent, target, [])
    with pytest.raises(ArtifactError, match=rf"can't run .*{exported.name}") as raised:
        load_encoder(target.parent)
    assert f"--run {exported.name}" in raised.value.next_step
