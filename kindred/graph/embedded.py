"""GraphStore on the embedded engine: a folder, no server.

    FOLDER/graph.lbug       the engine's database: nodes, edges and their short properties
    FOLDER/columns/TABLE/   long texts and vectors, by row number (`columns.py`); not visible to Cypher
    FOLDER/metadata.json    notes about the graph
    FOLDER/lock             who writes

The engine's commit is the moment at which a batch exists: its texts and vectors are on disk before, and nobody finds
them without the light row. One process writes at a time; calls from several threads are taken one by one.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import KEY_COLUMNS, EdgeType, GraphSchema, NodeType, arrow_schema, graph_schema
from kindred.graph import embedded_statements as cypher
from kindred.graph.answers import answer_table
from kindred.graph.columns import NO_ROW, RowColumns, RowNumbers
from kindred.graph.cypher import check_read_only
from kindred.graph.embedded_engine import Engine, FolderLock
from kindred.graph.embedded_statements import ROW, Table, engine_columns
from kindred.graph.rows import differing, fitted, full_name, key_of, takes_place, vector_lengths
from kindred.graph.store import Neighbour, QueryLimits, UpsertCount

FORMAT = 1  # of the folder; another number is refused
BATCH_ROWS = 65_536
STATEMENT_ROWS = 5_000  # rows of one UNWIND
SCAN_KEYS = 5_000  # from so many keys on, reading all of them is faster than asking for each
BULK_ROWS = 2_000
BULK_SHARE = 8  # a bulk load rewrites the table: worth it when 1/8 of it is new


class EmbeddedGraph:
    """A graph in a folder of its own. See `GraphStore` for what each method guarantees.

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
        self._columns: dict[str, RowColumns] = {}
        self._mutex = threading.RLock()
        self._engine: Engine | None = None
        _prepare(folder, read_only)
        self._lock = FolderLock(folder, shared=read_only)
        try:
            self._notes = _read_notes(folder)
            self._engine = Engine(folder / "graph.lbug", read_only=read_only)
        except BaseException:
            self._lock.close()
            raise

    def create_schema(self, schema: GraphSchema) -> None:
        with self._mutex:
            self._schema = schema
            columns, pairs = self._catalog()
            statements = cypher.schema_statements(schema, columns, pairs)
            if statements:
                self._check_writable()
            for statement in statements:
                self._open.run(statement)

    def _catalog(self) -> tuple[dict[str, dict[str, str]], dict[str, set[tuple[str, str]]]]:
        """Engine types by column of each table, and the labels that each relationship table joins."""
        columns: dict[str, dict[str, str]] = {}
        pairs: dict[str, set[tuple[str, str]]] = {}
        for table in self._open.rows("CALL show_tables() RETURN name AS name, type AS type").to_pylist():
            name = table["name"]
            described = self._open.rows(f"CALL table_info('{name}') RETURN name AS name, type AS type").to_pylist()
            columns[name] = {column["name"]: column["type"] for column in described}
            if table["type"] == "REL":
                joins = self._open.rows(f"CALL show_connection('{name}') RETURN *").to_pylist()
                pairs[name] = {tuple(list(row.values())[:2]) for row in joins}
        return columns, pairs

    def upsert_nodes(self, node: NodeType, rows: pa.Table) -> UpsertCount:
        rows = fitted(node, rows)
        with self._mutex:
            self._check_writable()
            beside = self._beside(node)
            beside.check_lengths(node.name, vector_lengths(rows))
            stored = self._stored(node, rows["id"])
            places = _places(rows["id"], stored["id"])
            new = rows.filter(pa.array(places == NO_ROW)) if len(stored) else rows
            changed = _filled(rows.filter(pa.array(places != NO_ROW)), stored, places[places != NO_ROW])
            new_light, changed_light = self._write_beside(node, new), self._write_beside(node, changed)
            with self._open.transaction():
                self._run_rows(cypher.update_nodes(node), changed_light)
                self._insert(node, new_light)
            return UpsertCount(len(new), len(changed), len(rows) - len(new) - len(changed))

    def upsert_edges(self, edge: EdgeType, rows: pa.Table) -> UpsertCount:
        rows = fitted(edge, rows)
        with self._mutex:
            self._check_writable()
            self._beside(edge).check_lengths(edge.name, vector_lengths(rows))
            stored = self._stored(edge, rows["event_id"])
            places = _places(rows["event_id"], stored["event_id"])
            known = places != NO_ROW
            new = rows.filter(pa.array(~known)) if len(stored) else rows
            replacing = _newer(edge, rows.filter(pa.array(known)), stored, places[known])
            writing = pa.concat_tables([new, replacing]) if len(replacing) else new
            self._check_end_points(edge, writing)
            light = self._write_beside(edge, writing)
            with self._open.transaction():
                self._delete_keys(edge, replacing["event_id"])
                self._insert(edge, light)
            return UpsertCount(len(new), len(replacing), len(rows) - len(writing))

    def _stored(self, table: Table, keys: pa.ChunkedArray) -> pa.Table:
        """The rows that are there with one of the keys, texts and vectors among them, in no order."""
        key = key_of(table)
        names = [*(["source_id", "target_id"] if isinstance(table, EdgeType) else []), *engine_columns(table)]
        if len(keys) >= SCAN_KEYS:
            light = self._open.rows(cypher.read_rows(table, names)) if self.count(table) else None
            light = light.filter(pc.is_in(light[key], value_set=keys)) if light is not None else None
        else:
            light = self._open.rows(cypher.read_rows_by_key(table, names), {"keys": keys.to_pylist()})
        schema = self._stored_schema(table, None)
        if light is None or not len(light):
            return schema.empty_table()
        return pa.Table.from_batches([self._completed(table, light, schema)])

    def _write_beside(self, table: Table, rows: pa.Table) -> pa.Table:
        """Writes the texts and vectors of the rows to their columns; the light rows that the engine gets."""
        columns = engine_columns(table)
        if not len(rows):
            return rows
        names = [*(["source_id", "target_id"] if isinstance(table, EdgeType) else []), *columns]
        light = rows.select([name for name in names if name in rows.schema.names])
        if ROW in columns:
            beside = {p.name for p in table.properties if cypher.is_beside(p)}
            values = {name: rows[name] for name in rows.schema.names if name in beside}
            filled = {name: column for name, column in values.items() if column.null_count < len(column)}
            light = light.append_column(ROW, pa.array(self._beside(table).append(filled, len(rows))))
        return light

    def _insert(self, table: Table, light: pa.Table) -> None:
        """Adds rows that are not there yet."""
        if len(light) >= max(BULK_ROWS, self.count(table) // BULK_SHARE):
            self._open.copy(table, light)
        else:
            self._run_rows(cypher.create_rows(table), _padded(table, light))

    def _run_rows(self, statement: str, rows: pa.Table) -> None:
        for start in range(0, len(rows), STATEMENT_ROWS):
            self._open.run(statement, {"rows": rows.slice(start, STATEMENT_ROWS).to_pylist()})

    def _check_end_points(self, edge: EdgeType, rows: pa.Table) -> None:
        for column, label in (("source_id", edge.source), ("target_id", edge.target)):
            ids = rows[column].unique()
            node = self._schema.node(label)
            if len(ids) >= SCAN_KEYS:
                there = self._open.rows(cypher.read_rows(node, ["id"]))
            else:
                there = self._open.rows(cypher.read_rows_by_key(node, ["id"]), {"keys": ids.to_pylist()})
            missing = ids.filter(pc.invert(pc.is_in(ids, value_set=there["id"])))
            if len(missing):
                raise SchemaError(
                    f"{len(missing)} {label} nodes that {edge.type} edges join are not there, e.g. {missing[0]!s}",
                    "write the nodes first",
                )

    def delete_nodes(self, node: NodeType, ids: Sequence[str]) -> int:
        return self._delete(node, ids)

    def delete_edges(self, edge: EdgeType, event_ids: Sequence[str]) -> int:
        return self._delete(edge, event_ids)

    def _delete(self, table: Table, keys: Sequence[str]) -> int:
        wanted = pa.chunked_array([pa.array(list(dict.fromkeys(keys)), pa.string())])
        with self._mutex:
            self._check_writable()
            found = self._stored(table, wanted)[key_of(table)]
            with self._open.transaction():
                self._delete_keys(table, found)
            return len(found)

    def _delete_keys(self, table: Table, keys: pa.ChunkedArray) -> None:
        if len(keys):
            self._open.run(cypher.delete_rows(table), {"keys": keys.to_pylist()})

    def count(self, table: Table) -> int:
        with self._mutex:
            return int(self._open.rows(cypher.count_rows(table))["rows"][0].as_py())

    def read_nodes(self, node: NodeType, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        return self._read(node, columns, "", {})

    def read_edges(
        self, edge: EdgeType, columns: Sequence[str] | None = None, until: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        if until is None or not edge.is_event:
            return self._read(edge, columns, "", {})
        return self._read(edge, columns, "WHERE x.`at` <= $until", {"until": until})

    def _read(
        self, table: Table, columns: Sequence[str] | None, condition: str, parameters: Mapping[str, object]
    ) -> Iterator[pa.RecordBatch]:
        """The rows as they are now; texts and vectors are read as the batches are taken."""
        with self._mutex:
            schema = self._stored_schema(table, columns)
            beside = {p.name for p in table.properties if cypher.is_beside(p)} & set(schema.names)
            names = [name for name in schema.names if name not in beside] + ([ROW] if beside else [])
            light = self._open.rows(cypher.read_rows(table, names or [key_of(table)], condition), parameters)
        if beside and len(light):
            # In the order of their rows, texts and vectors are mapped or at least read from front to back.
            light = light.take(pc.sort_indices(light[ROW])).combine_chunks()
        return self._batches(table, light, schema)

    def _batches(self, table: Table, light: pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(light), BATCH_ROWS):
            yield self._completed(table, light.slice(start, BATCH_ROWS), schema)

    def _completed(self, table: Table, light: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
        """Light rows with the texts and vectors of the schema beside them."""
        rows = _row_numbers(light) if ROW in light.schema.names else None
        arrays = []
        for field in schema:
            if field.name in light.schema.names:
                arrays.append(_one_array(light[field.name], field.type))
            else:
                assert rows is not None
                arrays.append(self._beside(table).take(field.name, rows))
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _stored_schema(self, table: Table, columns: Sequence[str] | None) -> pa.Schema:
        """Arrow schema of the named columns, or of all; a vector that was never written has no column."""
        lengths = self._beside(table).vector_lengths
        fields = {field.name: field for field in arrow_schema(table)}
        for prop in table.properties:
            if prop.kind is PropertyKind.VECTOR and prop.name in lengths:
                fields[prop.name] = pa.field(prop.name, pa.list_(pa.float16(), lengths[prop.name]))
        declared = [prop.name for prop in table.properties]
        if unknown := [name for name in columns or () if name not in declared]:
            raise SchemaError(
                f"{table.name} has no property {unknown[0]!r}", f"its properties are {', '.join(declared)}"
            )
        return pa.schema([fields[name] for name in (declared if columns is None else columns) if name in fields])

    def neighbourhood(self, node: NodeType, node_id: str, limit: int = 100) -> list[Neighbour]:
        found: list[Neighbour] = []
        with self._mutex:
            for edge in self._schema.edges:
                found += [n for way in _ways(edge, node) for n in self._neighbours(edge, way, node_id, limit)]
        return found

    def _neighbours(self, edge: EdgeType, outgoing: bool, node_id: str, limit: int) -> list[Neighbour]:
        statement = cypher.neighbours(edge, [*engine_columns(edge)], outgoing)
        light = self._open.rows(statement, {"id": node_id, "limit": limit})
        if not len(light):
            return []
        shown = [p.name for p in edge.properties if p.kind is not PropertyKind.VECTOR and p.name not in KEY_COLUMNS]
        rows = self._completed(edge, light, self._stored_schema(edge, shown)).to_pylist()
        label = edge.target if outgoing else edge.source
        others = light["_other"].to_pylist()
        return [Neighbour(edge, outgoing, label, other, row) for other, row in zip(others, rows, strict=True)]

    def query(self, cypher: str, parameters: Mapping[str, object], limits: QueryLimits) -> pa.Table:
        check_read_only(cypher)
        with self._mutex:
            return answer_table(*self._open.answer(cypher, parameters, limits))

    def read_metadata(self) -> dict[str, str]:
        with self._mutex:
            return dict(self._notes)

    def write_metadata(self, key: str, value: str) -> None:
        with self._mutex:
            self._check_writable()
            notes = self._notes | {key: value}
            _write_notes(self._folder, notes)
            self._notes = notes

    def close(self) -> None:
        with self._mutex:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
                self._lock.close()

    @property
    def _open(self) -> Engine:
        if self._engine is None:
            raise StoreError(f"the graph in {self._folder} was closed", "open it again")
        return self._engine

    def _check_writable(self) -> None:
        if self._read_only:
            raise StoreError(f"the graph in {self._folder} was opened read-only", "open it for writing")

    def _beside(self, table: Table) -> RowColumns:
        name = full_name(table)
        if name not in self._columns:
            folder = self._folder / "columns" / name
            self._columns[name] = RowColumns(folder, table.properties, writable=not self._read_only)
        return self._columns[name]


def _places(keys: pa.ChunkedArray, stored: pa.ChunkedArray) -> RowNumbers:
    """Where each key is among the stored ones, `NO_ROW` where it is not, `[num_keys]`."""
    if not len(stored):
        return np.full(len(keys), NO_ROW, np.int64)
    places: RowNumbers = pc.fill_null(pc.index_in(keys, value_set=stored), NO_ROW).to_numpy().astype(np.int64)
    return places


def _filled(given: pa.Table, stored: pa.Table, places: RowNumbers) -> pa.Table:
    """Those of the given nodes that say something new, with what they leave null taken from the stored ones."""
    if not len(given):
        return given
    stored = stored.take(pa.array(places))
    says = np.zeros(len(given), np.bool_)
    for name, differs in differing(given, stored).items():
        says |= differs & given[name].is_valid().to_numpy()
    given, stored = given.filter(pa.array(says)), stored.filter(pa.array(says))
    names = [*stored.schema.names, *(name for name in given.schema.names if name not in stored.schema.names)]
    return pa.table({name: _coalesced(name, given, stored) for name in names})


def _coalesced(name: str, given: pa.Table, stored: pa.Table) -> pa.ChunkedArray:
    if name not in given.schema.names:
        return stored[name]
    if name not in stored.schema.names:
        return given[name]
    kind = given[name].type
    both = pa.concat_arrays([_one_array(given[name], kind), _one_array(stored[name], kind)])
    rows = np.arange(len(given))
    chosen = np.where(given[name].is_valid().to_numpy(), rows, rows + len(given))
    return pa.chunked_array([both.take(pa.array(chosen))])


def _newer(edge: EdgeType, given: pa.Table, stored: pa.Table, places: RowNumbers) -> pa.Table:
    """Those of the given edges that take the place of the stored ones with their keys."""
    if not len(given):
        return given
    stored = stored.take(pa.array(places))
    differs = pa.array(np.logical_or.reduce(list(differing(given, stored).values())))
    given, stored = given.filter(differs), stored.filter(differs)
    return given.filter(pa.array(takes_place(edge, given, stored)))


def _padded(table: Table, light: pa.Table) -> pa.Table:
    """The rows with every column of the engine, null where it was missing."""
    for name in engine_columns(table):
        if name not in light.schema.names:
            light = light.append_column(name, pa.nulls(len(light)))
    return light


def _row_numbers(light: pa.Table) -> RowNumbers:
    numbers: RowNumbers = pc.fill_null(light[ROW], NO_ROW).to_numpy().astype(np.int64)
    return numbers


def _one_array(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    column = column.cast(kind)
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], kind)


def _ways(edge: EdgeType, node: NodeType) -> list[bool]:
    """Directions, outgoing true, in which the edge leaves a node of that label."""
    return [outgoing for outgoing, label in ((True, edge.source), (False, edge.target)) if label == node.label]


def _prepare(folder: Path, read_only: bool) -> None:
    if read_only and not (folder / "graph.lbug").exists():
        raise StoreError(f"no graph in {folder}", "run `kindred ingest` first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"can't make the graph folder {folder}: {error}", "choose another (KINDRED_GRAPH_URL)"
        ) from error


def _read_notes(folder: Path) -> dict[str, str]:
    try:
        content = json.loads((folder / "metadata.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StoreError(
            f"can't read {folder / 'metadata.json'}: {error}", "delete the folder; ingest again"
        ) from error
    if content.get("format") != FORMAT:
        raise StoreError(
            f"the graph in {folder} has format {content.get('format')}, this program reads {FORMAT}",
            "delete the folder and ingest again",
        )
    return dict(content["notes"])


def _write_notes(folder: Path, notes: Mapping[str, Any]) -> None:
    """Replaces the notes as a whole: a crash leaves the old or the new ones."""
    temporary = folder / "metadata.json.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, "notes": notes}, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "metadata.json")
