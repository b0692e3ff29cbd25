"""GraphStore on the embedded engine: a folder, no server.

    FOLDER/graph.lbug       the engine's database: nodes, edges and their short properties
    FOLDER/columns/TABLE/   long texts and vectors, by row number (`columns.py`); not visible to Cypher
    FOLDER/pending/         edges of a load under way (`pending.py`)
    FOLDER/journal          small writes that the database file may not hold yet (`journal.py`)
    FOLDER/seal.json        sizes and checksums of all this as the last writer left it (`seal.py`)
    FOLDER/metadata.json    notes about the graph
    FOLDER/lock             who writes

A batch exists from its record in the journal on, or from its file in `pending/`, or from a checkpoint of the engine:
its texts and vectors are on disk before, and no reader finds them without the light row. The own log of the engine is
trusted with nothing. One process writes at a time; calls from several threads are taken one by one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from kindred.domain import arrow_compute as pc
from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.interactions import BoolArray
from kindred.domain.schema import EdgeType, GraphSchema, NodeType, Table, graph_schema
from kindred.graph.answers import answer_table
from kindred.graph.cypher import check_aggregates, check_parameters, check_read_only
from kindred.graph.ladybug import statements
from kindred.graph.ladybug import tables as embedded_tables
from kindred.graph.ladybug.engine import OPEN_ONCE, FolderLock
from kindred.graph.ladybug.journal import Change, Verb
from kindred.graph.ladybug.notes import read_notes, write_notes
from kindred.graph.ladybug.pending import PendingEdges
from kindred.graph.ladybug.recovery import DATABASE, open_engine
from kindred.graph.ladybug.seal import begin_writing, check_seal, seal, seal_state
from kindred.graph.ladybug.statements import engine_columns
from kindred.graph.ladybug.tables import Tables
from kindred.graph.rows import filled_nodes, fitted, key_of, newer_edges, told_of_neighbours, vector_lengths
from kindred.graph.store import Neighbour, QueryLimits, UnfinishedError, UpsertCount

PENDING_ROWS = 2_000_000  # of one edge type, in memory as well: 0.3 GB


class EmbeddedGraph:
    """A graph in a folder of its own. See `GraphStore` for what each method guarantees.

    Cypher sees what the engine holds: of a node's texts the first 1,000 characters, of an edge's texts and of vectors
    nothing. Texts and vectors of what was replaced or deleted stay on disk until the graph is built anew.

    Args:
        folder: made where it is missing.
        read_only: opens beside other readers, and refuses to write.

    Raises:
        SettingsError: the engine has another version than the one that was verified.
        StoreError: another process has the folder, or it is damaged or of another format.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.url = f"ladybug:{folder}"
        self._folder = folder
        self._read_only = read_only
        self._schema = graph_schema()
        self._mutex = threading.RLock()
        _prepare(folder, read_only)
        self._lock = FolderLock(folder, shared=read_only)
        try:
            self._schema_key = check_seal(folder, read_only=read_only)
            self._state = seal_state(folder) if read_only else None
            self._notes = read_notes(folder)
            self._pending = PendingEdges(folder / "pending")
            if self._pending and read_only:
                raise UnfinishedError(f"a load into the graph in {folder} was interrupted", OPEN_ONCE)
            if not read_only:
                begin_writing(folder)
            engine = open_engine(folder, read_only=read_only)
        except BaseException:
            self._lock.close()
            raise
        self._open_tables: Tables | None = Tables(engine, folder, writable=not read_only)
        try:
            if not read_only:
                self._open_tables.recover()
                self._adopt_pending()
        except BaseException:
            self._release()
            raise

    @property
    def state(self) -> Hashable | None:
        return self._state

    def create_schema(self, schema: GraphSchema) -> None:
        with self._mutex:
            self._schema, key = schema, statements.schema_key(schema)
            if key != self._schema_key:
                self._define(schema)
                self._schema_key = key
            self._tables.schema_changed()

    def _define(self, schema: GraphSchema) -> None:
        """Makes or extends the tables that the schema asks for."""
        columns, pairs = self._tables.engine.catalog()
        changes = statements.schema_statements(schema, columns, pairs)
        if changes and self._read_only:
            raise UnfinishedError(
                f"the graph in {self._folder} was opened read-only, and has an older schema", OPEN_ONCE
            )
        if changes:
            self._settle()
            self._tables.define(changes)

    def upsert_nodes(self, node: NodeType, rows: pa.Table) -> UpsertCount:
        rows = fitted(node, rows)
        with self._mutex:
            tables = self._writable_tables()
            tables.beside(node).check_lengths(node.name, vector_lengths(rows))
            there, stored = tables.known(node, rows)
            new, known = _split(rows, there)
            changed = filled_nodes(known, stored)
            new_light, changed_light = tables.write_beside(node, new), tables.write_beside(node, changed)
            if len(new) or len(changed):
                tables.write([Change(Verb.UPDATE, node, changed_light), Change(Verb.INSERT, node, new_light)])
            return UpsertCount(len(new), len(changed), len(known) - len(changed))

    def upsert_edges(self, edge: EdgeType, rows: pa.Table) -> UpsertCount:
        rows = fitted(edge, rows)
        with self._mutex:
            tables = self._writable_tables()
            tables.beside(edge).check_lengths(edge.name, vector_lengths(rows))
            self._settle_if_known(edge, rows["event_id"])
            there, stored = tables.known(edge, rows)
            new, known = _split(rows, there)
            replacing = newer_edges(edge, known, stored)
            writing = pa.concat_tables([new, replacing]) if len(replacing) else new
            if len(writing):
                self._check_end_points(edge, writing)
                self._write_edges(edge, tables.write_beside(edge, writing), replacing["event_id"])
            return UpsertCount(len(new), len(replacing), len(known) - len(replacing))

    def _write_edges(self, edge: EdgeType, light: pa.Table, replaced: pa.ChunkedArray) -> None:
        is_bulk = len(light) >= embedded_tables.BULK_ROWS or self._pending.num_rows(edge) > 0
        if is_bulk and not len(replaced):
            self._pending.add(edge, light)
            if self._pending.num_rows(edge) >= PENDING_ROWS:
                self._settle()
            return
        self._settle()
        going = pa.table({"event_id": replaced})
        self._tables.write([Change(Verb.DELETE, edge, going), Change(Verb.INSERT, edge, light)])

    def _check_end_points(self, edge: EdgeType, rows: pa.Table) -> None:
        for column, label in (("source_id", edge.source), ("target_id", edge.target)):
            missing = self._tables.missing_nodes(label, rows[column].unique())
            if len(missing):
                raise SchemaError(
                    f"{len(missing)} {label} nodes that {edge.type} edges join are not there, e.g. {missing[0]!s}",
                    "write the nodes first",
                )

    def _settle_if_known(self, edge: EdgeType, keys: pa.ChunkedArray) -> None:
        """Settles where one of the keys waits: what it says is then compared with what the engine holds."""
        if (
            self._pending.num_rows(edge)
            and pc.any(pc.is_in(keys, value_set=self._pending.rows(edge)["event_id"])).as_py()
        ):
            self._settle()

    def _settle(self) -> None:
        """Moves all edges that wait into the engine."""
        for edge in self._pending.edges():
            self._tables.write([Change(Verb.INSERT, edge, self._pending.rows(edge))])
            self._pending.clear(edge)

    def _adopt_pending(self) -> None:
        """Takes over what a process that was killed left waiting, but not what it had moved to the engine already."""
        tables = self._tables
        for edge in self._pending.edges():
            waiting = self._pending.rows(edge)
            there = tables.all_rows(edge, ["event_id"])["event_id"]
            missing = waiting.filter(pc.invert(pc.is_in(waiting["event_id"], value_set=there)))
            tables.write([Change(Verb.INSERT, edge, missing)])
            self._pending.clear(edge)

    def delete_nodes(self, node: NodeType, ids: Sequence[str]) -> int:
        return self._delete(node, ids)

    def delete_edges(self, edge: EdgeType, event_ids: Sequence[str]) -> int:
        return self._delete(edge, event_ids)

    def _delete(self, table: Table, keys: Sequence[str]) -> int:
        wanted = pa.array(list(dict.fromkeys(keys)), pa.string())
        with self._mutex:
            tables = self._writable_tables()
            self._settle()
            there = tables.all_rows(table, [key_of(table)])[key_of(table)]
            found = there.filter(pc.is_in(there, value_set=wanted))
            if len(found):
                tables.write([Change(Verb.DELETE, table, pa.table({key_of(table): found}))])
            return len(found)

    def count(self, table: Table) -> int:
        with self._mutex:
            self._settle()
            return self._tables.count(table)

    def read_nodes(self, node: NodeType, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        with self._mutex:
            return self._tables.read(node, columns)

    def read_edges(
        self, edge: EdgeType, columns: Sequence[str] | None = None, until: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        with self._mutex:
            self._settle()
            if until is None or not edge.is_event:
                return self._tables.read(edge, columns)
            return self._tables.read(edge, columns, ["x.`at` IS NULL OR x.`at` <= $until"], {"until": until})

    def neighbourhood(
        self, node: NodeType, node_id: str, limit: int = 100, edges: Sequence[EdgeType] | None = None
    ) -> list[Neighbour]:
        found: list[Neighbour] = []
        with self._mutex:
            self._settle()
            for edge in self._schema.edges if edges is None else edges:
                for outgoing in _ways(edge, node):
                    found += self._neighbours(edge, outgoing, node_id, limit)
        return found

    def edges_of(
        self, edge: EdgeType, source_id: str, columns: Sequence[str] | None = None, until: int | None = None
    ) -> pa.Table:
        with self._mutex:
            self._settle()
            return self._tables.read_of_source(edge, columns, source_id, until)

    def target_ids(self, edge: EdgeType, source_id: str) -> list[str]:
        with self._mutex:
            self._settle()
            found = self._tables.engine.rows(statements.target_ids(edge), {"source": source_id})
        ids: list[str] = found["id"].to_pylist()
        return ids

    def _neighbours(self, edge: EdgeType, outgoing: bool, node_id: str, limit: int) -> list[Neighbour]:
        tables = self._tables
        statement = statements.neighbours(edge, list(engine_columns(edge)), outgoing)
        light = tables.engine.rows(statement, {"id": node_id, "limit": limit})
        if not len(light):
            return []
        shown = [prop.name for prop in told_of_neighbours(edge)]
        columns = tables.completed(edge, light, tables.schema(edge, shown)).to_pydict()
        label = edge.target if outgoing else edge.source
        return [
            Neighbour(edge, outgoing, label, other, {name: values[place] for name, values in columns.items()})
            for place, other in enumerate(light["_other"].to_pylist())
        ]

    def query(self, cypher: str, parameters: Mapping[str, object], limits: QueryLimits) -> pa.Table:
        check_read_only(cypher)
        check_aggregates(cypher)
        check_parameters(cypher, parameters)
        with self._mutex:
            self._settle()
            return answer_table(*self._tables.engine.answer(cypher, parameters, limits))

    def read_metadata(self) -> dict[str, str]:
        with self._mutex:
            return dict(self._notes)

    def write_metadata(self, key: str, value: str) -> None:
        with self._mutex:
            self._check_writable()
            notes = self._notes | {key: value}
            write_notes(self._folder, notes)
            self._notes = notes

    def close(self) -> None:
        with self._mutex:
            if self._open_tables is None:
                return
            try:
                self._settle()
                self._open_tables.checkpoint()
                self._open_tables.engine.close()
                self._open_tables = None
                if not self._read_only:
                    seal(self._folder, self._schema_key)
            finally:
                self._release()

    def _release(self) -> None:
        """Closes the engine and lets others have the folder."""
        if self._open_tables is not None:
            self._open_tables.engine.close()
            self._open_tables = None
        self._lock.close()

    @property
    def _tables(self) -> Tables:
        if self._open_tables is None:
            raise StoreError(f"the graph in {self._folder} was closed", "open it again")
        return self._open_tables

    def _writable_tables(self) -> Tables:
        self._check_writable()
        return self._tables

    def _check_writable(self) -> None:
        if self._read_only:
            raise StoreError(f"the graph in {self._folder} was opened read-only", "open it for writing")


def _split(rows: pa.Table, there: BoolArray) -> tuple[pa.Table, pa.Table]:
    """The rows that are new and those that are there; where all are the same, nothing is copied."""
    if there.all() or not there.any():
        new = 0 if there.any() else len(rows)
        return rows.slice(0, new), rows.slice(new)
    return rows.filter(pa.array(~there)), rows.filter(pa.array(there))


def _ways(edge: EdgeType, node: NodeType) -> list[bool]:
    """Directions, outgoing true, in which the edge leaves a node of that label."""
    return [outgoing for outgoing, label in ((True, edge.source), (False, edge.target)) if label == node.label]


def _prepare(folder: Path, read_only: bool) -> None:
    if read_only and not (folder / DATABASE).exists():
        raise UnfinishedError(f"no graph in {folder}", "run `kindred ingest` first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"can't make the graph folder {folder}: {error}", "set KINDRED_GRAPH_URL") from error
    right, done = (os.R_OK, "read") if read_only else (os.W_OK, "written")
    for path in (folder / DATABASE, folder / "journal"):  # before it is noted that a writer has begun
        if path.exists() and not os.access(path, right):
            raise StoreError(
                f"{path} can't be {done}: Permission denied", "mend its permissions; it need not be damaged"
            )
