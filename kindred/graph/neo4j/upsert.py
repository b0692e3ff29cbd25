"""What an upsert sends to Neo4j, so that a new row costs little more than its creation.

* One call is one managed transaction, so it is written whole or not at all, and the driver repeats it whole after a
  transient error. `CALL { … } IN TRANSACTIONS` would commit in the middle.
* The server holds a transaction in memory, so a call of more than `TRANSACTION_BYTES` is several. All its end points
  are checked first: a call that is refused wrote nothing. Only a kill can leave a part of such a call, which was
  never acknowledged, and which the same call completes.
* Rows that seem new, because a few keys among them are, are created at once: the constraint finds the one that is
  there, and then the transaction is done again with care. With care means that all keys are looked up, what is missing
  is created, and what is there is compared on the server: a replay reads nothing back but row numbers.
* The end points of a statement are looked up once each, not once an edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kindred.domain.errors import SchemaError
from kindred.domain.interactions import IntArray
from kindred.domain.schema import KEY_COLUMNS, EdgeType, NodeType, Table
from kindred.graph.neo4j import statements as cypher
from kindred.graph.neo4j.connection import KeyTakenError, Neo4jConnection
from kindred.graph.neo4j.values import batch_of, parameters_of
from kindred.graph.rows import full_name, key_of, takes_place, vector_lengths
from kindred.graph.store import UpsertCount

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

UpsertSlice = Callable[["ManagedTransaction", pa.Table, bool], UpsertCount]

TRANSACTION_BYTES = 16 << 20  # of Arrow data, 15,000 reviews with vectors: the server's heap needs ten times as much
STATEMENT_ROWS = 20_000  # with four times fewer an edge costs the server a third more, for its end points
PROBED_ROWS = 100


def upsert_nodes(connection: Neo4jConnection, node: NodeType, rows: pa.Table, constrained: bool) -> UpsertCount:
    """What became of the rows, which fit the table; `constrained`: the server keeps its keys unique."""
    return _upsert(connection, partial(_upsert_slice_of_nodes, node), node, rows, constrained)


def upsert_edges(connection: Neo4jConnection, edge: EdgeType, rows: pa.Table, constrained: bool) -> UpsertCount:
    """The same for edges.

    Raises:
        SchemaError: an end point is missing; nothing was written.
    """
    if rows.nbytes > TRANSACTION_BYTES:
        connection.write(partial(_check_end_points, edge=edge, rows=rows))
    return _upsert(connection, partial(_upsert_slice_of_edges, edge), edge, rows, constrained)


def _upsert(
    connection: Neo4jConnection, upsert_slice: UpsertSlice, table: Table, rows: pa.Table, constrained: bool
) -> UpsertCount:
    def work(transaction: ManagedTransaction, some: pa.Table, trusting: bool) -> list[UpsertCount]:
        _note_vectors(transaction, table, some)
        seem_new = trusting and _seem_new(transaction, table, some)
        return [upsert_slice(transaction, part, seem_new) for part in slices(some, STATEMENT_ROWS)]

    counts = [UpsertCount(0, 0, 0)]
    for some in slices(rows, max(1, len(rows) * TRANSACTION_BYTES // max(rows.nbytes, 1))):
        try:
            counts += connection.write(partial(work, some=some, trusting=constrained and len(some) > PROBED_ROWS))
        except KeyTakenError:
            counts += connection.write(partial(work, some=some, trusting=False))
    return UpsertCount(*(sum(column) for column in zip(*map(astuple, counts), strict=True)))


def _seem_new(transaction: ManagedTransaction, table: Table, rows: pa.Table) -> bool:
    """Whether none of some rows, spread over all, is there."""
    probed = np.linspace(0, len(rows) - 1, PROBED_ROWS).astype(np.int64)
    return not len(_known(transaction, table, rows.take(probed)))


def _upsert_slice_of_nodes(
    node: NodeType, transaction: ManagedTransaction, rows: pa.Table, seem_new: bool
) -> UpsertCount:
    known = _known(transaction, node, rows) if not seem_new else np.empty(0, np.int64)
    updated = 0
    if len(known) and cypher.stored_columns(node, rows.schema.names):
        columns = parameters_of(rows.take(known))
        updated = single(transaction, cypher.update_nodes(node, rows.schema.names), columns)
    new = _all_but(known, rows)
    if len(new):
        transaction.run(cypher.create_nodes(node, new.schema.names), c=parameters_of(new)).consume()
    return UpsertCount(len(new), updated, len(known) - updated)


def _upsert_slice_of_edges(
    edge: EdgeType, transaction: ManagedTransaction, rows: pa.Table, seem_new: bool
) -> UpsertCount:
    known = _known(transaction, edge, rows) if not seem_new else np.empty(0, np.int64)
    replacing = rows.slice(0, 0)
    if len(known):
        there = rows.take(known)
        differing = single(transaction, cypher.differing_edges(edge, rows.schema.names), parameters_of(there))
        replacing = _newer(transaction, edge, there.take(np.array(differing, np.int64)))
        keys = {"event_id": replacing["event_id"].to_pylist()}
        if len(replacing):
            single(transaction, cypher.delete_rows(edge), keys)
    new = _all_but(known, rows)
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
    if not len(rows):
        return
    columns = parameters_of(rows.drop_columns(["source_id", "target_id"]))
    sources, columns["source_id"] = _numbered(rows["source_id"])
    targets, columns["target_id"] = _numbered(rows["target_id"])
    statement = cypher.create_edges(edge, rows.schema.names)
    created = transaction.run(statement, c=columns, sources=sources, targets=targets).single(strict=True)[0]
    if created < len(rows):
        _check_end_points(transaction, edge, rows)


def _numbered(ids: pa.ChunkedArray) -> tuple[list[str], list[int]]:
    """The distinct ids, and for each row which of them it has."""
    numbered = ids.combine_chunks().dictionary_encode()
    return numbered.dictionary.to_pylist(), numbered.indices.to_pylist()


def _check_end_points(transaction: ManagedTransaction, edge: EdgeType, rows: pa.Table) -> None:
    """Raises SchemaError, which undoes the whole batch, where an end point is missing."""
    ends = (("source_id", edge.source), ("target_id", edge.target))
    there = [pc.is_in(rows[column], value_set=_nodes_there(transaction, label, rows[column])) for column, label in ends]
    missing = rows.select(KEY_COLUMNS).filter(pc.invert(pc.and_(*there)))
    if len(missing):
        first = missing.slice(0, 1).to_pylist()[0]
        raise SchemaError(
            f"{len(missing)} {edge.type} edges join nodes that are not there, e.g. {edge.source} "
            f"{first['source_id']!r} to {edge.target} {first['target_id']!r}",
            "write the nodes first",
        )


def _nodes_there(transaction: ManagedTransaction, label: str, ids: pa.ChunkedArray) -> pa.Array:
    """Those of the ids that nodes of that label have."""
    distinct = pa.table({"id": ids.unique()})
    node = NodeType(label, ())
    there = [part["id"].take(_known(transaction, node, part)) for part in slices(distinct, STATEMENT_ROWS)]
    return pa.chunked_array([chunk for ids in there for chunk in ids.chunks], pa.string()).combine_chunks()


def _known(transaction: ManagedTransaction, table: Table, rows: pa.Table) -> IntArray:
    """Which of the rows are there, by their keys."""
    key = key_of(table)
    known = single(transaction, cypher.known_rows(table), {key: rows[key].to_pylist()})
    return np.sort(np.array(known, np.int64))


def _all_but(positions: IntArray, rows: pa.Table) -> pa.Table:
    return rows.take(np.setdiff1d(np.arange(len(rows)), positions)) if len(positions) else rows


def single(transaction: ManagedTransaction, statement: str, columns: Mapping[str, list[Any]]) -> Any:
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


def slices(rows: pa.Table, size: int) -> Iterator[pa.Table]:
    """The rows in parts of at most that many."""
    for start in range(0, len(rows), size):
        yield rows.slice(start, size)
