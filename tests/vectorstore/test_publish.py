from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.ids import IdMap
from kindred.vectorstore import publish
from kindred.vectorstore.publish import PublishOptions, holds_collections, publish_collections
from kindred.vectorstore.store import SystemVectors

MakeEmbeddings = Callable[..., Embeddings]

# What the stand-in for a server says about itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection"),
]


def test_publishes_all_collections(store: SystemVectors, embeddings_of: MakeEmbeddings) -> None:
    users, items = embeddings_of(20, prefix="user"), embeddings_of(50)
    payloads = {"items": [{"brand": f"b{row % 5}"} for row in range(50)]}
    publish_collections(store, "v1", {"users": users, "items": items}, payloads)
    assert store.published() == "v1"
    assert (store.count("v1", "users"), store.count("v1", "items")) == (20, 50)
    best = items.ids.external(int(np.argmax(items.vectors @ users.vectors[0])))
    assert store.search("v1", "items", users.vectors[0], 1)[0].item_id == best


def test_large_collections_are_written_in_blocks(
    store: SystemVectors, embeddings_of: MakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "_ROWS_PER_UPSERT", 7)
    items = embeddings_of(50)
    publish_collections(store, "v1", {"items": items}, {"items": [{"row": row} for row in range(50)]})
    np.testing.assert_array_equal(store.fetch("v1", "items", items.ids.ids).vectors, items.vectors)


def test_old_versions_go_but_never_the_one_to_roll_back_to(store: SystemVectors, embeddings_of: MakeEmbeddings) -> None:
    for number in range(1, 5):
        publish_collections(
            store, f"v{number}", {"items": embeddings_of(10, seed=number)}, options=PublishOptions(keep=1)
        )
    assert store.versions() == ["v3", "v4"]
    assert store.rollback() == "v3"
    publish_collections(store, "v5", {"items": embeddings_of(10, seed=5)}, options=PublishOptions(keep=3))
    assert store.versions() == ["v3", "v4", "v5"] and store.previous() == "v3"
    for number in (6, 7, 8):
        options = PublishOptions(in_use=["v4", "gone"])
        publish_collections(store, f"v{number}", {"items": embeddings_of(10, seed=number)}, options=options)
    assert store.versions() == ["v4", "v7", "v8"], "one that an arm of an A/B test names"


def test_a_half_built_version_is_replaced(store: SystemVectors, embeddings_of: MakeEmbeddings) -> None:
    store.create("v1", "leftover", 4)
    items = embeddings_of(30)
    for _ in range(2):
        publish_collections(store, "v1", {"items": items})
    assert store.published() == "v1" and store.versions() == ["v1"]
    with pytest.raises(StoreError, match="leftover"):
        store.count("v1", "leftover")


def test_whatever_fails_the_old_version_stays(store: SystemVectors, embeddings_of: MakeEmbeddings) -> None:
    good = embeddings_of(30)
    publish_collections(store, "v1", {"items": good})
    broken = embeddings_of(30)
    broken.vectors[7] = np.nan
    empty = Embeddings(IdMap([]), np.empty((0, 8), np.float32))
    for bad in (broken, empty):
        with pytest.raises(SchemaError):
            publish_collections(store, "v2", {"users": good, "items": bad})
    with pytest.raises(StoreError, match="other items vectors"):
        publish_collections(store, "v1", {"items": embeddings_of(30, seed=9)})
    assert store.published() == "v1"
    assert store.search("v1", "items", good.vectors[0], 1)


def test_a_search_that_misses_is_not_published(
    store: SystemVectors, embeddings_of: MakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = embeddings_of(200)
    monkeypatch.setattr(type(store), "search", lambda *args: [])
    with pytest.raises(StoreError, match="finds 0%"):
        publish_collections(store, "v1", {"items": items})
    assert store.published() is None


def test_what_a_rollback_brings_back_is_published_again_as_it_is(
    store: SystemVectors, embeddings_of: MakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = embeddings_of(30), embeddings_of(30, seed=1)
    publish_collections(store, "v1", {"items": old})
    publish_collections(store, "v2", {"items": new})

    def no_room(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(type(store), "upsert", no_room)
        with pytest.raises(StoreError, match="other items vectors"):
            publish_collections(store, "v1", {"items": new})
        assert (store.published(), store.previous()) == ("v2", "v1")
        publish_collections(store, "v1", {"items": old})
    assert (store.published(), store.previous()) == ("v1", "v2")
    assert store.rollback() == "v2"


def test_whether_a_version_holds_these_vectors(store: SystemVectors, embeddings_of: MakeEmbeddings) -> None:
    items, users = embeddings_of(30), embeddings_of(5, prefix="user")
    publish_collections(store, "v1", {"items": items})
    store.create("half", "items", 8)
    assert holds_collections(store, "v1", {"items": items})
    assert not holds_collections(store, "v1", {"items": embeddings_of(30, seed=1)})
    assert not holds_collections(store, "v1", {"items": embeddings_of(29)}), "one more than these"
    assert not holds_collections(store, "v1", {"items": items, "users": users}), "no such collection"
    assert not holds_collections(store, "half", {"items": items})
