"""The files of the offline import, loaded by the real neo4j-admin and read back."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.properties import Boolean, EncodedText, Float, Integer, String, Strings, Timestamp
from kindred.domain.records import Event, Node
from kindred.domain.schema import EdgeType, NodeType, derive_schema
from kindred.graph.export.neo4j_admin_files import write_admin_files
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore, UpsertCount
from tests.conftest import open_neo4j
from tests.neo4j_server.server import Neo4jServer

LINES = [
    "",
    None,
    "two\nlines",
    "crlf\r\nand\ra tab\t.",
    '"q"',
    "\\",
    '\\"',
    "  blanks  ",
    "null",
    "a,b;c",
    "👩‍👩‍👧 שלום",
    "'}) DETACH",
]
IDS = [
    f"{number} {line or ''}".replace("\n", "").replace("\r", "").replace("\t", "").strip()
    for number, line in enumerate(LINES)
]


class Song(Node):
    """A node with a property of every kind."""

    label = "Song"

    words: EncodedText | None = None
    title: String | None = None
    plays: Integer | None = None
    seconds: Float | None = None
    live: Boolean | None = None
    since: Timestamp | None = None
    moods: Strings | None = None


class Followed(Event):
    """An edge from a node to another of the same label."""

    edge_type = "FOLLOWED"
    source = Song
    target = Song

    text: EncodedText = ""


SCHEMA = derive_schema([Song, Followed])


def vectors(num: int, length: int, missing: int) -> pa.Array:
    """Random vectors whose bytes hold every value, one of them missing."""
    rng = np.random.default_rng(3)
    flat = rng.integers(0, 0x7BFF, num * length).astype("<u2")
    flat ^= (rng.integers(0, 2, num * length) << 15).astype("<u2")
    mask = pa.array([row == missing for row in range(num)])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.view("<f2")), length, mask=mask)


def fill(store: GraphStore) -> None:
    size = len(LINES)
    songs = {
        "id": IDS,
        "words": pa.array(LINES, pa.large_string()),
        "title": [None if line is None else line.split("\n")[0] for line in LINES],
        "plays": [None, -(2**63), 2**63 - 1, *range(size - 3)],
        "seconds": [None, 1e-300, -0.1, *np.linspace(0, 1, size - 3)],
        "live": [None, True, False] * (size // 3),
        "since": [None, *range(1_500_000_000, 1_500_000_000 + size - 1)],
        "moods": [["a;b", ' "x" ', "é"], None, ["one"]] * (size // 3),
        "words_embedding": vectors(size, 64, 2),
    }
    store.upsert_nodes(SCHEMA.nodes[0], pa.table(songs))
    edges = {
        "event_id": IDS,
        "source_id": IDS,
        "target_id": IDS[::-1],
        "at": range(1_500_000_000, 1_500_000_000 + size),
        "text": pa.array(["x", *LINES[2:], ""], pa.large_string()),
        "text_embedding": vectors(size, 3, 0),
    }
    store.upsert_edges(SCHEMA.edges[0], pa.table(edges))
    store.write_metadata("encoder", 'of "two"\nlines')


def rows_of(store: GraphStore, table: NodeType | EdgeType) -> list[dict[str, object]]:
    """Every row, in the order of their keys, which engines read in their own."""
    batches: Iterator[pa.RecordBatch]
    batches = store.read_nodes(table) if isinstance(table, NodeType) else store.read_edges(table)
    rows = [row for batch in batches for row in batch.to_pylist()]
    return sorted(rows, key=lambda row: str(row["id" if isinstance(table, NodeType) else "event_id"]))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        store.create_schema(SCHEMA)
        yield store


@pytest.mark.starts_server
def test_an_offline_import_gives_the_same_graph(resting_neo4j: Neo4jServer, store: GraphStore, tmp_path: Path) -> None:
    fill(store)
    command = shlex.split(write_admin_files(store, SCHEMA, tmp_path / "files"))
    assert command[0] == "neo4j-admin"

    is_first = not resting_neo4j.is_running
    server = resting_neo4j if is_first else Neo4jServer(tmp_path / "server", resting_neo4j.password)
    server.admin(*command[1:])
    try:
        server.start()
        with closing(open_neo4j(server)) as imported:
            imported.create_schema(SCHEMA)
            for table in (*SCHEMA.nodes, *SCHEMA.edges):
                assert rows_of(imported, table) == rows_of(store, table)
            assert imported.read_metadata() == store.read_metadata()
            assert graph_statistics(imported, SCHEMA) == graph_statistics(store, SCHEMA)
            again = pa.table({"id": IDS, "words_embedding": vectors(len(IDS), 64, 2)})
            assert imported.upsert_nodes(SCHEMA.nodes[0], again) == UpsertCount(0, 0, len(IDS))  # vectors are bytes
    finally:
        if not is_first:
            server.kill()


def test_what_the_importer_would_drop_is_refused(store: GraphStore, tmp_path: Path) -> None:
    store.upsert_nodes(SCHEMA.nodes[0], pa.table({"id": ["s"], "moods": pa.array([[]], pa.list_(pa.string()))}))
    with pytest.raises(SchemaError, match="empty list"):
        write_admin_files(store, SCHEMA, tmp_path / "files")


def test_a_folder_in_use_is_left_alone(store: GraphStore, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(StoreError, match="is not empty"):
        write_admin_files(store, SCHEMA, tmp_path)
    with pytest.raises(StoreError, match="can't write"):
        write_admin_files(store, SCHEMA, tmp_path / "mine")
