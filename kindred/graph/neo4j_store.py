"""GraphStore on a Neo4j server (5.23 or newer, Community or Enterprise).

How it keeps the protocol's rules:

* One call of an upsert is one managed transaction, in statements of a few thousand rows, so it is written whole or not
  at all, and the driver repeats it whole after a transient error. `CALL { … } IN TRANSACTIONS` would commit in
  the middle.
* The server holds a transaction in memory, so a call of more than `TRANSACTION_BYTES` is several. All its end points
  are checked first: a call that is refused wrote nothing. Only a kill can leave a part of such a call, which was
  never acknowledged, and which the same call completes.
* Keys are unique by constraint, so two loaders at once may fail but can't write an event twice.
* First the keys are looked up, then only what is missing is created; what is there is compared on the server. A first
  load sends each row once, and a replay reads nothing back but row numbers.
* Vectors are properties, float16 little endian bytes; `_KindredVector` nodes note their lengths, `_Kindred` nodes the
  metadata; neither belongs to a label of the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kindred.domain.errors import SchemaError
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import (
    KEY_COLUMNS,
    EdgeType,
    GraphSchema,
    NodeType,
    Property,
    arrow_schema,
    graph_schema,
)
from kindred.graph import neo4j_statements as cypher
from kindred.graph.neo4j_connection import Neo4jConnection
from kindred.graph.neo4j_query import run_read_only
from kindred.graph.neo4j_values import batch_of, parameters_of
from kindred.graph.rows import Table, fitted, full_name, key_of, takes_place, vector_lengths
from kindred.graph.store import Neighbour, QueryLimits, Scalar, UpsertCount

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

    from kindred.graph.open import GraphServer

AnyTable = TypeVar("AnyTable", NodeType, EdgeType)
UpsertSlice = Callable[["ManagedTransaction", AnyTable, pa.Table], UpsertCount]
IntArray = NDArray[np.int64]

TRANSACTION_BYTES = 16 << 20  # of Arrow data, 15,000 reviews with vectors: the server's heap needs ten times as much
STATEMENT_ROWS = 5_000  # rows a writing statement carries; more gain nothing
LIGHT_PAGE_ROWS = 25_000  # rows of short columns an answer carries: a few MB
HEAVY_PAGE_ROWS = 4_000  # rows with texts or vectors


class Neo4jStore:
    """A graph in a Neo4j database. See `GraphStore` for what each method guarantees.

    Args:
        url: of the server, e.g. `neo4j://localhost:7687`.
        server: user, password and database.
        retry_seconds: how long a transaction is tried again before StoreError.

    Raises:
        SettingsError: the driver is not installed, or the URL can't be used.
        StoreError: no server there, a wrong password, or a server that is too old.
    """

    def __init__(self, url: str, server: GraphServer, retry_seconds: float = 20.0) -> None:
        self.url = url
        self._connection = Neo4jConnection(url, server, retry_seconds)
        self._schema = graph_schema()

    def create_schema(self, schema: GraphSchema) -> None:
        self._schema = schema
        for statement in cypher.schema_statements(schema):
            self._connection.write(partial(_run, statement=statement, parameters={}))

    def upsert_nodes(self, node: NodeType, rows: pa.Table) -> UpsertCount:
        return self._upsert(_upsert_node_slice, node, fitted(node, rows))

    def upsert_edges(self, edge: EdgeType, rows: pa.Table) -> UpsertCount:
        rows = fitted(edge, rows)
        if rows.nbytes > TRANSACTION_BYTES:
            for part in _slices(rows.select(KEY_COLUMNS), STATEMENT_ROWS):
                self._connection.write(partial(_check_end_points, edge=edge, rows=part))
        return self._upsert(_upsert_edge_slice, edge, rows)

    def _upsert(self, upsert_slice: UpsertSlice[AnyTable], table: AnyTable, rows: pa.Table) -> UpsertCount:
        def work(transaction: ManagedTransaction, some: pa.Table) -> list[UpsertCount]:
            _note_vectors(transaction, table, some)
            return [upsert_slice(transaction, table, part) for part in _slices(some, STATEMENT_ROWS)]

        transaction_rows = max(1, len(rows) * TRANSACTION_BYTES // max(rows.nbytes, 1))
        counts = [UpsertCount(0, 0, 0)]
        for some in _slices(rows, transaction_rows):
            counts.extend(self._connection.write(partial(work, some=some)))
        return UpsertCount(*(sum(column) for column in zip(*map(astuple, counts), strict=True)))

    def delete_nodes(self, node: NodeType, ids: Sequence[str]) -> int:
        return self._delete(node, ids)

    def delete_edges(self, edge: EdgeType, event_ids: Sequence[str]) -> int:
        return self._delete(edge, event_ids)

    def _delete(self, table: Table, keys: Sequence[str]) -> int:
        statement = cypher.delete_rows(table)
        distinct = list(dict.fromkeys(keys))

        def work(transaction: ManagedTransaction) -> int:
            deleted = 0
            for start in range(0, len(distinct), STATEMENT_ROWS):
                part = {key_of(table): distinct[start : start + STATEMENT_ROWS]}
                deleted += _single(transaction, statement, part)
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
        """Batches by key, each after the last key of the one before, so that a write in between moves nothing."""
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
        """Arrow schema of the named columns, or of all; a vector that was never written has no column."""
        noted = self._connection.read(f"MATCH (x:{cypher.VECTORS}) RETURN x.name, x.length")
        lengths: dict[str, int] = dict(map(tuple, noted))
        fields = {field.name: field for field in arrow_schema(table)}
        for prop in table.properties:
            length = lengths.get(f"{full_name(table)}.{prop.name}")
            if prop.kind is PropertyKind.VECTOR and length is not None:
                fields[prop.name] = pa.field(prop.name, pa.list_(pa.float16(), length))
        declared = [prop.name for prop in table.properties]
        if unknown := [name for name in columns or () if name not in declared]:
            raise SchemaError(
                f"{table.name} has no property {unknown[0]!r}", f"its properties are {', '.join(declared)}"
            )
        return pa.schema([fields[name] for name in (declared if columns is None else columns) if name in fields])

    def neighbourhood(
        self, node: NodeType, node_id: str, limit: int = 100, edges: Sequence[EdgeType] | None = None
    ) -> list[Neighbour]:
        followed = self._schema.edges if edges is None else edges
        here = [edge for edge in followed if node.label in (edge.source, edge.target)]
        if not here:
            return []
        light = [_light_properties(edge) for edge in here]
        found = self._connection.read(cypher.neighbours(node, here, light), {"id": node_id, "limit": limit})
        return [_neighbour(here[row[0]], light[row[0]], row) for row in found]

    def query(self, cypher: str, parameters: Mapping[str, object], limits: QueryLimits) -> pa.Table:
        return run_read_only(self._connection, cypher, parameters, limits)

    def read_metadata(self) -> dict[str, str]:
        return dict(map(tuple, self._connection.read(f"MATCH (x:{cypher.METADATA}) RETURN x.key, x.value")))

    def write_metadata(self, key: str, value: str) -> None:
        statement = f"MERGE (x:{cypher.METADATA} {{key: $key}}) SET x.value = $value"
        self._connection.write(partial(_run, statement=statement, parameters={"key": key, "value": value}))

    def close(self) -> None:
        self._connection.close()


def _upsert_node_slice(transaction: ManagedTransaction, node: NodeType, rows: pa.Table) -> UpsertCount:
    known = _known(transaction, node, rows)
    updated = 0
    if len(known) and cypher.stored_columns(node, rows.schema.names):
        columns = parameters_of(rows.take(known))
        updated = _single(transaction, cypher.update_nodes(node, rows.schema.names), columns)
    new = rows.take(_others(known, len(rows)))
    if len(new):
        transaction.run(cypher.create_nodes(node, new.schema.names), c=parameters_of(new)).consume()
    return UpsertCount(len(new), updated, len(known) - updated)


def _upsert_edge_slice(transaction: ManagedTransaction, edge: EdgeType, rows: pa.Table) -> UpsertCount:
    known = _known(transaction, edge, rows)
    replacing = rows.slice(0, 0)
    if len(known):
        there = rows.take(known)
        differing = _single(transaction, cypher.differing_edges(edge, rows.schema.names), parameters_of(there))
        replacing = _newer(transaction, edge, there.take(np.array(differing, np.int64)))
        keys = {"event_id": replacing["event_id"].to_pylist()}
        if len(replacing):
            _single(transaction, cypher.delete_rows(edge), keys)
    new = rows.take(_others(known, len(rows)))
    _create_edges(transaction, edge, pa.concat_tables([new, replacing]))
    return UpsertCount(len(new), len(replacing), len(known) - len(replacing))


def _newer(transaction: ManagedTransaction, edge: EdgeType, rows: pa.Table) -> pa.Table:
    """Those of the rows that take the place of the stored edge with their key."""
    if not len(rows):
        return rows
    _check_end_points(transaction, edge, rows)
    keys = {"event_id": rows["event_id"].to_pylist()}
    lists = transaction.run(cypher.rows_by_key(edge, rows.schema.names), c=keys).single(strict=True)
    stored = pa.table(batch_of(list(lists), rows.schema))
    stored = stored.take(pc.index_in(rows["event_id"], stored["event_id"].combine_chunks()))
    return rows.filter(pa.array(takes_place(edge, rows, stored)))


def _create_edges(transaction: ManagedTransaction, edge: EdgeType, rows: pa.Table) -> None:
    if len(rows):
        created = _single(transaction, cypher.create_edges(edge, rows.schema.names), parameters_of(rows))
        if created < len(rows):
            _check_end_points(transaction, edge, rows)


def _check_end_points(transaction: ManagedTransaction, edge: EdgeType, rows: pa.Table) -> None:
    """Raises SchemaError, which undoes the whole batch, where an end point is missing."""
    keys = parameters_of(rows.select(KEY_COLUMNS))
    missing = _others(np.array(_single(transaction, cypher.joined_rows(edge), keys), np.int64), len(rows))
    if len(missing):
        first = rows.slice(int(missing[0]), 1).select(KEY_COLUMNS).to_pylist()[0]
        raise SchemaError(
            f"{len(missing)} {edge.type} edges join nodes that are not there, e.g. {edge.source} "
            f"{first['source_id']!r} to {edge.target} {first['target_id']!r}",
            "write the nodes first",
        )


def _known(transaction: ManagedTransaction, table: Table, rows: pa.Table) -> IntArray:
    key = key_of(table)
    known = _single(transaction, cypher.known_rows(table), {key: rows[key].to_pylist()})
    return np.sort(np.array(known, np.int64))


def _others(rows: IntArray, total: int) -> IntArray:
    return np.setdiff1d(np.arange(total), rows)


def _run(transaction: ManagedTransaction, statement: str, parameters: Mapping[str, object]) -> None:
    transaction.run(statement, dict(parameters)).consume()


def _single(transaction: ManagedTransaction, statement: str, columns: Mapping[str, list[Any]]) -> Any:
    """The one value that the statement answers for the rows in `columns`."""
    return transaction.run(statement, c=columns).single(strict=True)[0]


def _note_vectors(transaction: ManagedTransaction, table: Table, rows: pa.Table) -> None:
    """Notes the length of each vector column. Raises SchemaError where vectors of another length are there."""
    for name, length in vector_lengths(rows).items():
        statement = f"MERGE (x:{cypher.VECTORS} {{name: $name}}) ON CREATE SET x.length = $length RETURN x.length"
        parameters = {"name": f"{full_name(table)}.{name}", "length": length}
        noted = transaction.run(statement, parameters).single(strict=True)[0]
        if noted != length:
            raise SchemaError(
                f"{table.name}.{name} holds vectors of length {noted}, got {length}",
                "encode with the encoder that the graph was made with, or build the graph anew",
            )


def _slices(rows: pa.Table, size: int) -> Iterator[pa.Table]:
    for start in range(0, len(rows), size):
        yield rows.slice(start, size)


def _is_heavy(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_large_string(kind))


def _light_properties(edge: EdgeType) -> list[Property]:
    return [prop for prop in edge.properties if prop.kind is not PropertyKind.VECTOR and prop.name not in KEY_COLUMNS]


def _neighbour(edge: EdgeType, light: Sequence[Property], row: Sequence[Any]) -> Neighbour:
    _, outgoing, node_id, values = row
    properties: dict[str, Scalar] = {prop.name: value for prop, value in zip(light, values, strict=True)}
    return Neighbour(edge, outgoing, edge.target if outgoing else edge.source, node_id, properties)
