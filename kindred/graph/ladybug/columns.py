"""Long texts and vectors beside the embedded engine: append-only files, mapped into memory, found by row number.

One table has one `RowColumns` and one row number for all its columns; the light row in the engine carries that number.
Rows are forced to disk before the engine commits anything that points at them, so a crash leaves nothing worse than
rows that no edge points at. Rows torn half-way are taken away when the files are opened; the others stay as garbage,
like the rows of what was replaced or deleted, until the graph is built anew.

Files of a text property: `NAME.text` (UTF-8), `NAME.ends` (int64, where each text ends, after a first 0), `NAME.known`
(a byte a row, 0 for null). Of a vector property: `NAME.384.f16` (float16, here rows of 384) and `NAME.known`. All are
little endian.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kindred.domain import arrow_compute as pc
from kindred.domain.arrow_values import flags_array
from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import Property
from kindred.graph.ladybug.seal import SealedFiles
from kindred.graph.rows import positions_array, vector_matrix

RowNumbers = NDArray[np.int64]

NO_ROW = -1
_END = np.dtype("<i8")
_HALF = np.dtype("<f2")


class Column(Protocol):
    """One property of many rows."""

    name: str
    paths: tuple[Path, ...]

    def num_rows(self) -> int:
        """Rows that are whole in every file of the column."""

    def resize(self, num_rows: int) -> None:
        """Makes the column that long: takes rows away, or adds nulls."""

    def append(self, values: pa.ChunkedArray) -> None:
        """Writes more rows and forces them to disk."""

    def take(self, rows: RowNumbers) -> pa.Array:
        """The values of these rows, null for `NO_ROW`."""


class TextColumn:
    """Texts of any length."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._text, self._ends, self._known = (folder / f"{name}.{end}" for end in ("text", "ends", "known"))
        self.paths: tuple[Path, ...] = (self._text, self._ends, self._known)

    def num_rows(self) -> int:
        written = min(_size(self._ends) // _END.itemsize - 1, _size(self._known))
        if written <= 0:
            return 0
        ends = _mapped(self._ends, _END, written + 1)
        return min(written, int(np.searchsorted(ends, _size(self._text), side="right")) - 1)

    def resize(self, num_rows: int) -> None:
        kept = min(self.num_rows(), num_rows)
        end = int(_mapped(self._ends, _END, kept + 1)[kept]) if kept else 0
        _resize(self._text, end)
        _resize(self._ends, (kept + 1) * _END.itemsize)
        _append(self._ends, [np.full(num_rows - kept, end, _END)])
        _resize(self._known, kept)
        _resize(self._known, num_rows)

    def append(self, values: pa.ChunkedArray) -> None:
        texts, ends = [], []
        end = _size(self._text)
        for chunk in values.cast(pa.large_string()).fill_null("").chunks:
            _, offsets, text = chunk.buffers()
            bounds = np.frombuffer(offsets, _END)[chunk.offset : chunk.offset + len(chunk) + 1]
            if text is not None:
                texts.append(np.frombuffer(text, np.uint8)[bounds[0] : bounds[-1]])
            ends.append(bounds[1:] - bounds[0] + end)
            end += int(bounds[-1] - bounds[0])
        _append(self._text, texts)
        _append(self._ends, ends)
        _append(self._known, [values.is_valid().to_numpy().astype(np.uint8)])

    def take(self, rows: RowNumbers) -> pa.Array:
        num_rows = self.num_rows()
        known = _known_rows(self._known, rows, num_rows)
        if not known.any():
            return pa.nulls(len(rows), pa.large_string())
        ends = pa.py_buffer(_mapped(self._ends, _END, num_rows + 1))
        text = pa.py_buffer(_mapped(self._text, np.dtype(np.uint8), _size(self._text)))
        whole = pa.Array.from_buffers(pa.large_string(), num_rows, [None, ends, text])
        taken = (
            whole.slice(int(rows[0]), len(rows)) if _is_run(rows) else whole.take(positions_array(np.maximum(rows, 0)))
        )
        return taken if known.all() else pc.if_else(pa.array(known), taken, pa.scalar(None, pa.large_string()))


class VectorColumn:
    """Vectors of one length."""

    def __init__(self, folder: Path, name: str, length: int) -> None:
        self.name = name
        self.length = length
        self._vectors, self._known = folder / f"{name}.{length}.f16", folder / f"{name}.known"
        self.paths: tuple[Path, ...] = (self._vectors, self._known)

    def num_rows(self) -> int:
        return min(_size(self._vectors) // (self.length * _HALF.itemsize), _size(self._known))

    def resize(self, num_rows: int) -> None:
        kept = min(self.num_rows(), num_rows)
        _resize(self._vectors, num_rows * self.length * _HALF.itemsize)
        _resize(self._known, kept)
        _resize(self._known, num_rows)

    def append(self, values: pa.ChunkedArray) -> None:
        _append(self._vectors, (vector_matrix(chunk)[0].astype(_HALF, copy=False) for chunk in values.chunks))
        _append(self._known, [values.is_valid().to_numpy().astype(np.uint8)])

    def take(self, rows: RowNumbers) -> pa.Array:
        num_rows = self.num_rows()
        known = _known_rows(self._known, rows, num_rows)
        kind = pa.list_(pa.float16(), self.length)
        if not known.any():
            return pa.nulls(len(rows), kind)
        whole = _mapped(self._vectors, _HALF, num_rows * self.length).reshape(num_rows, self.length)
        taken = whole[rows[0] : rows[0] + len(rows)] if _is_run(rows) else whole[np.maximum(rows, 0)]
        flat = pa.Array.from_buffers(pa.float16(), taken.size, [None, pa.py_buffer(taken)])
        return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=None if known.all() else flags_array(~known))


class RowColumns:
    """The texts and vectors of one node or edge table.

    Args:
        folder: where its files are.
        properties: of the table; only texts and vectors matter here.
        writable: whether rows may be added; then rows torn half-way are taken away first.
        sealed: what the files were when the graph was closed last; None where that is not known.

    Raises:
        StoreError: to be written, but a file is damaged.
    """

    def __init__(
        self, folder: Path, properties: Sequence[Property], *, writable: bool, sealed: SealedFiles | None = None
    ) -> None:
        self._folder = folder
        self._sealed = sealed
        self._texts = [p.name for p in properties if p.kind is PropertyKind.TEXT]
        self._vectors = [p.name for p in properties if p.kind is PropertyKind.VECTOR]
        if writable and (self._texts or self._vectors):
            folder.mkdir(parents=True, exist_ok=True)
        self._columns = self._found()
        if writable:  # what damage makes look torn would be taken away
            self.check(self._columns, all_read=False)
        # Columns of properties that are no longer declared count as well: their rows belong to other nodes or edges.
        others = (_size(path) for path in folder.glob("*.known"))
        self._num_rows = max([0, *(column.num_rows() for column in self._columns.values()), *others])
        if writable:
            self._resize_all()

    def _found(self) -> dict[str, Column]:
        found: dict[str, Column] = {name: TextColumn(self._folder, name) for name in self._texts}
        for name in self._vectors:
            for path in sorted(self._folder.glob(f"{name}.*.f16")):
                found[name] = VectorColumn(self._folder, name, int(path.suffixes[-2][1:]))
        return found

    def check(self, names: Iterable[str], *, all_read: bool) -> None:
        """Makes sure, once, that these columns are what was written; large ones only where all of them is read.

        Raises:
            StoreError: one is damaged.
        """
        for name in names:
            if self._sealed is not None and name in self._columns:
                for path in self._columns[name].paths:
                    self._sealed.check(path, all_read=all_read)

    def _resize_all(self) -> None:
        for column in self._columns.values():
            column.resize(self._num_rows)

    @property
    def vector_lengths(self) -> dict[str, int]:
        """Length of the vectors of each vector column that was ever written."""
        return {name: column.length for name, column in self._columns.items() if isinstance(column, VectorColumn)}

    def check_lengths(self, table_name: str, lengths: Mapping[str, int]) -> None:
        """Raises SchemaError where vectors of another length are here already."""
        for name, length in lengths.items():
            there = self.vector_lengths.get(name, length)
            if there != length:
                raise SchemaError(
                    f"{table_name}.{name} holds vectors of length {there}, got {length}",
                    "encode with the encoder that the graph was made with, or build the graph anew",
                )

    def append(self, values: Mapping[str, pa.ChunkedArray], num_rows: int) -> RowNumbers:
        """Row numbers of the rows written, `[num_rows]`; they are on disk, null in the columns that are missing.

        Rows without any value get `NO_ROW`: with no file yet there would be nothing to count them by later.
        """
        if not values:
            return np.full(num_rows, NO_ROW, dtype=np.int64)
        first = self._num_rows
        for name, column in values.items():
            if name in self._vectors and name not in self._columns:
                self._columns[name] = VectorColumn(self._folder, name, column.type.list_size)
                self._columns[name].resize(first)
        try:
            for name, column in self._columns.items():
                if name in values:
                    column.append(values[name])
                else:
                    column.resize(first + num_rows)
        except OSError as error:
            self._resize_all()
            raise StoreError(f"can't write to {self._folder}: {error}", "free some disk space; run it again") from error
        self._num_rows = first + num_rows
        return np.arange(first, first + num_rows, dtype=np.int64)

    def take(self, name: str, rows: RowNumbers) -> pa.Array:
        """The texts or vectors of these rows, null for `NO_ROW`; a run of rows is mapped, not copied.

        Raises:
            StoreError: they are damaged.
        """
        self.check([name], all_read=False)
        return self._columns[name].take(rows)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _mapped(path: Path, dtype: np.dtype[Any], length: int) -> NDArray[Any]:
    return np.memmap(path, dtype=dtype, mode="r", shape=(length,)) if length else np.zeros(0, dtype)


def _append(path: Path, parts: Iterable[NDArray[np.generic]]) -> None:
    with path.open("ab") as file:
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
        file.flush()
        os.fsync(file.fileno())


def _resize(path: Path, size: int) -> None:
    """Truncates the file, or lengthens it by zeros that take no space on disk."""
    if _size(path) != size or not path.exists():
        with path.open("ab") as file:
            file.truncate(size)
            os.fsync(file.fileno())


def _known_rows(path: Path, rows: RowNumbers, num_rows: int) -> NDArray[np.bool_]:
    """Which of the rows have a value. Raises StoreError where a row was never written."""
    if len(rows) and int(rows.max()) >= num_rows:
        raise StoreError(
            f"{path.parent} holds {num_rows} rows of {path.stem}, but the graph points at row {int(rows.max())}",
            "the folder was changed by hand or comes from elsewhere: build the graph anew",
        )
    known: NDArray[np.bool_] = rows != NO_ROW
    known[known] = _mapped(path, np.dtype(np.uint8), num_rows)[rows[known]].astype(np.bool_)
    return known


def _is_run(rows: RowNumbers) -> bool:
    """Whether the rows are neighbours in order."""
    if rows[0] < 0 or rows[-1] - rows[0] != len(rows) - 1:
        return False
    return bool((np.diff(rows) == 1).all())
