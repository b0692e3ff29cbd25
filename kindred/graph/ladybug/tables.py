"""Nodes and edges as they lie on disk: light rows in the engine, texts and vectors beside it, joined by row number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from kindred.domain import arrow_compute as pc
from kindred.domain.arrow_values import values_of
from kindred.domain.interactions import BoolArray
from kindred.domain.schema import EdgeType, NodeType, Table
from kindred.graph.ladybug import statements as cypher
from kindred.graph.ladybug.columns import NO_ROW, RowColumns, RowNumbers
from kindred.graph.ladybug.engine import Engine
from kindred.graph.ladybug.journal import Change, Journal, Verb
from kindred.graph.ladybug.seal import SealedFiles
from kindred.graph.ladybug.statements import ROW, engine_columns
from kindred.graph.rows import full_name, key_of, one_array, positions_of, stored_schema, up_to

BATCH_ROWS = 65_536  # of what is read
ROWS_ASKED = 1_000_000  # of one answer: three times as many of five columns fit into the engine's 1 GB for who reads
EXCERPT_CHARACTERS = 1_000  # of a node's text, for Cypher; the engine has a limit, and 1,000 are enough to look at
STATEMENT_ROWS = 5_000  # of one UNWIND
BULK_ROWS = 2_000  # from so many rows on, keys are joined here instead of being asked for one by one
FEW_SOURCES = 40  # as many single look-ups cost what reading all the keys of 200,000 edges costs
JOURNAL_BYTES = 1 << 20  # a checkpoint then: 100 ms for 230,000 edges, as much as ten events
BULK_SHARE = 8  # a bulk load rewrites the table: worth it when 1/8 of it is new


class Tables:
    """The node and edge tables of one graph folder. Whoever holds it takes care that one thread at a time calls."""

    def __init__(self, engine: Engine, folder: Path, *, writable: bool) -> None:
        self.engine = engine
        self._folder = folder / "columns"
        self._journal = Journal(folder / "journal")
        self._is_checkpointed = True
        self._writable = writable
        self._sealed = SealedFiles(folder)
        self._columns: dict[str, RowColumns] = {}
        # What is remembered of one table from write to write, until it changes: all light rows or, until one of them
        # comes again, their keys for a load of many batches; all keys for a trickle of single events.
        self._light: dict[str, pa.Table] = {}
        self._keys: dict[str, set[str]] = {}

    def beside(self, table: Table) -> RowColumns:
        """The texts and vectors of a table."""
        name = full_name(table)
        if name not in self._columns:
            self._columns[name] = RowColumns(
                self._folder / name, table.properties, writable=self._writable, sealed=self._sealed
            )
        return self._columns[name]

    def schema_changed(self) -> None:
        """Makes texts and vectors that are declared from now on known."""
        self._columns.clear()
        self.forget()

    def count(self, table: Table) -> int:
        """Number of rows."""
        return int(self.engine.rows(cypher.count_rows(table))["rows"][0].as_py())

    def schema(self, table: Table, columns: Sequence[str] | None = None) -> pa.Schema:
        """Arrow schema of the named columns, or of all; a vector that was never written has no column.

        Raises:
            SchemaError: a name that the table does not declare.
        """
        return stored_schema(table, self.beside(table).vector_lengths, columns)

    def read(
        self,
        table: Table,
        columns: Sequence[str] | None,
        conditions: Sequence[str] = (),
        parameters: Mapping[str, object] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The rows as they are now; texts and vectors are read from disk as the batches are taken."""
        self._light.clear()  # whoever reads has stopped loading
        schema = self.schema(table, columns)
        names, beside = _read_names(table, schema)
        light = self.all_rows(table, names or [key_of(table)], conditions, parameters)
        if beside and len(light):
            self.beside(table).check(schema.names, all_read=True)
            # In the order of their rows, texts and vectors are mapped or at least read from front to back.
            light = light.take(pc.sort_indices(light[ROW]))
        return self._batches(table, light.combine_chunks(), schema)

    def all_rows(
        self,
        table: Table,
        columns: Sequence[str],
        conditions: Sequence[str] = (),
        parameters: Mapping[str, object] | None = None,
    ) -> pa.Table:
        """The columns of all rows that fulfil the conditions.

        The engine's memory is bounded and holds an answer whole as long as it is referred to, so many rows are
        asked for in parts, each of which is copied out of it.
        """
        num_parts = -(-self.count(table) // ROWS_ASKED)
        if num_parts <= 1:
            return self.engine.rows(cypher.read_rows(table, columns, conditions), parameters)
        end = int(self.engine.rows(cypher.end_of_offsets(table))["end"][0].as_py())
        statement = cypher.read_rows(table, columns, [*conditions, cypher.in_part(table)])
        bounds = [end * part // num_parts for part in range(num_parts + 1)]
        return pa.concat_tables(
            self.engine.rows(statement, {**(parameters or {}), "first": first, "after": after}).combine_chunks()
            for first, after in pairwise(bounds)
        )

    def read_of_source(
        self, edge: EdgeType, columns: Sequence[str] | None, source_id: str, until: int | None
    ) -> pa.Table:
        """The same of the edges that leave one node, up to a time."""
        names = None if columns is None else [*dict.fromkeys([*columns, *(["at"] if edge.is_event else [])])]
        schema = self.schema(edge, names)
        read, _ = _read_names(edge, schema)
        light = self.engine.rows(cypher.read_edges_of_source(edge, read or ["event_id"]), {"source": source_id})
        rows = pa.Table.from_batches([self.completed(edge, up_to(edge, light, until), schema)])
        return rows if columns is None else rows.select([name for name in columns if name in rows.schema.names])

    def _batches(self, table: Table, light: pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(light), BATCH_ROWS):
            yield self.completed(table, light.slice(start, BATCH_ROWS), schema)

    def completed(self, table: Table, light: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
        """Light rows with the texts and vectors of the schema beside them."""
        rows = _row_numbers(light)
        arrays = [
            one_array(light[field.name], field.type)
            if field.name in light.schema.names
            else self.beside(table).take(field.name, rows)
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def known(self, table: Table, rows: pa.Table) -> tuple[BoolArray, pa.Table]:
        """Which of the rows are there by their key, and what is stored of those, whole and in the same order."""
        key = key_of(table)
        light = self._light_rows(table, rows)
        positions = positions_of(rows[key], light[key]) if light is not None else np.full(len(rows), NO_ROW)
        there = positions != NO_ROW
        schema = self.schema(table)
        if light is None or not there.any():
            return there, schema.empty_table()
        return there, pa.Table.from_batches([self.completed(table, light.take(pa.array(positions[there])), schema)])

    def _light_rows(self, table: Table, rows: pa.Table) -> pa.Table | None:
        """Light rows, those with the keys of the given rows among them; None where there is none of these."""
        keys = rows[key_of(table)]
        if len(keys) >= BULK_ROWS:
            return self._many_rows(table, keys)
        if isinstance(table, EdgeType):
            return self._few_edges(table, keys, rows["source_id"])
        return self._rows_by_key(table, keys.to_pylist())

    def _many_rows(self, table: Table, keys: pa.ChunkedArray) -> pa.Table | None:
        """All light rows, where one has a key of these: of rows that are all new, keys are all that is held."""
        name, key, columns = full_name(table), key_of(table), _light_names(table)
        if name not in self._light:
            self._light = {name: self.all_rows(table, [key])}
        if self._light[name].num_columns < len(columns):
            if not pc.any(pc.is_in(keys, value_set=self._light[name][key])).as_py():
                return None
            self._light = {name: self.all_rows(table, columns)}
        return self._light[name]

    def _few_edges(self, edge: EdgeType, keys: pa.ChunkedArray, sources: pa.ChunkedArray) -> pa.Table | None:
        """Light rows of a few edges: found at their source node if they are where they were, else by reading all."""
        known = self._known_keys(edge).intersection(keys.to_pylist())
        if not known:
            return None
        start_ids = sources.filter(pc.is_in(keys, value_set=pa.array(known, pa.string()))).unique().to_pylist()
        if len(start_ids) > FEW_SOURCES:
            return self._rows_by_key(edge, list(known))
        statement = cypher.read_edges_of_source(edge, _light_names(edge))
        found = pa.concat_tables([self.engine.rows(statement, {"source": start}) for start in start_ids])
        moved = known.difference(found["event_id"].to_pylist())
        return pa.concat_tables([found, self._rows_by_key(edge, list(moved))]) if moved else found

    def _rows_by_key(self, table: Table, keys: list[str], columns: Sequence[str] | None = None) -> pa.Table:
        return self.engine.rows(cypher.read_rows_by_key(table, columns or _light_names(table)), {"keys": keys})

    def _known_keys(self, edge: EdgeType) -> set[str]:
        name = full_name(edge)
        if name not in self._keys:
            self._keys[name] = set(self.all_rows(edge, ["event_id"])["event_id"].to_pylist())
        return self._keys[name]

    def missing_nodes(self, label: str, ids: pa.Array) -> pa.Array:
        """Those of the distinct ids that no node of the label has."""
        node = NodeType(label, ())
        if len(ids) >= BULK_ROWS:
            there = self.all_rows(node, ["id"])
        else:
            there = self.engine.rows(cypher.read_rows_by_key(node, ["id"]), {"keys": ids.to_pylist()})
        return ids.filter(pc.invert(pc.is_in(ids, value_set=there["id"])))

    def write_beside(self, table: Table, rows: pa.Table) -> pa.Table:
        """Writes the texts and vectors of the rows to their columns; the light rows that the engine gets."""
        light = rows.select([name for name in _light_names(table) if name in rows.schema.names])
        if not len(rows) or ROW not in engine_columns(table):
            return light
        beside = {prop.name for prop in table.properties if cypher.is_beside(prop)} & set(rows.schema.names)
        values = {name: rows[name] for name in beside if rows[name].null_count < len(rows)}
        for name in cypher.excerpt_columns(table):
            if name in rows.schema.names:
                light = light.append_column(name, pc.utf8_slice_codeunits(rows[name], 0, EXCERPT_CHARACTERS))
        return light.append_column(ROW, pa.array(self.beside(table).append(values, len(rows))))

    def write(self, changes: Sequence[Change]) -> None:
        """Makes the changes, all of them or none; once this returns no kill undoes them.

        Few rows go through the journal, many cost a checkpoint. What the journal holds is in the database file before
        anything that is not in the journal, so that making its changes again never undoes a later one.
        """
        changes = [change for change in changes if len(change.rows)]
        is_small = sum(len(change.rows) for change in changes) < BULK_ROWS
        if not is_small:
            self.checkpoint()
        size = self._journal.size
        if is_small and changes:
            self._journal.append(changes)
        try:
            with self.engine.transaction():
                for change in changes:
                    self._apply(change)
        except BaseException:
            self.forget()
            self._journal.truncate(size)
            raise
        self._is_checkpointed = False
        if not is_small or self._journal.size > JOURNAL_BYTES:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Moves everything that was written to the database file."""
        if not self._is_checkpointed:
            self.engine.run("CHECKPOINT")
            self._journal.clear()
            self._is_checkpointed = True

    def define(self, definitions: Sequence[str]) -> None:
        """Runs statements that make or extend tables."""
        self.checkpoint()
        self.engine.check_free_space()
        self._is_checkpointed = False
        for definition in definitions:
            self.engine.run(definition)
        self.checkpoint()

    def recover(self) -> None:
        """Makes once more what the journal of a process that was killed says."""
        if not self._journal.size:
            return
        for changes in self._journal.records():
            with self.engine.transaction():
                for change in changes:
                    self._apply_again(change)
        self._is_checkpointed = False
        self.checkpoint()

    def _apply(self, change: Change) -> None:
        if change.verb is Verb.DELETE:
            self._delete(change.table, change.rows[key_of(change.table)])
        elif change.verb is Verb.UPDATE and isinstance(change.table, NodeType):
            self._update_nodes(change.table, change.rows)
        else:
            self._insert(change.table, change.rows)

    def _apply_again(self, change: Change) -> None:
        if change.verb is not Verb.INSERT:
            self._apply(change)
            return
        table, rows = change.table, change.rows
        key = key_of(table)
        there = self._rows_by_key(table, rows[key].to_pylist(), [key])[key]
        is_there = pc.is_in(rows[key], value_set=there)
        if isinstance(table, NodeType):
            self._update_nodes(table, rows.filter(is_there))
            rows = rows.filter(pc.invert(is_there))
        elif len(there):
            self._delete(table, there)
        self._insert(table, rows)

    def _insert(self, table: Table, light: pa.Table) -> None:
        """Adds rows that are not there yet."""
        if not len(light):
            return
        self._light.pop(full_name(table), None)
        if len(light) >= BULK_ROWS and len(light) * BULK_SHARE >= self.count(table):
            self.engine.copy(table, light)
        else:
            self._run(cypher.create_rows(table, light.schema), light)
        if full_name(table) in self._keys:
            self._keys[full_name(table)].update(light[key_of(table)].to_pylist())

    def _update_nodes(self, node: NodeType, light: pa.Table) -> None:
        """Gives nodes that are there these values."""
        if len(light) and light.schema.names != ["id"]:
            self.forget(node)
            self._run(cypher.update_nodes(node, light.schema), light)

    def _delete(self, table: Table, keys: pa.ChunkedArray) -> None:
        """Deletes rows, nodes with their edges."""
        if len(keys):
            self.forget()
            self.engine.run(cypher.delete_rows(table), {"keys": keys.to_pylist()})

    def forget(self, table: Table | None = None) -> None:
        """Drops what is remembered of a table, or of all."""
        for remembered in (self._light, self._keys):
            for name in [full_name(table)] if table else list(remembered):
                remembered.pop(name, None)

    def _run(self, statement: str, rows: pa.Table) -> None:
        for start in range(0, len(rows), STATEMENT_ROWS):
            self.engine.run(statement, {"rows": rows.slice(start, STATEMENT_ROWS).to_pylist()})


def _read_names(table: Table, schema: pa.Schema) -> tuple[list[str], bool]:
    """What the engine is asked for to read these columns, and whether some lie beside it."""
    beside = {prop.name for prop in table.properties if cypher.is_beside(prop)} & set(schema.names)
    return [name for name in schema.names if name not in beside] + ([ROW] if beside else []), bool(beside)


def _light_names(table: Table) -> list[str]:
    ends = ["source_id", "target_id"] if isinstance(table, EdgeType) else []
    return [*ends, *engine_columns(table)]


def _row_numbers(light: pa.Table) -> RowNumbers:
    if ROW not in light.schema.names:
        return np.full(len(light), NO_ROW, np.int64)
    numbers, known = values_of(light[ROW])
    return np.where(known, numbers, NO_ROW).astype(np.int64)
