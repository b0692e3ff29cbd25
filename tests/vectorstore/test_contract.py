"""What every VectorStore keeps, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import ArtifactError, SchemaError, SettingsError, StoreError
from kindred.domain.ids import IdMap
from kindred.vectorstore.store import Excluded, SystemVectors, VectorStore, Wanted

Opener = Callable[[Path], VectorStore]
MakeEmbeddings = Callable[..., Embeddings]
Seal = Callable[[SystemVectors, str, dict[str, Embeddings]], None]

# What the stand-in for a server says about itself.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection"),
]


def best_by_hand(embeddings: Embeddings, query: np.ndarray, k: int, exclude: set[str] = frozenset()) -> list[str]:
    scores = embeddings.vectors @ query
    ranked = sorted(zip(-scores, embeddings.ids, strict=True))
    return [external for _, external in ranked if external not in exclude][:k]


def found(store: SystemVectors, query: np.ndarray, k: int = 5, exclude: Collection[str] = ()) -> list[str]:
    return [candidate.item_id for candidate in store.search("v1", "items", query, k, exclude)]


def test_finds_the_best_by_dot_product(store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    items = embeddings_of(300)
    sealed(store, "v1", {"items": items})
    for query in embeddings_of(5, seed=1).vectors:
        candidates = store.search("v1", "items", query, 10)
        assert [c.item_id for c in candidates] == best_by_hand(items, query, 10)
        expected = items.vectors[items.ids.positions([c.item_id for c in candidates])] @ query
        np.testing.assert_allclose([c.score for c in candidates], expected, rtol=1e-4, atol=1e-5)


def test_ties_go_by_id(store: SystemVectors, sealed: Seal) -> None:
    ids = ["pear", "apple", "fig", "zebra", "ant"]
    vectors = np.array([[1, 0.1], [1, 0.1], [1, 0.1], [0.5, 0], [1, 0.1]], dtype=np.float32)
    sealed(store, "v1", {"items": Embeddings(IdMap(ids), vectors)})
    query = np.array([0.3, 0.7], dtype=np.float32)
    assert found(store, query, 5) == ["ant", "apple", "fig", "pear", "zebra"]
    assert found(store, query, 2) == ["ant", "apple"]


def test_asking_for_more_than_there_is(store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    items = embeddings_of(4)
    sealed(store, "v1", {"items": items})
    query = items.vectors[0]
    assert found(store, query, 50) == best_by_hand(items, query, 4)
    assert found(store, query, 50, exclude=set(items.ids)) == []


def test_excluded_ids_never_come_back(store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    items = embeddings_of(200)
    sealed(store, "v1", {"items": items})
    query = items.vectors[3]
    seen = {*best_by_hand(items, query, 60), "no-such-id"}
    assert found(store, query, 10, exclude=seen) == best_by_hand(items, query, 10, seen)


def test_searches_together_find_what_each_finds_alone(
    store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    items = embeddings_of(300)
    sealed(store, "v1", {"items": items})
    queries = embeddings_of(9, seed=1).vectors
    excluded = [best_by_hand(items, query, 4 * row) for row, query in enumerate(queries)]
    wanted = [Wanted(query, row + 1, seen) for row, (query, seen) in enumerate(zip(queries, excluded, strict=True))]
    alone = [store.search("v1", "items", one.vector, one.k, exclude=one.exclude) for one in wanted]
    together = store.search_all("v1", "items", wanted)
    assert [[c.item_id for c in some] for some in together] == [[c.item_id for c in some] for some in alone]
    assert [len(some) for some in together] == list(range(1, 10))
    assert store.search_all("v1", "items", []) == []
    with pytest.raises(SchemaError, match="shape"):
        store.search_all("v1", "items", [*wanted, Wanted(queries[0, :3], 5)])


def test_what_is_excluded_again_and_again_is_excluded_from_what_came_since(
    store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    items = embeddings_of(40)
    sealed(store, "v1", {"items": items})
    query = items.vectors[3]
    best = best_by_hand(items, query, 5)
    excluded = Excluded(dict.fromkeys([*best[:4], "late"], "already bought"))
    for _ in range(2):
        assert found(store, query, 1, exclude=excluded) == [best[4]]
    again = Embeddings(IdMap(["late", best[0], best[4]]), np.stack([9 * query, 9 * query, 5 * query]))
    store.upsert("v1", "items", again)
    for _ in range(2):
        assert found(store, query, 1, exclude=excluded) == [best[4]]
    sealed(store, "v2", {"items": Embeddings(IdMap(items.ids.ids[::-1]), items.vectors[::-1].copy())})
    assert [c.item_id for c in store.search("v2", "items", query, 1, exclude=excluded)] == [best[4]]


def test_upsert_replaces_by_id_before_and_after_publishing(store: SystemVectors, embeddings_of: MakeEmbeddings) -> None:
    items = embeddings_of(50)
    store.create("v1", "items", 8)
    store.upsert("v1", "items", items, [{"age": "old"}] * 50)
    moved = Embeddings(IdMap(["item-00007", "item-00003"]), -items.vectors[[7, 3]])
    store.upsert("v1", "items", moved, [{"age": "new"}] * 2)
    store.seal("v1", {"items": 50})
    store.publish("v1")
    np.testing.assert_allclose(store.fetch("v1", "items", ["item-00007"]).vectors, moved.vectors[:1])
    new = Embeddings(IdMap(["brand-new", "item-00011"]), 9 * items.vectors[[0, 11]])
    store.upsert("v1", "items", new, [{"age": "new"}] * 2)
    assert store.count("v1", "items") == 51
    assert found(store, items.vectors[0], 1) == ["brand-new"]
    assert found(store, items.vectors[0], 60).count("item-00011") == 1


def test_fetch_keeps_the_order_asked(store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    items = embeddings_of(20)
    sealed(store, "v1", {"items": items})
    fetched = store.fetch("v1", "items", ["item-00009", "unknown", "item-00002", "item-00009"])
    assert list(fetched.ids) == ["item-00009", "item-00002"]
    np.testing.assert_allclose(fetched.vectors, items.vectors[[9, 2]], rtol=1e-6)
    assert len(store.fetch("v1", "items", []).ids) == 0


def test_ids_of_any_kind(store: SystemVectors, sealed: Seal) -> None:
    ids = ["ключ", "with space", "a/b?c#d", 'q"uote\\', "0", "x" * 500, "emoji 🎸", "line\u2028break", "nel\x85"]
    items = Embeddings(IdMap(ids), np.eye(len(ids), dtype=np.float32))
    sealed(store, "v1", {"items": items})
    for row, external in enumerate(ids):
        assert found(store, items.vectors[row], 1) == [external]
    assert list(store.fetch("v1", "items", ids).ids) == ids


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_that_do_not_fit_are_refused_whole(
    store: SystemVectors, bad: float, embeddings_of: MakeEmbeddings
) -> None:
    store.create("v1", "items", 8)
    items = embeddings_of(5)
    items.vectors[3, 2] = bad
    with pytest.raises(SchemaError, match="NaN or infinity"):
        store.upsert("v1", "items", items)
    with pytest.raises(SchemaError, match="8"):
        store.upsert("v1", "items", embeddings_of(5, dimension=7))
    with pytest.raises(SchemaError, match="payload"):
        store.upsert("v1", "items", embeddings_of(5), [{}])
    assert store.count("v1", "items") == 0


def test_queries_that_do_not_fit_are_refused(store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    sealed(store, "v1", {"items": embeddings_of(5)})
    for query, k in ((np.ones(7), 3), (np.full(8, np.nan), 3), (np.ones(8), 0)):
        with pytest.raises(SchemaError):
            store.search("v1", "items", query.astype(np.float32), k)


def test_the_life_of_versions(store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    assert store.published() is None and store.previous() is None and store.versions() == []
    for version in ("first", "second", "another"):
        sealed(store, version, {"users": embeddings_of(3), "items": embeddings_of(4)})
    assert store.versions() == ["first", "second", "another"]
    assert store.published() is None
    store.publish("first")
    with pytest.raises(ArtifactError, match="no earlier version"):
        store.rollback()
    store.publish("second")
    store.publish("second")
    assert (store.published(), store.previous()) == ("second", "first")
    assert store.rollback() == "first"
    assert (store.published(), store.previous()) == ("first", None)
    store.publish("another")
    with pytest.raises(StoreError, match="is published"):
        store.drop("another")
    store.drop("first")
    assert (store.published(), store.previous()) == ("another", None)
    assert store.versions() == ["second", "another"]
    assert store.count("another", "users") == 3


def test_what_is_not_sealed_is_not_published(store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    sealed(store, "v1", {"items": embeddings_of(4)})
    store.publish("v1")
    store.create("half", "items", 8)
    store.upsert("half", "items", embeddings_of(3))
    for version in ("half", "unknown"):
        with pytest.raises(StoreError, match=version):
            store.publish(version)
    with pytest.raises(StoreError, match="should hold"):
        store.seal("half", {"items": 4})
    with pytest.raises(StoreError, match="should hold"):
        store.seal("half", {"items": 3, "users": 3})
    assert not store.is_sealed("half") and store.is_sealed("v1")
    assert store.published() == "v1"
    store.drop("half")
    assert store.versions() == ["v1"]


def test_what_is_there_already_or_not_at_all(store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal) -> None:
    sealed(store, "v1", {"items": embeddings_of(4)})
    with pytest.raises(StoreError, match="sealed"):
        store.create("v1", "users", 8)
    store.create("v2", "items", 8)
    with pytest.raises(StoreError, match="already"):
        store.create("v2", "items", 8)
    with pytest.raises(StoreError, match="v9"):
        store.count("v9", "items")
    with pytest.raises(StoreError, match="users"):
        store.search("v1", "users", np.ones(8, np.float32), 3)
    with pytest.raises(StoreError, match="v9"):
        store.drop("v9")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200])
def test_names_are_checked(store: SystemVectors, name: str) -> None:
    with pytest.raises(SettingsError, match="name"):
        store.create(name, "items", 8)
    with pytest.raises(SettingsError, match="name"):
        store.create("v1", name, 8)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden"])
def test_names_of_systems_are_checked(opener: Opener, tmp_path: Path, name: str) -> None:
    with closing(opener(tmp_path)) as opened, pytest.raises(SettingsError, match="name a system"):
        opened.of(name)


def test_what_was_written_is_there_for_the_next_process(
    opener: Opener, tmp_path: Path, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    items = embeddings_of(40)
    with closing(opener(tmp_path)) as opened:
        first = opened.of("products")
        sealed(first, "v1", {"items": items})
        first.publish("v1")
        expected = found(first, items.vectors[0])
    with closing(opener(tmp_path)) as opened:
        second = opened.of("products")
        assert second.published() == "v1"
        assert found(second, items.vectors[0]) == expected


def test_a_version_built_anew_under_the_same_name(
    store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    for seed in (1, 2):
        items = embeddings_of(30, seed=seed)
        sealed(store, "v1", {"items": items})
        assert found(store, items.vectors[0]) == best_by_hand(items, items.vectors[0], 5)
        store.drop("v1")


def test_congruence(tmp_path: Path, embeddings_of: MakeEmbeddings, openers: dict[str, Opener], sealed: Seal) -> None:
    """The same vectors give the same answer everywhere, excluded ids too."""
    items, queries = embeddings_of(400, dimension=16), embeddings_of(6, dimension=16, seed=3).vectors
    seen = list(items.ids)[::3]
    answers = []
    for name, open_store in openers.items():
        opened = open_store(tmp_path / name)
        store = opened.of("products")
        sealed(store, "v1", {"items": items})
        answers.append([found(store, query, 20, exclude=seen) for query in queries])
        opened.close()
    assert all(answer == answers[0] for answer in answers)


def test_a_removed_id_is_gone_until_it_comes_again(
    store: SystemVectors, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    items = embeddings_of(40)
    sealed(store, "v1", {"items": items})
    store.publish("v1")
    best = best_by_hand(items, items.vectors[0], 3)
    store.remove("v1", "items", [best[0], best[2], "never there"])
    store.remove("v1", "none-such", best[:1])  # a user is taken out of versions that may hold items alone
    store.remove("v1", "items", [])
    assert found(store, items.vectors[0], 40) == best_by_hand(items, items.vectors[0], 40, {best[0], best[2]})
    assert store.fetch("v1", "items", best).ids.ids == (best[1],)
    assert store.count("v1", "items") == 38
    again = items.ids.positions([best[0]])
    store.upsert("v1", "items", Embeddings(IdMap([best[0]]), items.vectors[again]))
    assert found(store, items.vectors[0], 2) == best[:2]
    assert store.count("v1", "items") == 39
