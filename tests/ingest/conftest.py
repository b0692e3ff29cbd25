"""A graph in plain dictionaries: the oracle that says what an ingest must have done."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import SchemaError
from kindred.domain.schema import EdgeType, GraphSchema, NodeType
from kindred.graph.store import Neighbour, QueryLimits, UpsertCount
from kindred.ingest.loading.pipeline import IngestOptions

Row = dict[str, Any]
REAL_REVIEWS = (
    Path(__file__).resolve().parents[3]
    / "shared/data/amazon_reviews_musical_instruments_2014/reviews_Musical_Instruments_5.json.gz"
)


class DictGraph:
    """Keeps the rules of `GraphStore` that ingest relies on, in a few lines that can be checked by eye."""

    url = "dict:"

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Row]] = {}
        self.metadata: dict[str, str] = {}
        self.batches: list[tuple[str, int]] = []

    def create_schema(self, schema: GraphSchema) -> None:
        for name in (*(node.label for node in schema.nodes), *(edge.type for edge in schema.edges)):
            self.tables.setdefault(name, {})

    def upsert_nodes(self, node: NodeType, rows: pa.Table) -> UpsertCount:
        return self._upsert(node.name, "id", rows, lambda old, new: {**old, **_known(new)})

    def upsert_edges(self, edge: EdgeType, rows: pa.Table) -> UpsertCount:
        sources, targets = self.tables[edge.source], self.tables[edge.target]
        for row in rows.select(["source_id", "target_id"]).to_pylist():
            if row["source_id"] not in sources or row["target_id"] not in targets:
                raise SchemaError("dangling edge")
        return self._upsert(edge.name, "event_id", rows, lambda old, new: max(old, new, key=_precedence))

    def _upsert(self, name: str, key: str, rows: pa.Table, merge: Callable[[Row, Row], Row]) -> UpsertCount:
        table, inserted, updated = self.tables[name], 0, 0
        keys = rows[key].to_pylist()
        assert len(set(keys)) == len(keys), "keys within one table are unique"
        for row in rows.to_pylist():
            old = table.get(row[key])
            new = row if old is None else merge(old, row)
            inserted += old is None
            updated += old is not None and old != new
            table[row[key]] = new
        self.batches.append((name, len(keys)))
        return UpsertCount(inserted, updated, len(keys) - inserted - updated)

    def count(self, table: NodeType | EdgeType) -> int:
        return len(self.tables.get(table.name, {}))

    def read_metadata(self) -> dict[str, str]:
        return dict(self.metadata)

    def write_metadata(self, key: str, value: str) -> None:
        self.metadata[key] = value

    def delete_nodes(self, node: NodeType, ids: Sequence[str]) -> int:
        return sum(self.tables[node.name].pop(i, None) is not None for i in ids)

    def delete_edges(self, edge: EdgeType, event_ids: Sequence[str]) -> int:
        return sum(self.tables[edge.name].pop(i, None) is not None for i in event_ids)

    def read_nodes(self, node: NodeType, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        yield from pa.Table.from_pylist(list(self.tables[node.name].values())).to_batches()

    def read_edges(
        self, edge: EdgeType, columns: Sequence[str] | None = None, until: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        yield from pa.Table.from_pylist(list(self.tables[edge.name].values())).to_batches()

    def neighbourhood(
        self, node: NodeType, node_id: str, limit: int = 100, edges: Sequence[EdgeType] | None = None
    ) -> list[Neighbour]:
        raise SchemaError("a dictionary has no neighbourhoods")

    def target_ids(self, edge: EdgeType, source_id: str) -> list[str]:
        raise SchemaError("a dictionary has no neighbourhoods")

    def query(self, cypher: str, parameters: Mapping[str, object], limits: QueryLimits) -> pa.Table:
        raise SchemaError("a dictionary runs no Cypher")

    def close(self) -> None:
        pass


def _known(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def _precedence(row: Row) -> list[tuple[bool, Any]]:
    values = [row.get("at"), *(v for n, v in row.items() if not n.endswith("_embedding"))]
    return [(value is not None, value) for value in values]


@pytest.fixture
def graph() -> DictGraph:
    return DictGraph()


@pytest.fixture
def options(tmp_path: Path) -> IngestOptions:
    return IngestOptions(staging=tmp_path / "staging", quarantine=tmp_path / "quarantine", max_bad=1.0)


@pytest.fixture
def encoder() -> TextEncoder:
    """Four numbers out of the hash of a text; an empty text is the zero vector."""
    return hash_encoder("hash-4")


def hash_encoder(name: str) -> TextEncoder:
    def encode(texts: Sequence[str]) -> NDArray[np.float16]:
        rows = [list(hashlib.sha256(t.encode()).digest()[:4]) if t else [0] * 4 for t in texts]
        vectors = np.array(rows, np.float32).reshape(len(texts), 4)
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)
        return np.asarray(vectors / lengths, np.float16)

    return TextEncoder(name, 4, encode)


def review(number: int, **changes: object) -> Row:
    """A good review of the layout of 2014; equal numbers give equal reviews."""
    rng = random.Random(number)
    words = " ".join(rng.choice(["clear", "sturdy", "thin", "loud", "bright", "worn", "ünïque"]) for _ in range(20))
    row: Row = {
        "reviewerID": f"U{rng.randrange(50)}",
        "asin": f"P{rng.randrange(30)}",
        "reviewerName": "A Name",
        "helpful": [0, 1],
        "reviewText": f"{words} {number}",
        "overall": float(rng.randrange(1, 6)),
        "summary": f"summary {number}",
        "unixReviewTime": 1_300_000_000 + 86_400 * number,
        "reviewTime": "03 13, 2011",
    }
    return row | changes


def json_lines(rows: Sequence[object]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
