"""Rows of a Parquet, Arrow or Feather file, read in small batches of the columns that are understood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from kindred.domain.errors import RecordError
from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.columns import listed_columns, missing_columns
from kindred.ingest.lines import MAX_LINE_BYTES
from kindred.ingest.remote import Location
from kindred.ingest.rows import Row
from kindred.ingest.source import Source

PARQUET_MAGIC = b"PAR1"
ARROW_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
FEATHER_MAGIC = b"FEA1"
_BATCH_ROWS = 2_048


def is_arrow(head: bytes) -> bool:
    """Whether a file that starts so is Parquet, Arrow or Feather."""
    return head.startswith((PARQUET_MAGIC, ARROW_MAGIC, FEATHER_MAGIC)) or (
        head.startswith(STREAM_MAGIC) and len(head) > 8 and head[8:9] != b"\xff"
    )


def read_arrow_rows(path: Location, file: IO[bytes], head: bytes, source: Source) -> Iterator[Row]:
    """Every row; times are in whole microseconds.

    Raises:
        RecordError: the file is broken, or lacks a column without which no row can be used.
    """
    number = 0
    try:
        with _open(file, head) as (names, batches):
            columns = [name for name in names if name in source.columns]
            if not columns:
                known = ", ".join(source.columns)
                raise RecordError(
                    f"{path} has no column that is understood among {listed_columns(names)}", f"columns are {known}"
                )
            if missing := missing_columns(source, names):
                raise RecordError(f"{path} has {missing}", f"columns are {', '.join(source.columns)}")
            for batch in batches(columns):
                size = batch.nbytes // max(batch.num_rows, 1)
                for values in _values_of(_in_microseconds(batch)):
                    number += 1
                    yield _row(number, values, size)
    except pa.ArrowException as error:
        raise RecordError(f"{path} can't be read after row {number}: {error}", "write the file again") from error


def arrow_columns(path: Location, file: IO[bytes], head: bytes) -> list[str]:
    """Names of the columns.

    Raises:
        RecordError: the file is broken.
    """
    try:
        with _open(file, head) as (names, _):
            return names
    except pa.ArrowException as error:
        raise RecordError(f"{path} can't be read: {error}", "write the file again") from error


@contextmanager
def _open(file: IO[bytes], head: bytes) -> Iterator[tuple[list[str], Callable[[list[str]], Iterable[pa.RecordBatch]]]]:
    """Names of the columns, and what gives batches of some of them."""
    if head.startswith(PARQUET_MAGIC):
        with pq.ParquetFile(file) as parquet:
            yield (
                parquet.schema_arrow.names,
                lambda columns: parquet.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False),
            )
    elif head.startswith(FEATHER_MAGIC):
        import pyarrow.feather as feather

        table = feather.read_table(file, memory_map=False)
        yield table.column_names, lambda columns: table.select(columns).to_batches(_BATCH_ROWS)
    else:
        is_stream = head.startswith(STREAM_MAGIC)
        with pa.ipc.open_stream(file) if is_stream else pa.ipc.open_file(file) as reader:
            yield reader.schema.names, lambda columns: _record_batches(reader, columns)


def _record_batches(
    reader: pa.RecordBatchReader | pa.RecordBatchFileReader, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    is_stream = not hasattr(reader, "get_batch")
    batches = reader if is_stream else (reader.get_batch(index) for index in range(reader.num_record_batches))
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            yield batch.slice(start, _BATCH_ROWS).select(columns)


def _in_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Timestamps of any unit as Python can hold them; what is finer than a microsecond tells no two events apart."""
    columns = []
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _values_of(batch: pa.RecordBatch) -> Iterator[dict[str, object] | BadRecord]:
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError):  # one value has no Python form; `to_pylist` fails before the first row comes
        for row in range(batch.num_rows):
            try:
                yield batch.slice(row, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield BadRecord(Reason.INVALID_UTF8, str(error.reason))
            except (ValueError, OverflowError) as error:
                yield BadRecord(Reason.WRONG_TYPE, str(error))


def _row(number: int, values: dict[str, object] | BadRecord, size: int) -> Row:
    if isinstance(values, dict):
        size = sum(len(value) for value in values.values() if isinstance(value, (str, bytes))) + 8 * len(values)
        if size > MAX_LINE_BYTES:
            return Row(number, b"", size, BadRecord(Reason.LINE_TOO_LONG, f"{size:,} bytes"))
    return Row(number, b"", size, values)
