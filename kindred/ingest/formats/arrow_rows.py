"""Rows of a Parquet, Arrow, Feather or ORC file, read in small batches of the columns that are understood."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.lines import MAX_LINE_BYTES
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.formats.added_types import in_plain_types
from kindred.ingest.formats.columns import (
    check_firm_columns,
    missing_columns,
    not_understood,
    our_names,
    unread_columns,
)
from kindred.ingest.formats.no_records import marked
from kindred.ingest.formats.rows import Row, flattened
from kindred.ingest.formats.source import Source

if TYPE_CHECKING:
    from pyarrow import orc

PARQUET_MAGIC = b"PAR1"
ARROW_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
FEATHER_MAGIC = b"FEA1"
ORC_MAGIC = b"ORC"
_BATCH_ROWS = 2_048
_TEXT_BYTES = 256
_MOST_KEYS = 1_000  # of maps; more are no names of columns


def is_arrow(head: bytes) -> bool:
    """Whether a file that starts so is Parquet, Arrow, Feather or ORC."""
    if head.startswith(ORC_MAGIC):
        return b"\0" in head[:_TEXT_BYTES]  # a text may begin so
    return head.startswith((PARQUET_MAGIC, ARROW_MAGIC, FEATHER_MAGIC)) or (
        head.startswith(STREAM_MAGIC) and len(head) > 8 and head[8:9] != b"\xff"
    )


def read_arrow_rows(
    path: Location, file: IO[bytes], head: bytes, source: Source, remark: Callable[[str], None]
) -> Iterator[Row]:
    """Every row; times are in whole microseconds. What is odd about the columns is told to `remark`.

    Raises:
        RecordError: the file is broken, or lacks a column without which no row can be used.
    """
    number = 0
    try:
        with _open(file, head) as (schema, batches):
            ours = our_names(source, schema.names)
            if told := unread_columns(source, [ours.get(name, name) for name in schema.names]):
                remark(told)
            columns = _columns_to_read(schema, source, ours)
            sized = (
                ((values, batch.nbytes // max(batch.num_rows, 1)), _cells(values))
                for batch in batches(columns)
                for values in _values_of(_plain_batch(batch, ours))
            )
            for (values, size), cells in marked(sized):
                number += 1
                yield _row(number, cells if isinstance(cells, BadRecord) else values, size)
    except pa.ArrowException as error:
        raise RecordError(f"{path} can't be read after row {number}: {error}", "write the file again") from error


def arrow_columns(path: Location, file: IO[bytes], head: bytes) -> list[str]:
    """Names of the columns; beside each that holds columns of its own those as well, as `outer.inner`.

    Raises:
        RecordError: the file is broken.
    """
    try:
        with _open(file, head) as (schema, batches):
            keyed = [column.name for column in schema if _has_maps(column.type)]
            first = next(iter(batches(keyed)), None) if keyed else None
            rows = [row for row in _values_of(first) if isinstance(row, dict)] if first else []
            keys = dict.fromkeys(name for row in rows for name in flattened(row))
            within = keys if len(keys) <= _MOST_KEYS else ()
            return [name for column in schema for name in _names(column, within=within)]
    except pa.ArrowException as error:
        raise RecordError(f"{path} can't be read: {error}", "write the file again") from error


def _has_maps(kind: pa.DataType) -> bool:
    """Whether values of this type hold keys of their own in each row."""
    return pa.types.is_map(kind) or (pa.types.is_struct(kind) and any(_has_maps(one.type) for one in kind))


def _names(column: pa.Field, in_lists: bool = False, within: Collection[str] = ()) -> list[str]:
    """The name of the column, and of those within it.

    Args:
        column: of the file, or within one of its own.
        in_lists: whether those within each entry of a list count too.
        within: names of columns in full, of which some may be keys of a map.
    """
    if _has_maps(column.type):
        return [column.name, *(name for name in within if name.startswith(f"{column.name}."))]
    kind = column.type
    while in_lists and (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        kind = kind.value_type
    inner = kind if pa.types.is_struct(kind) else ()
    return [column.name, *(f"{column.name}.{name}" for one in inner for name in _names(one, in_lists))]


def _columns_to_read(schema: pa.Schema, source: Source, ours: Mapping[str, str]) -> list[str]:
    """Names of the columns that hold what the source knows; `ours` is what it calls those that it calls otherwise."""
    in_lists = bool(source.unfold)
    known = {one.name: [ours.get(name, name) for name in _names(one, in_lists, source.columns)] for one in schema}
    names = [name for inner in known.values() for name in inner]
    columns = [column for column, inner in known.items() if not {*inner}.isdisjoint(source.columns)]
    if twice := [name for name in columns if schema.names.count(name) > 1]:
        raise RecordError(f"{source.file} names a column twice: {', '.join(twice)}", "rename one of them")
    missing = missing_columns(source, names) if columns else ""
    if missing or not columns:
        raise not_understood(source, names, missing)
    check_firm_columns(source, names)
    return columns


@contextmanager
def _open(file: IO[bytes], head: bytes) -> Iterator[tuple[pa.Schema, Callable[[list[str]], Iterable[pa.RecordBatch]]]]:
    """Its columns, and what gives batches of some of them."""
    if head.startswith(PARQUET_MAGIC):
        with pq.ParquetFile(file, pre_buffer=False) as parquet:  # a thread that holds the file may abort Python's exit
            yield (
                parquet.schema_arrow,
                lambda columns: parquet.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False),
            )
    elif head.startswith(FEATHER_MAGIC):
        import pyarrow.feather as feather

        table = feather.read_table(file, memory_map=False, use_threads=False)
        yield table.schema, lambda columns: table.select(columns).to_batches(_BATCH_ROWS)
    elif head.startswith(ORC_MAGIC):
        from pyarrow import orc

        found = orc.ORCFile(file)
        yield found.schema, lambda columns: _stripes(found, columns)
    else:
        is_stream = head.startswith(STREAM_MAGIC)
        with pa.ipc.open_stream(file) if is_stream else pa.ipc.open_file(file) as reader:
            yield reader.schema, lambda columns: _record_batches(reader, columns)


def _stripes(file: orc.ORCFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    for number in range(file.nstripes):
        stripe = file.read_stripe(number, columns=columns)
        for start in range(0, stripe.num_rows, _BATCH_ROWS):
            yield stripe.slice(start, _BATCH_ROWS)


def _record_batches(
    reader: pa.RecordBatchReader | pa.RecordBatchFileReader, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    is_stream = not hasattr(reader, "get_batch")
    batches = reader if is_stream else (reader.get_batch(index) for index in range(reader.num_record_batches))
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            yield batch.slice(start, _BATCH_ROWS).select(columns)


def _plain_batch(batch: pa.RecordBatch, ours: Mapping[str, str]) -> pa.RecordBatch:
    columns = [_plain(in_plain_types(*pair)) for pair in zip(batch.columns, batch.schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=[ours.get(name, name) for name in batch.schema.names])


def _plain(column: pa.Array) -> pa.Array:
    """The column in types that Python can hold; what is finer than a microsecond tells no two events apart."""
    if pa.types.is_dictionary(column.type):
        return _plain(column.dictionary).take(column.indices)
    if pa.types.is_string_view(column.type):
        return column.cast(pa.large_string())
    if _is_binary(column.type):
        try:
            return column.cast(pa.large_string())  # what Spark and Hive have written without a word on its kind
        except pa.ArrowInvalid:
            return column
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    if pa.types.is_struct(column.type) and column.type.num_fields:
        inner = [_plain(one) for one in column.flatten()]
        return pa.StructArray.from_arrays(inner, names=[one.name for one in column.type], mask=column.is_null())
    return column


def _is_binary(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(is_one(kind) for is_one in kinds)


def _values_of(batch: pa.RecordBatch) -> Iterator[dict[str, object] | BadRecord]:
    try:
        yield from batch.to_pylist(maps_as_pydicts="lossy")
    except (ValueError, OverflowError):  # one value has no Python form; `to_pylist` fails before the first row comes
        for row in range(batch.num_rows):
            try:
                yield batch.slice(row, 1).to_pylist(maps_as_pydicts="lossy")[0]
            except UnicodeDecodeError as error:
                yield BadRecord(Reason.INVALID_UTF8, str(error.reason))
            except (ValueError, OverflowError) as error:
                yield BadRecord(Reason.WRONG_TYPE, str(error))


def _cells(values: dict[str, object] | BadRecord) -> list[object] | BadRecord:
    return values if isinstance(values, BadRecord) else [*values.values()]


def _row(number: int, values: dict[str, object] | BadRecord, size: int) -> Row:
    if isinstance(values, dict):
        size = sum(len(value) for value in values.values() if isinstance(value, (str, bytes))) + 8 * len(values)
        if size > MAX_LINE_BYTES:
            return Row(number, b"", size, BadRecord(Reason.LINE_TOO_LONG, f"{size:,} bytes"))
    return Row(number, b"", size, values)
