"""GraphStore: all that Kindred asks of a graph database. Arrow in, Arrow out.

Rules that every implementation keeps (tests/graph/test_contract.py):

* An upserted node keeps the properties that the new row leaves null (null is unknown, not empty); others are replaced.
* An edge's `event_id` is unique within its edge type. Upserting an edge that is there, with equal content, changes
  nothing and counts as `unchanged`; with other content, the row with the later `at` (then the greater content) stays.
* Edges whose end points are missing are refused as a whole batch: SchemaError, nothing written.
* A batch is written whole or not at all, and an acknowledged batch survives a kill.
* Rows come back in no particular order.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pyarrow as pa

from kindred.domain.errors import StoreError
from kindred.domain.schema import EdgeType, GraphSchema, NodeType, Table

Scalar = str | int | float | bool | None


class RefusedError(StoreError):
    """A graph server does not let this user in; who goes on asking may lock the user out for everybody."""


class LockedError(StoreError):
    """Another process has the graph."""


class UnfinishedError(StoreError):
    """A graph that can't be opened for reading before it was opened for writing once."""


@dataclass(frozen=True)
class UpsertCount:
    """What an upsert did, in rows; the three add up to the rows given."""

    inserted: int
    updated: int
    unchanged: int


@dataclass(frozen=True)
class QueryLimits:
    """Bounds of a user's own query: rows returned, seconds spent, and memory of the process that runs it.

    A store that is asked in this process keeps to the rows, and to the seconds as well as its engine can;
    `kindred.graph.bounded` keeps to all three.
    """

    rows: int = 1_000
    seconds: float = 30.0
    memory_bytes: int = 2 << 30


@dataclass(frozen=True)
class Neighbour:
    """One edge at a node, seen from that node, with the properties of the edge (vectors left out)."""

    edge: EdgeType
    outgoing: bool
    node_label: str
    node_id: str
    properties: Mapping[str, Scalar]


AnyStore = TypeVar("AnyStore", bound="GraphStore")


class GraphStore(Protocol):
    """A property graph. Raises StoreError where the engine fails, SchemaError where the data does not fit."""

    url: str

    @property
    def state(self) -> Hashable | None:
        """Another one whenever the graph holds something else; None where nothing tells, as while it is written."""

    def create_schema(self, schema: GraphSchema) -> None:
        """Tables, keys and constraints of every label and edge type; what exists stays as it is."""

    def upsert_nodes(self, node: NodeType, rows: pa.Table) -> UpsertCount:
        """Nodes by `id`; ids within one table are unique. Vector columns are `list<float16>[n]`, and may be absent."""

    def upsert_edges(self, edge: EdgeType, rows: pa.Table) -> UpsertCount:
        """Edges by `event_id`; keys within one table are unique."""

    def delete_nodes(self, node: NodeType, ids: Sequence[str]) -> int:
        """Deletes nodes and their edges; the number of nodes that were there."""

    def delete_edges(self, edge: EdgeType, event_ids: Sequence[str]) -> int:
        """Deletes edges; the number that were there."""

    def count(self, table: Table) -> int:
        """Rows of one node or edge table."""

    def read_nodes(self, node: NodeType, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Nodes, streamed; all columns unless named (vectors that were never written are absent)."""

    def read_edges(
        self, edge: EdgeType, columns: Sequence[str] | None = None, until: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Edges, streamed.

        `until`: events with `at` ≤ until only (seconds UTC); those of unknown time, and edges that have none, always.
        """

    def neighbourhood(
        self, node: NodeType, node_id: str, limit: int = 100, edges: Sequence[EdgeType] | None = None
    ) -> list[Neighbour]:
        """Edges at one node, newest first, at most `limit` a type and direction; of every type unless named."""

    def edges_of(
        self, edge: EdgeType, source_id: str, columns: Sequence[str] | None = None, until: int | None = None
    ) -> pa.Table:
        """The edges of one type that leave a node, as `read_edges` gives them, texts and vectors too."""

    def target_ids(self, edge: EdgeType, source_id: str) -> list[str]:
        """Ids that a node's edges of one type lead to, one an edge; quicker than a neighbourhood where that is all."""

    def query(self, cypher: str, parameters: Mapping[str, object], limits: QueryLimits) -> pa.Table:
        """Runs read-only Cypher. Raises SchemaError where it would write, does not parse or takes too long."""

    def read_metadata(self) -> dict[str, str]:
        """What was noted about the graph itself, e.g. the encoder of its vectors."""

    def write_metadata(self, key: str, value: str) -> None:
        """Notes one thing about the graph itself."""

    def close(self) -> None:
        """Frees files, locks and connections; the store can't be used after."""


def with_schema(store: AnyStore, schema: GraphSchema) -> AnyStore:
    """The store, every table of the schema there; closed again where that fails."""
    try:
        store.create_schema(schema)
    except BaseException:
        store.close()
        raise
    return store
