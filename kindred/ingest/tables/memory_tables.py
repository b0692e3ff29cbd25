"""Tables in memory, of pandas, polars, Arrow and others: written to files, for all tables are read from files."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Number
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import pyarrow as pa

from kindred.domain.errors import KindredError, RecordError, SettingsError
from kindred.domain.shown import with_article
from kindred.ingest.formats.added_types import in_plain_types


class ArrowStream(Protocol):
    """A table that gives itself as a stream of Arrow: a pandas, polars or Arrow table and many others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule of the stream (the Arrow PyCapsule interface)."""


class ToArrow(Protocol):
    """A table that becomes one of Arrow."""

    def to_arrow(self) -> object:
        """The table of Arrow."""


class Collected(Protocol):
    """A query of polars that was not run yet."""

    def collect(self) -> ArrowStream:
        """The table that it gives."""

    def collect_schema(self) -> object:
        """The columns that it gives."""


class ToTable(Protocol):
    """A data set of Arrow, or what scans one."""

    def to_table(self) -> pa.Table:
        """The table of Arrow."""


Rows = Mapping[str, Sequence[object]] | Iterable[Mapping[str, object]]
Table = str | Path | ArrowStream | ToArrow | Collected | ToTable | Rows
"""A file of any format that `kindred ingest interactions` reads, here or at an address, or a table in memory."""


@contextmanager
def file_of(table: Table | None, name: str, as_text: bool) -> Iterator[Path | str]:
    """The file itself, or one that a table in memory is written to: CSV where text is wanted, as of matrices."""
    if isinstance(table, (str, Path)):
        yield table
        return
    with tempfile.TemporaryDirectory(prefix="kindred-") as folder:
        path = Path(folder) / name
        try:
            rows = _arrow(table)
            if as_text:
                with path.open("w", encoding="utf-8", newline="") as text:
                    columns = (column.to_pylist() for column in rows.columns)
                    csv.writer(text).writerows([rows.column_names, *zip(*columns, strict=True)])
            else:
                with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, rows.schema) as writer:
                    writer.write_table(rows)
        except (pa.ArrowException, ValueError, TypeError, LookupError) as error:
            raise RecordError(
                f"{name} has no form in Arrow: {error}",
                "give each column a name of its own and one type, e.g. frame['user'].astype('string')",
            ) from error
        try:
            yield path
        except KindredError as error:
            error.args = (error.args[0].replace(str(path), name),)
            error.message = error.message.replace(str(path), name)
            raise


def _arrow(table: Any) -> pa.Table:
    if hasattr(table, "to_frame") and not hasattr(table, "columns"):
        kind = type(table).__name__
        raise SettingsError(f"a {kind} is one column and no table", "give a frame: of pandas by series.reset_index()")
    if hasattr(table, "__arrow_c_stream__"):
        try:
            return _of_plain_types(pa.table(table))
        except pa.ArrowException:
            if not hasattr(table, "astype"):
                raise
            return _of_plain_types(pa.table(_as_text_where_mixed(table)))
    if table is not None and hasattr(table, "to_arrow"):
        return pa.table(table.to_arrow())
    if hasattr(table, "collect_schema"):
        return _arrow(table.collect())
    if hasattr(table, "to_table"):
        return _arrow(table.to_table())
    if isinstance(table, Mapping):
        return pa.table({str(name): _column(values) for name, values in table.items()})
    if isinstance(table, Iterable) and not isinstance(table, bytes):
        rows = list(table)
        if all(isinstance(row, Mapping) for row in rows):
            names = dict.fromkeys(name for row in rows for name in row)
            return pa.table({str(name): _column([row.get(name) for row in rows]) for name in names})
    raise SettingsError(
        f"{with_article(type(table).__name__)} is no table",
        "give a path, a table of pandas, polars, Arrow or what gives Arrow, or rows as dictionaries",
    )


def _column(values: Iterable[Any]) -> pa.Array:
    """The values as Arrow has them; texts where there are both texts and numbers, as a file would have."""
    values = [str(value) if isinstance(value, UUID) else value for value in values]
    if _are_texts_and_numbers(value for value in values if value is not None):
        values = [None if value is None else str(value) for value in values]
    return pa.array(values)


def _are_texts_and_numbers(values: Iterable[object]) -> bool:
    kinds = {type(value) for value in values}
    return str in kinds and kinds != {str} and all(issubclass(kind, (str, Number)) for kind in kinds)


def _as_text_where_mixed(frame: Any) -> Any:
    """The frame of pandas with texts in the columns that hold both texts and numbers, as a file of it would have."""
    frame = frame.copy(deep=False)
    for name in frame.columns:
        if _are_texts_and_numbers(frame[name].dropna()):
            frame[name] = frame[name].map(str, na_action="ignore")
    return frame


def _of_plain_types(table: pa.Table) -> pa.Table:
    """The table without types that a library adds to those of Arrow, such as intervals of pandas."""
    for index, field in enumerate(table.schema):
        is_coded = pa.types.is_dictionary(field.type)
        if isinstance(field.type.value_type if is_coded else field.type, pa.ExtensionType):
            chunks = table.column(index).chunks
            plain = [
                in_plain_types(one.dictionary).take(one.indices) if is_coded else in_plain_types(one) for one in chunks
            ]
            table = table.set_column(index, field.name, pa.chunked_array(plain or [pa.nulls(0)]))
    return table
