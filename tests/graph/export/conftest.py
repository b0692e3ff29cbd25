"""A small graph that is hard to export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from tests.graph.graphs import BOOK, CITES, FILM, LIKED, LIKED_FILM, NASTY, READER, SCHEMA, like, table_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    """Every type, hostile ids and texts, a list, and an event id that two types share."""
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        store.create_schema(SCHEMA)
        readers = [{"id": name} for name in ("r1", *NASTY)]
        books = [
            {
                "id": "b1",
                "title": "a\x0bb\ufffe",
                "blurb": "long",
                "pages": 2**40,
                "words": ["x", "y,z"],
                "lent": False,
            },
            {"id": "b2"},
        ]
        store.upsert_nodes(READER, table_of(READER, readers))
        store.upsert_nodes(BOOK, table_of(BOOK, books))
        store.upsert_nodes(FILM, table_of(FILM, [{"id": "b1"}]))
        likes = [like("e", at=10), like("later", at=20), *(like(f"n{i}", name) for i, name in enumerate(NASTY))]
        store.upsert_edges(LIKED, table_of(LIKED, likes))
        seats = [{"event_id": "e", "source_id": "r1", "target_id": "b1", "at": 10, "seats": 2}]
        store.upsert_edges(LIKED_FILM, table_of(LIKED_FILM, seats))
        cites = [{"event_id": "e", "source_id": "b1", "target_id": "b2"}]
        store.upsert_edges(CITES, table_of(CITES, cites))
        yield store
