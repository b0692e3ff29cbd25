"""What every graph engine does with batches: large, in chunks, empty; and how it is closed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from kindred.domain.content_hash import ContentHash
from kindred.domain.errors import StoreError
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore, UpsertCount
from tests.graph.graphs import (
    BOOK,
    FILM,
    LIKED,
    READER,
    SCHEMA,
    edges_of,
    like,
    make_library,
    table_of,
)


def test_large_batches_follow_the_same_rules(graph_store: GraphStore) -> None:
    readers = [f"r{i}" for i in range(60)]
    make_library(graph_store, readers=readers)
    likes = [like(f"e{i:05}", readers[i % 60] if i % 3 else "r0", "b1", at=i, text=f"t{i}") for i in range(6_000)]
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, likes[:2_500])) == UpsertCount(2_500, 0, 0)
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, likes[2_000:5_000])) == UpsertCount(2_500, 0, 500)
    changed = [*likes[4_000:], *(like(f"e{i:05}", at=i - 1 + 2 * (i % 2), text="new") for i in range(1_000))]
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, changed)) == UpsertCount(1_000, 500, 1_500)
    found = edges_of(graph_store, LIKED, ["text"])
    assert len(found) == graph_store.count(LIKED) == 6_000
    assert all(found[f"e{i:05}"]["text"] == ("new" if i < 1_000 and i % 2 else f"t{i}") for i in range(6_000))
    books = [{"id": f"big{i}", "title": f"T{i}"} for i in range(3_000)]
    assert graph_store.upsert_nodes(BOOK, table_of(BOOK, books)) == UpsertCount(3_000, 0, 0)
    titled = [{"id": f"big{i}", "title": f"T{i}" if i % 2 else "other"} for i in range(2_000, 5_000)]
    assert graph_store.upsert_nodes(BOOK, table_of(BOOK, titled)) == UpsertCount(2_000, 500, 500)


def test_a_table_in_chunks_is_written_whole(graph_store: GraphStore) -> None:
    make_library(graph_store)
    rows = table_of(LIKED, [like(f"e{i:05}", at=1) for i in range(2_500)])
    chunks = [rows.slice(0, 0), rows.slice(0, 1), rows.slice(1, 0), rows.slice(1)]
    assert graph_store.upsert_edges(LIKED, pa.concat_tables(chunks)) == UpsertCount(2_500, 0, 0)
    assert graph_store.count(LIKED) == 2_500
    later = table_of(LIKED, [like(f"e{i:05}", at=2) for i in range(2_500)])
    assert graph_store.upsert_edges(LIKED, later) == UpsertCount(0, 2_500, 0)
    assert {row["at"] for row in edges_of(graph_store, LIKED).values()} == {2} and graph_store.count(LIKED) == 2_500


def test_an_empty_batch_is_no_work(graph_store: GraphStore) -> None:
    make_library(graph_store)
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e")]).slice(0, 0)) == UpsertCount(0, 0, 0)
    assert graph_store.upsert_nodes(READER, table_of(READER, [{"id": "x"}]).slice(0, 0)) == UpsertCount(0, 0, 0)
    assert list(graph_store.read_edges(LIKED)) == [] and graph_store.count(FILM) == 1


def test_the_content_hash_is_that_of_the_rows_alone(graph_store: GraphStore) -> None:
    make_library(graph_store, readers=["r1"], books=["b1"])
    likes = table_of(
        LIKED, [like("e1", text="a", tags=["x"], rating=5), like("e2", note="ü", text_embedding=[1, 2, 3])]
    )
    graph_store.upsert_edges(LIKED, likes)
    expected = ContentHash()
    for node, id_ in ((READER, "r1"), (BOOK, "b1"), (FILM, "f1")):
        expected.add(node, table_of(node, [{"id": id_}]))
    expected.add(LIKED, likes)
    assert graph_statistics(graph_store, SCHEMA).content_hash == expected.hexdigest()


def test_a_store_that_was_closed_says_so_however_often(graph_store: GraphStore) -> None:
    make_library(graph_store)
    for _ in range(2):
        graph_store.close()
        with pytest.raises(StoreError):
            graph_store.count(READER)
