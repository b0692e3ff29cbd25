"""Rows: ids, vectors and payloads of one collection on disk, readable while another process writes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import orjson
from numpy.typing import NDArray
from xxhash import xxh3_64_hexdigest

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.errors import ArtifactError, SchemaError, StoreError
from kindred.domain.ids import IdMap
from kindred.vectorstore.checks import checked_payloads, checked_vectors
from kindred.vectorstore.store import Excluded, Scalar

VECTORS_FILE = "vectors.f32"
ROWS_FILE = "rows.jsonl"
INDEX_FOLDER = "index"
PUBLISH_AGAIN = "publish the run again: see `kindred runs`"
MAPPED_FROM_BYTES = 64 << 20
"""Files of vectors are mapped from this size on, so that processes share them. Whoever shortens a mapped file in place
ends every process that reads it: smaller ones are read."""
_SHAPE_FILE = "collection.json"


@dataclass(frozen=True)
class View:
    """A collection as of one time.

    Attributes:
        ids: external id of each row; the list may have grown longer since.
        vectors: `[num_rows, dimension]`, a map of the file.
        superseded: rows whose id came again later or was taken out; they do not count.
    """

    ids: Sequence[str]
    vectors: Vectors
    superseded: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.vectors)


class Rows:
    """One collection: an append-only file of vectors and one of `[id, payload, hash]` lines.

    A line is written after its vector, so whole lines are the commit log: what a kill tears off never was, and the next
    writer overwrites it. Each line carries the hash of itself and of its vector; one without payload takes its id out.
    Writers hold a file lock. Readers need none: they map the file and follow it as it grows. Thread-safe.

    Args:
        folder: of the collection.
        sealed_bytes: how much of the lines a seal vouches for, so that only what came later is checked here; None
            while the collection is being built, whose seal brings it to the disk.

    Raises:
        ArtifactError: a file is missing or damaged.
    """

    def __init__(self, folder: Path, sealed_bytes: int | None = None) -> None:
        self.folder = folder
        self._sealed_bytes = sealed_bytes
        self._vectors_path = folder / VECTORS_FILE
        self._rows_path = folder / ROWS_FILE
        self._shape_path = folder / _SHAPE_FILE
        self.dimension = _dimension(self._shape_path)
        self._lock = Lock()
        self._bytes_read = 0
        self._ids: list[str] = []
        self._row_of: dict[str, int] = {}
        self._superseded: list[int] = []
        self._held: Vectors = np.empty((0, self.dimension), np.float32)
        self._view = View(self._ids, self._held, np.empty(0, np.int64))
        self._born = self._birth()

    @staticmethod
    def create(folder: Path, dimension: int) -> None:
        """Empty files in a folder that is there."""
        (folder / VECTORS_FILE).touch()
        (folder / ROWS_FILE).touch()
        (folder / _SHAPE_FILE).write_text(json.dumps({"dimension": dimension}))

    def is_current(self) -> bool:
        """Whether the folder still holds the collection that was opened."""
        return self._birth() == self._born

    def _birth(self) -> tuple[int, int] | None:
        try:
            status = self._shape_path.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def view(self) -> View:
        """What is there now, whoever wrote it; of a dropped collection what was read last."""
        try:
            has_grown = self._rows_path.stat().st_size != self._bytes_read
        except FileNotFoundError:
            return self._view
        if has_grown:
            with self._lock:
                self._read_on()
        return self._view

    def count(self) -> int:
        """How many ids the collection holds."""
        view = self.view()
        return len(view) - len(view.superseded)

    def rows_of(self, ids: Collection[str], view: View) -> NDArray[np.int64]:
        """Rows of those of the ids that the view has, in the order given."""
        if not isinstance(ids, Excluded):
            return self._rows_of(ids, view)
        kept, asked_of = ids.rows, (self.folder, self._born, len(view))
        if kept is None or kept[0] != asked_of:
            kept = ids.rows = (asked_of, self._rows_of(ids, view))
        return kept[1]

    def _rows_of(self, ids: Collection[str], view: View) -> NDArray[np.int64]:
        num_rows = len(view)  # rows that came since the view was taken are not of it
        found = [row for external in ids if (row := self._row_of.get(external, num_rows)) < num_rows]
        return np.array(found, dtype=np.int64)

    def fetch(self, ids: Sequence[str]) -> Embeddings:
        """Vectors of those of the ids that are there, in the order asked, each once."""
        view = self.view()
        rows = self.rows_of(dict.fromkeys(ids), view)
        return Embeddings(IdMap(view.ids[row] for row in rows), np.array(view.vectors[rows]))

    def append(self, embeddings: Embeddings, payloads: Sequence[Mapping[str, Scalar]] | None) -> None:
        """Adds rows; they count once this returns, and those of a sealed collection are on the disk then.

        Raises:
            SchemaError: vectors of another size or not finite, or a payload that is not one of scalars.
            StoreError: the files can't be written.
        """
        vectors = checked_vectors(embeddings.vectors, self.dimension, self.folder.name)
        self._add(vectors, _lines(embeddings.ids, checked_payloads(payloads, len(embeddings.ids)), vectors))

    def remove(self, ids: Sequence[str]) -> None:
        """Takes ids out, by a row each that says so; as `append` otherwise."""
        self.view()
        there = IdMap(external for external in dict.fromkeys(ids) if external in self._row_of)
        if len(there):
            vectors = np.zeros((len(there), self.dimension), np.float32)
            self._add(vectors, _lines(there, [None] * len(there), vectors))

    def _add(self, vectors: Vectors, lines: bytes) -> None:
        try:
            with self._writing() as (vectors_file, rows_file):
                with self._lock:
                    self._read_on()
                    num_rows, num_bytes = len(self._view), self._bytes_read
                os.ftruncate(vectors_file, num_rows * 4 * self.dimension)
                os.ftruncate(rows_file, num_bytes)
                for file, data in ((vectors_file, vectors.tobytes()), (rows_file, lines)):
                    _append(file, data)
                    if self._sealed_bytes is not None:
                        os.fsync(file)
        except OSError as error:
            told = f"{self.folder} can't be written: {error.strerror}"
            raise StoreError(told, "free disk space, or make the folder writable, then run it again") from error

    @contextmanager
    def _writing(self) -> Iterator[tuple[int, int]]:
        """Both files open for appending, under the lock that one writer at a time holds."""
        vectors_file = os.open(self._vectors_path, os.O_RDWR | os.O_APPEND)
        rows_file = os.open(self._rows_path, os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(rows_file, fcntl.LOCK_EX)
            yield vectors_file, rows_file
        finally:
            os.close(rows_file)
            os.close(vectors_file)

    def _read_on(self) -> None:
        """Takes in the whole lines that came since the last look."""
        with self._rows_path.open("rb") as file:
            file.seek(self._bytes_read)
            tail = file.read()
        tail = tail[: tail.rfind(b"\n") + 1]
        if not tail:
            return
        first, offset = len(self._ids), self._bytes_read
        vectors = self._vectors(first + tail.count(b"\n"))
        for row, line in enumerate(tail.split(b"\n")[:-1], start=first):
            external, payload = self._parsed(line, vectors[row], offset)
            offset += len(line) + 1
            if (before := self._row_of.get(external)) is not None:
                self._superseded.append(before)
            self._ids.append(external)
            if payload is None:
                self._row_of.pop(external, None)
                self._superseded.append(row)
                continue
            self._row_of[external] = row
        self._view = View(self._ids, vectors, np.array(self._superseded, dtype=np.int64))
        self._bytes_read += len(tail)

    def _vectors(self, num_rows: int) -> Vectors:
        """The first rows of the file of vectors."""
        num_bytes = 4 * num_rows * self.dimension
        if self._vectors_path.stat().st_size < num_bytes:
            raise self._shorter()
        if num_bytes >= MAPPED_FROM_BYTES:
            self._held = np.empty((0, self.dimension), np.float32)
            return np.asarray(np.memmap(self._vectors_path, np.float32, mode="r", shape=(num_rows, self.dimension)))
        known = len(self._view)
        if num_rows > len(self._held):  # a quarter more each time: it is not copied with every row that comes
            held = np.empty((max(num_rows, len(self._held) * 5 // 4), self.dimension), np.float32)
            held[:known] = self._view.vectors
            self._held = held
        wanted = (num_rows - known) * self.dimension
        come = np.fromfile(self._vectors_path, np.float32, wanted, offset=4 * known * self.dimension)
        if len(come) < wanted:
            raise self._shorter()
        self._held[known:num_rows] = come.reshape(-1, self.dimension)
        return self._held[:num_rows]

    def _shorter(self) -> ArtifactError:
        return ArtifactError(f"{self._vectors_path} is shorter than its rows", PUBLISH_AGAIN)

    def _parsed(self, line: bytes, vector: Vectors, offset: int) -> tuple[str, Mapping[str, Scalar] | None]:
        """Id and payload of a line, None for one that takes the id out; hash checked where no seal vouches for it."""
        try:
            external, payload, digest = orjson.loads(line)
        except ValueError as error:
            raise ArtifactError(f"{self._rows_path} is damaged at byte {offset:,}", PUBLISH_AGAIN) from error
        if offset >= (self._sealed_bytes or 0) and digest != _hash(vector, orjson.dumps([external, payload])):
            raise ArtifactError(
                f"{self._rows_path} or {VECTORS_FILE} is damaged: the row of {external!r} is not what was written",
                PUBLISH_AGAIN,
            )
        return external, payload


def _dimension(shape_path: Path) -> int:
    try:
        return int(json.loads(shape_path.read_bytes())["dimension"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{shape_path} is damaged: {error}", PUBLISH_AGAIN) from error


def _lines(ids: IdMap, payloads: Sequence[Mapping[str, Scalar] | None], vectors: Vectors) -> bytes:
    """One JSON line for each id; a payload of None takes it out."""
    lines = []
    try:
        for external, payload, vector in zip(ids, payloads, vectors, strict=True):
            content = orjson.dumps([external, None if payload is None else dict(payload)])
            lines.append(b'%b,"%b"]\n' % (content[:-1], _hash(vector, content).encode()))
        return b"".join(lines)
    except orjson.JSONEncodeError as error:
        raise SchemaError(
            f"an id or payload can't be stored: {error}", "no lone surrogates, no huge numbers"
        ) from error


def _hash(vector: Vectors, content: bytes) -> str:
    """Of a vector and the id and payload that belong to it."""
    return xxh3_64_hexdigest(vector.tobytes() + content)


def _append(file: int, data: bytes) -> None:
    """Writes all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
