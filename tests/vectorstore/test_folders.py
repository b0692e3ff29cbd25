"""What only stores in folders promise: kills, readers beside a writer, damage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import ArtifactError, StoreError
from kindred.domain.ids import IdMap
from kindred.vectorstore import rows as rows_module
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.rows import ROWS_FILE, VECTORS_FILE, Rows
from kindred.vectorstore.store import SystemVectors, VectorStore

pytestmark = pytest.mark.long

Opener = Callable[[Path], VectorStore]
MakeEmbeddings = Callable[..., Embeddings]
Seal = Callable[[SystemVectors, str, dict[str, Embeddings]], None]

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def test_a_kill_at_any_moment_leaves_one_version_whole(tmp_path: Path) -> None:
    script = Path(__file__).with_name("kill_points.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert before > 20 and after > 0


@given(cut_rows=st.integers(0, 60), cut_vectors=st.integers(0, 60))
def test_rows_survive_a_torn_tail(tmp_path_factory: pytest.TempPathFactory, cut_rows: int, cut_vectors: int) -> None:
    """Vectors come first, so a vector may be without its line; the line that was cut off never was."""
    folder = tmp_path_factory.mktemp("rows")
    Rows.create(folder, 2)
    vectors = np.arange(10, dtype=np.float32).reshape(5, 2)
    Rows(folder).append(Embeddings(IdMap("abcde"), vectors), [{"n": n} for n in range(5)])
    lines = (folder / ROWS_FILE).read_bytes()
    kept = lines[: len(lines) - cut_rows]
    whole = kept.count(b"\n")
    (folder / ROWS_FILE).write_bytes(kept)
    data = (folder / VECTORS_FILE).read_bytes()
    (folder / VECTORS_FILE).write_bytes(data[: max(whole * 8, len(data) - cut_vectors)])
    rows = Rows(folder)
    assert rows.count() == whole
    rows.append(Embeddings(IdMap("xy"), -vectors[:2]), [{"n": 9}] * 2)
    fetched = Rows(folder).fetch("abcdexy")
    assert "".join(fetched.ids) == "abcde"[:whole] + "xy"
    np.testing.assert_array_equal(fetched.vectors, np.vstack([vectors[:whole], -vectors[:2]]))


PUBLISHER = """
import sys
import numpy as np
from kindred.domain.embeddings import Embeddings
from kindred.domain.ids import IdMap
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.publish import PublishOptions, publish_collections
store = open_vectors(sys.argv[1]).of("products")
for version in range(1, 15):
    vectors = np.full((20, 3), version, np.float32) + np.arange(20, dtype=np.float32)[:, None] / 100
    users, items = (Embeddings(IdMap(f"{name}{row}" for row in range(20)), vectors) for name in ("user", "item"))
    publish_collections(store, f"v{version}", {"users": users, "items": items}, options=PublishOptions(keep=4))
    print(version, flush=True)
"""


def test_vectors_that_were_read_stay_whatever_becomes_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "users"
    folder.mkdir()
    Rows.create(folder, 4)
    vectors = np.eye(4, dtype=np.float32)
    Rows(folder).append(Embeddings(IdMap("abcd"), vectors), None)
    rows = Rows(folder)
    before = rows.view()
    for number in range(20):  # the file grows under its reader
        Rows(folder).append(Embeddings(IdMap([f"e{number}"]), vectors[:1] + number), None)
        assert rows.fetch([f"e{number}"]).vectors[0, 0] == number + 1
    os.truncate(folder / "vectors.f32", 0)  # in place: a mapped file would end this process
    assert np.array_equal(before.vectors, vectors)
    assert rows.fetch(["d", "e19"]).vectors[:, 3].tolist() == [1, 19]
    with pytest.raises(ArtifactError, match="shorter than its rows"):
        Rows(folder).view()


def test_vectors_held_in_memory_are_let_go_of_once_the_file_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Rows.create(tmp_path, 4)
    vectors = np.eye(4, dtype=np.float32)
    monkeypatch.setattr(rows_module, "MAPPED_FROM_BYTES", vectors.nbytes + 1)
    Rows(tmp_path).append(Embeddings(IdMap("abcd"), vectors), None)
    rows = Rows(tmp_path)
    held = weakref.ref(rows.view().vectors.base)
    assert held() is not None
    Rows(tmp_path).append(Embeddings(IdMap("e"), vectors[:1]), None)
    assert len(rows.view()) == 5 and isinstance(rows.view().vectors.base, np.memmap) and held() is None
    np.testing.assert_array_equal(rows.fetch("ea").vectors, vectors[[0, 0]])


def test_readers_beside_a_publisher_see_one_version_each(tmp_path: Path) -> None:
    url = f"qdrant-edge:{tmp_path}"
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, url], stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert publisher.stdout is not None and publisher.stdout.readline() == b"1\n"
    store = open_vectors(url).of("products")
    seen = set()
    while publisher.poll() is None or f"v{14}" not in seen:
        version = store.published()
        assert version is not None
        user = store.fetch(version, "users", ["user0"]).vectors[0]
        best = store.search(version, "items", user, 1, exclude=["item19"])[0]
        number = int(version[1:])
        assert user[0] == number
        assert (best.item_id, best.score) == ("item18", pytest.approx(3 * number * (number + 0.18)))
        seen.add(version)
    assert publisher.wait() == 0
    publisher.stdout.close()
    assert store.versions() == ["v11", "v12", "v13", "v14"]


@pytest.mark.parametrize("engine", ["exact", "edge-indexed"])
def test_another_process_follows_live_upserts(
    engine: str, openers: dict[str, Opener], tmp_path: Path, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    stores = openers[engine](tmp_path), openers[engine](tmp_path)
    writer, reader = (store.of("products") for store in stores)
    items = embeddings_of(30)
    sealed(writer, "v1", {"items": items})
    writer.publish("v1")
    assert reader.count("v1", "items") == 30
    for row in range(5):
        writer.upsert("v1", "items", Embeddings(IdMap([f"new{row}"]), (10 + row) * items.vectors[:1]))
        assert reader.search("v1", "items", items.vectors[0], 1)[0].item_id == f"new{row}"
    for store in stores:
        store.close()


@pytest.mark.parametrize("name", [VECTORS_FILE, ROWS_FILE, "manifest.json"])
def test_a_damaged_version_is_not_published(
    name: str, tmp_path: Path, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    store = open_vectors(f"exact:{tmp_path}").of("products")
    for version in ("v1", "v2"):
        sealed(store, version, {"items": embeddings_of(30)})
    store.publish("v1")
    path = next((tmp_path / "products" / "versions" / "v2").rglob(name))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data[:-1])
    with pytest.raises(ArtifactError, match="v2 is damaged"):
        store.publish("v2")
    assert store.published() == "v1"


def test_a_pointer_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    store = open_vectors(f"exact:{tmp_path}").of("products")
    (tmp_path / "products").mkdir()
    (tmp_path / "products" / "published.json").write_text(json.dumps(["not a pointer"]))
    with pytest.raises(ArtifactError, match=r"published\.json"):
        store.published()


def test_who_only_reads_makes_no_folder(tmp_path: Path) -> None:
    vectors = open_vectors(f"exact:{tmp_path / 'vectors'}")
    store = vectors.of("products")
    assert (vectors.systems(), store.published(), store.previous(), store.versions()) == ([], None, None, [])
    assert not (tmp_path / "vectors").exists()
    with pytest.raises(StoreError, match="not there"):
        store.publish("v1")


def test_versions_of_before_systems_had_folders_are_refused(tmp_path: Path) -> None:
    for name in ("building", "trash", "versions"):
        (tmp_path / name).mkdir()
    with pytest.raises(StoreError, match="written by an older Kindred") as caught:
        open_vectors(f"exact:{tmp_path}")
    assert "delete that folder" in caught.value.next_step


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be used"):
        open_vectors(f"exact:{tmp_path / 'file'}")
