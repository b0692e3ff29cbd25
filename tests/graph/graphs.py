"""Small graphs to test stores with: a schema with a property of every kind, and rows for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from kindred.domain.properties import Boolean, EncodedText, Float, Integer, Rating, String, Strings, Text, Timestamp
from kindred.domain.records import Edge, Event, Node
from kindred.domain.schema import EdgeType, NodeType, arrow_schema, derive_schema
from kindred.graph.store import GraphStore

HALVES = pa.list_(pa.float16(), 3)


class Reader(Node):
    """A node with nothing but its id."""

    label = "Reader"


class Book(Node):
    """A node with a property of every kind."""

    label = "Book"

    title: EncodedText | None = None
    blurb: Text | None = None
    shelf: String | None = None
    pages: Integer | None = None
    weight: Float | None = None
    lent: Boolean | None = None
    printed: Timestamp | None = None
    words: Strings | None = None


class Film(Node):
    """A second thing to like, so that one edge type joins two pairs of labels."""

    label = "Film"


class LikedBook(Event):
    """An event with a property of every kind."""

    edge_type = "LIKED"
    source = Reader
    target = Book

    rating: Rating
    note: String = ""
    loud: Boolean | None = None
    times: Integer | None = None
    tags: Strings | None = None
    text: EncodedText = ""


class LikedFilm(Event):
    """The same type between other labels, with a property of its own."""

    edge_type = "LIKED"
    source = Reader
    target = Film

    seats: Integer | None = None


class Cites(Edge):
    """An edge without a time, from a label to itself."""

    edge_type = "CITES"
    source = Book
    target = Book


SCHEMA = derive_schema([Reader, Book, Film, LikedBook, LikedFilm, Cites])
READER, BOOK, FILM = SCHEMA.nodes
LIKED, LIKED_FILM, CITES = SCHEMA.edges

NASTY = [
    "'}) DETACH DELETE n //",
    "`tick`",
    '"quoted"',
    "it's",
    "back\\slash \\n \\u0041",
    "שלום עולם",
    "\u202eright to left",
    "👩‍👩‍👧 e\u0301",
    "$id {x: 1} /* */",
    "a\u2028b\u00a0c",
    "-- ; DROP TABLE Book",
]

Row = Mapping[str, object]


def table_of(table: NodeType | EdgeType, rows: Sequence[Row], columns: Iterable[str] | None = None) -> pa.Table:
    """The rows as the schema's columns; only those that some row names, unless the columns are given. Vectors of 3."""
    named = {name for row in rows for name in row} if columns is None else set(columns)
    schema = pa.schema([field for field in arrow_schema(table, 3) if field.name in named])
    arrays = [_array([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, names=schema.names)


def _array(values: list[object], kind: pa.DataType) -> pa.Array:
    if kind != HALVES:
        return pa.array(values, kind)
    flat = np.array([value or [0, 0, 0] for value in values], np.float16).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(
        pa.array(flat), type=HALVES, mask=pa.array([v is None for v in values], pa.bool_())
    )


def like(event_id: str, reader: str = "r1", book: str = "b1", at: int | None = 1_000_000_000, **others: object) -> Row:
    """A row of LIKED."""
    return {"event_id": event_id, "source_id": reader, "target_id": book, "at": at, "rating": 4.0, **others}


def make_library(store: GraphStore, readers: Sequence[str] = ("r1", "r2"), books: Sequence[str] = ("b1", "b2")) -> None:
    """Creates the schema, readers, books and film f1; no edges."""
    store.create_schema(SCHEMA)
    store.upsert_nodes(READER, table_of(READER, [{"id": reader} for reader in readers]))
    store.upsert_nodes(BOOK, table_of(BOOK, [{"id": book} for book in books], ["id"]))
    store.upsert_nodes(FILM, table_of(FILM, [{"id": "f1"}]))


def nodes_of(store: GraphStore, node: NodeType, columns: Sequence[str] | None = None) -> dict[str, Row]:
    """Rows by id."""
    wanted = None if columns is None else ["id", *columns]
    return {row["id"]: row for batch in store.read_nodes(node, wanted) for row in batch.to_pylist()}


def edges_of(
    store: GraphStore, edge: EdgeType, columns: Sequence[str] | None = None, until: int | None = None
) -> dict[str, Row]:
    """Rows by event id."""
    wanted = None if columns is None else ["event_id", *columns]
    return {row["event_id"]: row for batch in store.read_edges(edge, wanted, until) for row in batch.to_pylist()}
