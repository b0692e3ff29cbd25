"""Staging: accepted records on disk, by table and by a hash of their key, until it is clear that they may be loaded.

Rows with one key are always in one part, so duplicates are found part by part, and never all records are in memory.
"""

from __future__ import annotations

import fcntl
import shutil
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa

from kindred.domain.errors import StoreError
from kindred.domain.records import Edge, Node
from kindred.domain.schema import GraphSchema, NodeType, Table, arrow_schema, to_table

NUM_PARTS = 32
SOURCE_COLUMN = "_source"  # number of the file whose row is about this record; null where a row only mentions it
_ROWS_PER_FLUSH = 16_384
_BYTES_PER_FLUSH = 16 << 20
_REMEMBERED = 100_000


class TableStage:
    """The staged rows of one node or edge table: an Arrow file whose every batch holds rows of one part."""

    def __init__(self, table: Table, path: Path) -> None:
        self.table = table
        self.key = "id" if isinstance(table, NodeType) else "event_id"
        self.num_rows = 0
        self._path = path
        self._schema = arrow_schema(table).append(pa.field(SOURCE_COLUMN, pa.int16()))
        self._writer = pa.ipc.new_file(str(self._path), self._schema)
        self._batches: list[tuple[int, int, int]] = []  # part, rows and bytes of each batch, in the order of the file
        self._records: list[Node | Edge] = []
        self._sources: list[int | None] = []

    def add(self, record: Node | Edge, source: int | None) -> None:
        """Stages a record: what a row of file number `source` is about, or, with None, what a row mentions."""
        self._records.append(record)
        self._sources.append(source)

    def flush(self) -> None:
        """Writes what has been collected."""
        if not self._records:
            return
        rows = to_table(self.table, self._records)
        self.write(rows.append_column(self._schema.field(SOURCE_COLUMN), pa.array(self._sources, pa.int16())))
        self._records.clear()
        self._sources.clear()

    def write(self, rows: pa.Table) -> None:
        """Writes rows that another process has staged, or `flush` collected."""
        parts = np.fromiter((zlib.crc32(k.encode()) % NUM_PARTS for k in rows[self.key].to_pylist()), np.int64)
        order = np.argsort(parts, kind="stable")
        rows = rows.take(pa.array(order))
        starts = np.searchsorted(parts[order], np.arange(NUM_PARTS + 1))
        for part in range(NUM_PARTS):
            if num_rows := int(starts[part + 1] - starts[part]):
                batch = rows.slice(starts[part], num_rows).combine_chunks()
                self._writer.write_table(batch)
                self._batches.append((part, num_rows, batch.nbytes))
        self.num_rows += len(rows)

    def finish(self) -> None:
        """Writes the rest; rows can be read from now on."""
        self.flush()
        self.close()

    def close(self) -> None:
        """Frees the file; what is in it is of no use any more unless `finish` was called."""
        self._writer.close()

    def read(self, max_rows: int, max_bytes: int) -> Iterator[pa.Table]:
        """All staged rows, whole parts at a time: as many as stay below the limits, at least one."""
        with pa.OSFile(str(self._path)) as file:
            reader = pa.ipc.open_file(file)
            for indexes in self._groups(max_rows, max_bytes):
                yield pa.Table.from_batches([reader.get_batch(index) for index in indexes], self._schema)

    def _groups(self, max_rows: int, max_bytes: int) -> Iterator[list[int]]:
        """Which batches of the file are read together."""
        of_part: list[list[int]] = [[] for _ in range(NUM_PARTS)]
        for index, (part, _, _) in enumerate(self._batches):
            of_part[part].append(index)
        group: list[int] = []
        group_rows = group_bytes = 0
        for indexes in of_part:
            num_rows = sum(self._batches[index][1] for index in indexes)
            num_bytes = sum(self._batches[index][2] for index in indexes)
            if group and (group_rows + num_rows > max_rows or group_bytes + num_bytes > max_bytes):
                yield group
                group, group_rows, group_bytes = [], 0, 0
            group += indexes
            group_rows += num_rows
            group_bytes += num_bytes
        if group:
            yield group


class Stage:
    """A folder of staged tables, gone when the `with` ends; what a kill left there is removed at the start.

    Raises:
        StoreError: another process stages there now, or the folder can't be written.
    """

    def __init__(self, folder: Path, schema: GraphSchema) -> None:
        self._folder = folder
        self._schema = schema
        self._lock: TextIO | None = None
        self._stage_of: dict[type[Node] | type[Edge], TableStage] = {}
        self._tables: dict[str, TableStage] = {}
        self._num_rows = self._num_bytes = 0
        # By identity, which is cheap: sources hand out the same object for a node that they have mentioned before.
        self._mentioned: dict[int, Node | Edge] = {}

    def __enter__(self) -> Stage:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            # Beside the folder and never removed: a lock on a file that is removed and made again keeps no process out.
            self._lock = self._folder.with_name(f"{self._folder.name}.lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()
        except BlockingIOError as error:
            raise StoreError(f"another ingest is using {self._folder}", "wait until it has ended") from error
        except OSError as error:
            raise not_writable(self._folder, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        for stage in self._tables.values():
            stage.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock:
            self._lock.close()

    def add(self, records: Sequence[Node | Edge], source: int, num_bytes: int) -> None:
        """Stages the records of one row of file number `source`, the first being what the row is about."""
        about, mentioned = records[0], self._mentioned
        self._stage(type(about)).add(about, source)
        for record in records[1:]:
            if id(record) not in mentioned:
                mentioned[id(record)] = record
                self._stage(type(record)).add(record, None)
        self._num_rows += 1
        self._num_bytes += num_bytes
        if self._num_rows >= _ROWS_PER_FLUSH or self._num_bytes >= _BYTES_PER_FLUSH:
            self._flush()

    def adopt(self, table: Table, rows: pa.Table) -> None:
        """Takes over what another process has staged of a table."""
        self._of_table(table).write(rows)

    def _flush(self) -> None:
        self._num_rows = self._num_bytes = 0
        if len(self._mentioned) > _REMEMBERED:
            self._mentioned.clear()
        for stage in self._stage_of.values():
            stage.flush()

    def finish(self) -> list[TableStage]:
        """What was staged, nodes before edges, each in the schema's order."""
        for stage in self._tables.values():
            stage.finish()
        order = [*self._schema.nodes, *self._schema.edges]
        return sorted(self._tables.values(), key=lambda stage: order.index(stage.table))

    def _stage(self, record: type[Node] | type[Edge]) -> TableStage:
        if stage := self._stage_of.get(record):
            return stage
        if issubclass(record, Edge):
            table = self._of_table(self._schema.edge((record.source.label, record.edge_type, record.target.label)))
        else:
            table = self._of_table(self._schema.node(record.label))
        self._stage_of[record] = table
        return table

    def _of_table(self, table: Table) -> TableStage:
        name = table.label if isinstance(table, NodeType) else "-".join(table.triple)
        if name not in self._tables:
            self._tables[name] = TableStage(table, self._folder / f"{name}.arrow")
        return self._tables[name]


def not_writable(folder: Path, error: OSError) -> StoreError:
    """What a failed write to the disk becomes."""
    return StoreError(
        f"can't write to {folder}: {error.strerror or error}", "free some space, or choose another folder"
    )
