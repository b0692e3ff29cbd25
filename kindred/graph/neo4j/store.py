"""GraphStore on a Neo4j server (5.23 or newer, Community or Enterprise).

How it keeps the protocol's rules:

* An upsert is one managed transaction, or a few where it is big (`upsert.py`).
* Keys are unique by constraint, so two loaders at once may fail but can't write an event twice.
* Vectors are properties, float16 little endian bytes; `_KindredVector` nodes note their lengths, `_Kindred` nodes the
  metadata; neither belongs to a label of the schema.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kindred.domain.schema import (
    EdgeType,
    GraphSchema,
    NodeType,
    Property,
    Table,
    graph_schema,
)
from kindred.graph.neo4j import statements as cypher
from kindred.graph.neo4j import upsert
from kindred.graph.neo4j.connection import Neo4jConnection
from kindred.graph.neo4j.query import run_read_only
from kindred.graph.neo4j.values import batch_of
from kindred.graph.rows import fitted, full_name, key_of, stored_schema, told_of_neighbours, up_to
from kindred.graph.store import Neighbour, QueryLimits, Scalar, UpsertCount

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

    from kindred.graph.server import GraphServer

LIGHT_PAGE_ROWS = 25_000  # rows of short columns an answer carries: a few MB
HEAVY_PAGE_ROWS = 4_000  # rows with texts or vectors
DELETED_ROWS = 5_000  # keys a deleting statement carries


class Neo4jStore:
    """A graph in a Neo4j database. See `GraphStore` for what each method guarantees.

    Args:
        url: of the server, e.g. `neo4j://localhost:7687`.
        server: user, password and database, and how long a transaction is tried again before StoreError.

    Raises:
        SettingsError: the driver is not installed, or the URL can't be used.
        StoreError: no server there, a wrong password, or a server that is too old.
    """

    def __init__(self, url: str, server: GraphServer) -> None:
        self.url = url
        self._connection = Neo4jConnection(url, server)
        self._schema = graph_schema()
        self._constrained: frozenset[str] = frozenset()  # full names of tables whose keys the server keeps unique

    @property
    def state(self) -> Hashable | None:
        return None

    def create_schema(self, schema: GraphSchema) -> None:
        self._schema = schema
        self._constrained = frozenset()
        there = {row[0] for row in self._connection.read(cypher.SCHEMA_NAMES)}
        for statement in cypher.schema_statements(schema, there):
            self._connection.write(partial(_run, statement=statement, parameters={}))
        self._connection.read(cypher.AWAIT_INDEXES)
        self._constrained = frozenset(map(full_name, cypher.constrained_tables(schema)))

    def upsert_nodes(self, node: NodeType, rows: pa.Table) -> UpsertCount:
        return upsert.upsert_nodes(self._connection, node, fitted(node, rows), full_name(node) in self._constrained)

    def upsert_edges(self, edge: EdgeType, rows: pa.Table) -> UpsertCount:
        return upsert.upsert_edges(self._connection, edge, fitted(edge, rows), full_name(edge) in self._constrained)

    def delete_nodes(self, node: NodeType, ids: Sequence[str]) -> int:
        return self._delete(node, ids)

    def delete_edges(self, edge: EdgeType, event_ids: Sequence[str]) -> int:
        return self._delete(edge, event_ids)

    def _delete(self, table: Table, keys: Sequence[str]) -> int:
        statement = cypher.delete_rows(table)
        distinct = list(dict.fromkeys(keys))

        def work(transaction: ManagedTransaction) -> int:
            deleted = 0
            for start in range(0, len(distinct), DELETED_ROWS):
                part = {key_of(table): distinct[start : start + DELETED_ROWS]}
                deleted += upsert.single(transaction, statement, part)
            return deleted

        return self._connection.write(work)

    def count(self, table: Table) -> int:
        return int(self._connection.read(cypher.count_rows(table))[0][0])

    def read_nodes(self, node: NodeType, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        return self._pages(node, columns, None)

    def read_edges(
        self, edge: EdgeType, columns: Sequence[str] | None = None, until: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        return self._pages(edge, columns, until if edge.is_event else None)

    def _pages(self, table: Table, columns: Sequence[str] | None, until: int | None) -> Iterator[pa.RecordBatch]:
        """Batches by key, each after the last key of the one before, so that a write in between moves nothing.

        A label or type without rows is not asked for any: to plan that takes the server longer than to look at a count.
        """
        if not self._connection.read(cypher.count_named(table))[0][0]:
            return
        schema = self._stored_schema(table, columns)
        statement = cypher.page(table, schema.names, until is not None)
        size = HEAVY_PAGE_ROWS if any(_is_heavy(field.type) for field in schema) else LIGHT_PAGE_ROWS
        after: object = ""
        while True:
            (answer,) = self._connection.read(statement, {"after": after, "size": size, "until": until})
            after, *lists = answer
            if after is None:
                return
            batch = batch_of(lists, schema)
            yield batch
            if len(batch) < size:
                return

    def _stored_schema(self, table: Table, columns: Sequence[str] | None) -> pa.Schema:
        """`stored_schema` of what is noted of the table's vectors."""
        noted = self._connection.read(f"MATCH (x:{cypher.VECTORS}) RETURN x.name, x.length")
        named = {tuple(name.rsplit(".", 1)): length for name, length in noted}
        lengths = {name: length for (of, name), length in named.items() if of == full_name(table)}
        return stored_schema(table, lengths, columns)

    def neighbourhood(
        self, node: NodeType, node_id: str, limit: int = 100, edges: Sequence[EdgeType] | None = None
    ) -> list[Neighbour]:
        followed = self._schema.edges if edges is None else edges
        here = [edge for edge in followed if node.label in (edge.source, edge.target)]
        if not here:
            return []
        light = [told_of_neighbours(edge) for edge in here]
        found = self._connection.read(cypher.neighbours(node, here, light), {"id": node_id, "limit": limit})
        return [_neighbour(here[row[0]], light[row[0]], row) for row in found]

    def edges_of(
        self, edge: EdgeType, source_id: str, columns: Sequence[str] | None = None, until: int | None = None
    ) -> pa.Table:
        names = None if columns is None else [*dict.fromkeys([*columns, *(["at"] if edge.is_event else [])])]
        schema = self._stored_schema(edge, names)
        answer = self._connection.read(cypher.edges_of_source(edge, schema.names), {"id": source_id})
        batches = [batch_of(list(lists), schema) for lists in answer]
        rows = up_to(edge, pa.Table.from_batches(batches, schema), until)
        return rows if columns is None else rows.select([name for name in columns if name in rows.schema.names])

    def target_ids(self, edge: EdgeType, source_id: str) -> list[str]:
        return [row[0] for row in self._connection.read(cypher.target_ids(edge), {"id": source_id})]

    def query(self, cypher: str, parameters: Mapping[str, object], limits: QueryLimits) -> pa.Table:
        return run_read_only(self._connection, cypher, parameters, limits)

    def read_metadata(self) -> dict[str, str]:
        return dict(map(tuple, self._connection.read(f"MATCH (x:{cypher.METADATA}) RETURN x.key, x.value")))

    def write_metadata(self, key: str, value: str) -> None:
        statement = f"MERGE (x:{cypher.METADATA} {{key: $key}}) SET x.value = $value"
        self._connection.write(partial(_run, statement=statement, parameters={"key": key, "value": value}))

    def close(self) -> None:
        self._connection.close()


def _run(transaction: ManagedTransaction, statement: str, parameters: Mapping[str, object]) -> None:
    transaction.run(statement, dict(parameters)).consume()


def _is_heavy(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_large_string(kind))


def _neighbour(edge: EdgeType, light: Sequence[Property], row: Sequence[Any]) -> Neighbour:
    _, outgoing, node_id, values = row
    properties: dict[str, Scalar] = {prop.name: value for prop, value in zip(light, values, strict=True)}
    return Neighbour(edge, outgoing, edge.target if outgoing else edge.source, node_id, properties)
