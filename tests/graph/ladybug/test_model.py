"""The embedded graph against a plain model of the rules, over random runs of everything a store does."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from kindred.domain.errors import SchemaError
from kindred.domain.schema import EdgeType
from kindred.graph.ladybug import store as embedded
from kindred.graph.ladybug import tables as embedded_tables
from kindred.graph.ladybug.store import EmbeddedGraph
from kindred.graph.store import UpsertCount
from tests.graph.graphs import BOOK, LIKED, LIKED_FILM, NASTY, READER, SCHEMA, edges_of, nodes_of, table_of

READERS = ["r1", "r2", NASTY[0]]
BOOKS = ["b1", "b2", NASTY[1]]
EVENTS = ["e1", "e2", "e3", "e4", "e5", NASTY[2]]

maybe_text = st.sampled_from([None, "", "a", "b", NASTY[6]])
vectors = st.sampled_from([None, [0, 0, 0], [1, 2, 3], [1, 2, 4]])
books = st.fixed_dictionaries(
    {
        "id": st.sampled_from(BOOKS),
        "title": maybe_text,
        "shelf": maybe_text,
        "pages": st.sampled_from([None, 1, 2]),
        "words": st.sampled_from([None, [], ["a"], ["a", "b"]]),
        "title_embedding": vectors,
    }
)
likes = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(EVENTS),
        "source_id": st.sampled_from(READERS),
        "target_id": st.sampled_from(BOOKS),
        "at": st.integers(1, 4),
        "rating": st.sampled_from([1.0, 2.5]),
        "note": maybe_text,
        "loud": st.sampled_from([None, False, True]),
        "tags": st.sampled_from([None, [], ["x"]]),
        "text": maybe_text,
        "text_embedding": vectors,
    }
)
film_likes = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(EVENTS),
        "source_id": st.sampled_from(READERS),
        "target_id": st.just("f1"),
        "at": st.integers(1, 4),
        "seats": st.sampled_from([None, 1]),
    }
)


def batches(rows: st.SearchStrategy[dict[str, Any]], key: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(rows, min_size=1, max_size=6, unique_by=lambda row: row[key])


def precedence(edge: EdgeType, row: dict[str, Any]) -> list[tuple[bool, Any]]:
    """What decides between two rows about one event; vectors by their bytes, which for these is by their numbers."""
    names = ["at", *(prop.name for prop in edge.properties if prop.name != "at")]
    return [(row.get(name) is not None, row.get(name)) for name in names]


class GraphModel(RuleBasedStateMachine):
    """Dictionaries beside a graph; after every step both say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = ExitStack()
        # Both ways of writing, reading by key and settling are within reach of batches of one to six rows.
        for module, name, value in (
            (embedded_tables, "BULK_ROWS", 3),
            (embedded_tables, "BULK_SHARE", 1),
            (embedded_tables, "FEW_SOURCES", 1),
            (embedded_tables, "BATCH_ROWS", 2),
            (embedded, "PENDING_ROWS", 8),
        ):
            self.patches.enter_context(patch.object(module, name, value))
        self.folder = Path(tempfile.mkdtemp(prefix="kindred-model"))
        self.store = EmbeddedGraph(self.folder / "graph")
        self.store.create_schema(SCHEMA)
        self.store.upsert_nodes(SCHEMA.node("Film"), table_of(SCHEMA.node("Film"), [{"id": "f1"}]))
        self.readers: set[str] = set()
        self.books: dict[str, dict[str, Any]] = {}
        self.edges: dict[EdgeType, dict[str, dict[str, Any]]] = {LIKED: {}, LIKED_FILM: {}}

    def teardown(self) -> None:
        self.read_everything()
        self.store.close()
        shutil.rmtree(self.folder)
        self.patches.close()

    @rule(ids=st.lists(st.sampled_from(READERS), min_size=1, max_size=4, unique=True))
    def upsert_readers(self, ids: list[str]) -> None:
        new = len(set(ids) - self.readers)
        count = self.store.upsert_nodes(READER, table_of(READER, [{"id": id_} for id_ in ids]))
        assert count == UpsertCount(new, 0, len(ids) - new)
        self.readers |= set(ids)

    @rule(rows=batches(books, "id"))
    def upsert_books(self, rows: list[dict[str, Any]]) -> None:
        inserted = updated = 0
        for row in rows:
            old = self.books.get(row["id"])
            said = {name: value for name, value in row.items() if value is not None}
            self.books[row["id"]] = {**row, **(old or {}), **said}
            inserted += old is None
            updated += old is not None and old != self.books[row["id"]]
        count = self.store.upsert_nodes(BOOK, table_of(BOOK, rows))
        assert count == UpsertCount(inserted, updated, len(rows) - inserted - updated)

    @rule(rows=batches(likes, "event_id"))
    def upsert_likes(self, rows: list[dict[str, Any]]) -> None:
        self.upsert(LIKED, rows, set(self.books))

    @rule(rows=batches(film_likes, "event_id"))
    def upsert_film_likes(self, rows: list[dict[str, Any]]) -> None:
        self.upsert(LIKED_FILM, rows, {"f1"})

    def upsert(self, edge: EdgeType, rows: list[dict[str, Any]], targets: set[str]) -> None:
        stored = self.edges[edge]
        new = [row for row in rows if row["event_id"] not in stored]
        replacing = [
            row
            for row in rows
            if row["event_id"] in stored and precedence(edge, row) > precedence(edge, stored[row["event_id"]])
        ]
        table = table_of(edge, rows)
        if any(row["source_id"] not in self.readers or row["target_id"] not in targets for row in new + replacing):
            with pytest.raises(SchemaError):
                self.store.upsert_edges(edge, table)
            return
        count = self.store.upsert_edges(edge, table)
        assert count == UpsertCount(len(new), len(replacing), len(rows) - len(new) - len(replacing))
        stored.update({row["event_id"]: row for row in new + replacing})

    @rule(ids=st.lists(st.sampled_from(EVENTS), max_size=4), edge=st.sampled_from([LIKED, LIKED_FILM]))
    def delete_edges(self, ids: list[str], edge: EdgeType) -> None:
        there = set(ids) & set(self.edges[edge])
        assert self.store.delete_edges(edge, ids) == len(there)
        for event_id in there:
            del self.edges[edge][event_id]

    @rule(reader=st.sampled_from(READERS))
    def delete_reader(self, reader: str) -> None:
        assert self.store.delete_nodes(READER, [reader]) == (reader in self.readers)
        self.readers.discard(reader)
        self.forget("source_id", reader)

    @rule(book=st.sampled_from(BOOKS))
    def delete_book(self, book: str) -> None:
        assert self.store.delete_nodes(BOOK, [book]) == (book in self.books)
        self.books.pop(book, None)
        self.forget("target_id", book)

    def forget(self, end: str, node_id: str) -> None:
        for rows in self.edges.values():
            for event_id in [key for key, row in rows.items() if row[end] == node_id]:
                del rows[event_id]

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = EmbeddedGraph(self.folder / "graph")
        self.store.create_schema(SCHEMA)

    @rule(moment=st.integers(0, 4))
    def read_until(self, moment: int) -> None:
        for edge, rows in self.edges.items():
            expected = {key for key, row in rows.items() if row["at"] <= moment}
            assert set(edges_of(self.store, edge, [], until=moment)) == expected

    @rule(reader=st.sampled_from(READERS))
    def look_around(self, reader: str) -> None:
        found = self.store.neighbourhood(READER, reader)
        expected = [row for rows in self.edges.values() for row in rows.values() if row["source_id"] == reader]
        assert sorted(n.node_id for n in found) == sorted(row["target_id"] for row in expected)

    @rule()
    def read_everything(self) -> None:
        assert set(nodes_of(self.store, READER)) == self.readers
        assert without_nulls(nodes_of(self.store, BOOK)) == without_nulls(self.books)
        for edge, rows in self.edges.items():
            assert without_nulls(edges_of(self.store, edge)) == without_nulls(rows)

    @rule()
    def count(self) -> None:
        assert self.store.count(READER) == len(self.readers)
        for edge, rows in self.edges.items():
            assert self.store.count(edge) == len(rows)


def without_nulls(rows: Any) -> dict[str, dict[str, Any]]:
    """A vector column that was never written is absent, and null for the model."""
    return {key: {name: value for name, value in row.items() if value is not None} for key, row in rows.items()}


GraphModel.TestCase.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEveryRuleHoldsOverAnyRun = GraphModel.TestCase
