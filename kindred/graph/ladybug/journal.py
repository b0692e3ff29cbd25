"""Small writes that the engine's database file may not hold yet, so that no kill costs one that was acknowledged.

The engine's own log can't be read again once its last record is torn, and its checkpoint costs ten times what a live
event costs. So a small write goes into this file, and to disk, before the engine hears of it; the file is emptied
after a checkpoint. Whoever opens the graph next makes every change in it once more: a change says what is there
afterwards, so to make the same changes in the same order twice gives what making them once gives.

A record is the changes of one transaction: `length` and `CRC-32` of what follows (uint32, little endian), then for
each change the length (uint32) and bytes of an Arrow stream, whose schema says what to do and with which table.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa

from kindred.domain.errors import StoreError
from kindred.domain.schema import EdgeType, NodeType, Table
from kindred.files import sync
from kindred.graph.rows import full_name

_HEAD = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
REBUILD = "delete the graph's folder and ingest again"


class Verb(StrEnum):
    """What happens to the rows of a change."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """Light rows of one table, whole, and what happens to them; of those to delete only the key matters."""

    verb: Verb
    table: Table
    rows: pa.Table


class Journal:
    """The transactions that were written since the last checkpoint.

    Args:
        path: the file; made with the first record.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size if path.exists() else 0

    def append(self, changes: Sequence[Change]) -> None:
        """Adds a record; it is on disk when this returns.

        Raises:
            StoreError: it can't be written; then the journal is as before.
        """
        content = b"".join(map(_framed, changes))
        record = _HEAD.pack(len(content), zlib.crc32(content)) + content
        is_new = not self._path.exists()
        try:
            with self._path.open("ab") as file:
                file.write(record)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync(self._path.parent)
        except OSError as error:
            self.truncate(self.size)
            raise StoreError(f"can't write {self._path}: {error}", "free some disk space; run it again") from error
        self.size += len(record)

    def truncate(self, size: int) -> None:
        """Takes back what was added since the journal had that size."""
        if self._path.exists():
            os.truncate(self._path, size)
        self.size = size

    def clear(self) -> None:
        """Forgets every record: the database file holds them now."""
        self.truncate(0)

    def records(self) -> Iterator[list[Change]]:
        """Every record that is whole, in order; one that was torn at the end was never acknowledged.

        Raises:
            StoreError: the file is damaged before its end.
        """
        content = self._path.read_bytes() if self.size else b""
        place = 0
        while place + _HEAD.size <= len(content):
            length, checksum = _HEAD.unpack_from(content, place)
            start, place = place + _HEAD.size, place + _HEAD.size + length
            record = content[start:place]
            if len(record) == length and zlib.crc32(record) == checksum and length:
                yield list(_unframed(record))
            elif place < len(content):
                raise StoreError(f"{self._path} is damaged at byte {start}", REBUILD)
            else:
                return


def _framed(change: Change) -> bytes:
    said = {b"verb": change.verb.encode(), b"table": full_name(change.table).encode()}
    rows = change.rows.replace_schema_metadata(said)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    content: bytes = sink.getvalue().to_pybytes()
    return _LENGTH.pack(len(content)) + content


def _unframed(record: bytes) -> Iterator[Change]:
    place = 0
    while place < len(record):
        (length,) = _LENGTH.unpack_from(record, place)
        place += _LENGTH.size
        with pa.ipc.open_stream(record[place : place + length]) as stream:
            rows = stream.read_all()
        place += length
        said = rows.schema.metadata
        yield Change(Verb(said[b"verb"].decode()), _table(said[b"table"].decode()), rows.replace_schema_metadata(None))


def _table(name: str) -> Table:
    """The table of that full name, without its properties."""
    if "-" not in name:
        return NodeType(name, ())
    source, kind, target = name.split("-")
    return EdgeType(source, kind, target, ())
