"""Recall of the index, where exact search is no longer used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import ArtifactError, StoreError
from kindred.domain.ids import IdMap
from kindred.vectorstore import edge_index
from kindred.vectorstore.exact import ExactSearch
from kindred.vectorstore.folder_store import FolderVectors
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.qdrant_edge import EdgeSearch, IndexLimits
from kindred.vectorstore.store import SystemVectors

pytestmark = pytest.mark.long

Opener = Callable[[Path], SystemVectors]
MakeEmbeddings = Callable[..., Embeddings]
Seal = Callable[[SystemVectors, str, dict[str, Embeddings]], None]

NUM_ITEMS = 12_000


@pytest.fixture(scope="module")
def items(embeddings_of: MakeEmbeddings) -> Embeddings:
    return embeddings_of(NUM_ITEMS, dimension=32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, items: Embeddings, sealed: Seal) -> Path:
    """A store whose collection is indexed."""
    folder = tmp_path_factory.mktemp("indexed")
    opened = FolderVectors("qdrant-edge:", folder, EdgeSearch(IndexLimits(0, 0)))
    sealed(opened.of("products"), "v1", {"items": items})
    opened.close()
    return folder


@pytest.fixture
def indexed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SystemVectors]:
    """The store, with no way back to comparing all."""

    def refuse(self: EdgeSearch, rows: object, view: object, question: object) -> None:
        raise AssertionError("the index was not used")

    monkeypatch.setattr(EdgeSearch, "_compare_all", refuse)
    opened = FolderVectors("qdrant-edge:", folder, EdgeSearch(IndexLimits(0, 0)))
    yield opened.of("products")
    opened.close()


def recall(store: SystemVectors, folder: Path, queries: np.ndarray, num_seen: int) -> float:
    """Recall of the 20 best, the `num_seen` nearest of each query excluded."""
    exact = FolderVectors("exact:", folder, ExactSearch()).of("products")
    recalls = []
    for query in queries:
        nearest = [c.item_id for c in exact.search("v1", "items", query, num_seen + 20)]
        seen, expected = nearest[:num_seen], nearest[num_seen:]
        found = [c.item_id for c in store.search("v1", "items", query, 20, exclude=seen)]
        assert not set(found) & set(seen)
        recalls.append(len(set(found) & set(expected)) / 20)
    return float(np.mean(recalls))


@pytest.mark.parametrize("num_seen", [0, 50, 200, 1_000])
def test_excluding_the_nearest_costs_no_recall(
    num_seen: int, indexed: SystemVectors, folder: Path, embeddings_of: MakeEmbeddings
) -> None:
    queries = embeddings_of(15, dimension=32, seed=5).vectors
    assert recall(indexed, folder, queries, num_seen) >= 0.975


def test_too_many_excluded_are_compared_one_by_one(folder: Path, items: Embeddings) -> None:
    opened = FolderVectors("qdrant-edge:", folder, EdgeSearch(IndexLimits(0, 0)))
    store = opened.of("products")
    kept = list(items.ids)[::1_000]
    found = store.search("v1", "items", items.vectors[0], 20, exclude=set(items.ids) - set(kept))
    assert {c.item_id for c in found} == set(kept)
    opened.close()


def test_another_process_reads_at_the_same_time(indexed: SystemVectors, folder: Path, items: Embeddings) -> None:
    expected = [c.item_id for c in indexed.search("v1", "items", items.vectors[0], 5)]
    code = f"""
import numpy as np
from pathlib import Path
from kindred.vectorstore.folder_store import FolderVectors
from kindred.vectorstore.qdrant_edge import EdgeSearch, IndexLimits
store = FolderVectors("qdrant-edge:", Path({str(folder)!r}), EdgeSearch(IndexLimits(0, 0))).of("products")
query = np.array({items.vectors[0].tolist()}, np.float32)
print(*[c.item_id for c in store.search("v1", "items", query, 5)])
"""
    others = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [other.communicate()[0].split() for other in others] == [expected, expected]
    assert [c.item_id for c in indexed.search("v1", "items", items.vectors[0], 5)] == expected


def test_small_collections_have_no_index(tmp_path: Path, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    cases = ((IndexLimits(), False), (IndexLimits(exact_bytes=1_000), True))
    for limits, has_index in cases:
        folder = tmp_path / str(has_index)
        sealed(FolderVectors("", folder, EdgeSearch(limits)).of("products"), "v1", {"items": embeddings_of(200)})
        assert (folder / "products" / "versions" / "v1" / "items" / "index").is_dir() is has_index


def test_collections_that_are_only_fetched_from_have_no_index(tmp_path: Path, embeddings_of: MakeEmbeddings) -> None:
    store = FolderVectors("", tmp_path, EdgeSearch(IndexLimits(0, 0), edge_index.build)).of("products")
    users, items = embeddings_of(200, prefix="user"), embeddings_of(200)
    publish_collections(store, "v1", {"users": users, "items": items}, options=PublishOptions(searched=["items"]))
    version = tmp_path / "products" / "versions" / "v1"
    assert (version / "items" / "index").is_dir() and not (version / "users" / "index").exists()
    assert store.search("v1", "users", users.vectors[3], 1)[0].item_id


def test_an_index_that_cannot_be_built_or_read_says_so(
    tmp_path: Path, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    store = FolderVectors("", tmp_path, EdgeSearch(IndexLimits(0, 0))).of("products")
    sealed(store, "v1", {"items": embeddings_of(50)})
    index = tmp_path / "products" / "versions" / "v1" / "items" / "index"
    (index / "edge_config.json").write_text("{torn")
    with pytest.raises(ArtifactError, match=r"edge_config\.json has 5 bytes"):
        store.search("v1", "items", np.ones(8, np.float32), 3)
    store.create("v2", "items", 8)
    store.upsert("v2", "items", embeddings_of(50))
    (tmp_path / "products" / "building" / "v2" / "items" / "index").write_text("in the way")
    with pytest.raises(StoreError, match="no index of items"):
        store.seal("v2", {"items": 50})
    with pytest.raises(StoreError, match="not sealed"):
        store.publish("v2")


def test_an_index_that_finds_too_little_is_not_kept(
    tmp_path: Path, embeddings_of: MakeEmbeddings, sealed: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users unlike any item are where such an index fails; it is measured on them before it is kept."""
    monkeypatch.setattr(edge_index, "_EFFORTS", (1,))
    monkeypatch.setattr(edge_index, "_EF_PER_WANTED", 0)
    items = embeddings_of(3_000, dimension=32)
    strangers = np.random.default_rng(1).normal(size=(50, 32)).astype(np.float32)
    users = Embeddings(IdMap(map(str, range(50))), strangers)
    store = FolderVectors("", tmp_path, EdgeSearch(IndexLimits(0, 0), edge_index.build)).of("products")
    sealed(store, "v1", {"items": items, "users": users})
    assert not (tmp_path / "products" / "versions" / "v1" / "items" / "index").exists()
    best = int(np.argmax(items.vectors @ strangers[0]))
    assert store.search("v1", "items", strangers[0], 1)[0].item_id == items.ids.external(best)
