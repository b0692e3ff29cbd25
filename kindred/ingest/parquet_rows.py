"""Rows of a Parquet file, read in small batches of the columns that are understood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kindred.domain.errors import RecordError
from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.lines import KEPT_BYTES, MAX_LINE_BYTES
from kindred.ingest.rows import Row
from kindred.ingest.source import Source

PARQUET_MAGIC = b"PAR1"
_BATCH_ROWS = 2_048


def read_parquet_rows(path: Path, source: Source) -> Iterator[Row]:
    """Every row; `raw` is the row as JSON, and moments become seconds UTC.

    Raises:
        RecordError: the file is broken, or holds no column that the source knows.
    """
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name in source.columns]
            if not columns:
                known = ", ".join(source.columns)
                raise RecordError(f"{path} has no column that is understood", f"columns are {known}")
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
                for values in _values_of(batch):
                    number += 1
                    yield _row(number, values)
    except pa.ArrowException as error:
        raise RecordError(
            f"{path} can't be read after row {number}: {error}", "write the Parquet file again"
        ) from error


def _values_of(batch: pa.RecordBatch) -> Iterator[dict[str, object] | BadRecord]:
    try:
        yield from batch.to_pylist()
    except ValueError:  # one value has no Python form; `to_pylist` fails before the first row comes
        for row in range(batch.num_rows):
            try:
                yield batch.slice(row, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield BadRecord(Reason.INVALID_UTF8, str(error.reason))
            except ValueError as error:
                yield BadRecord(Reason.WRONG_TYPE, str(error))


def _row(number: int, values: dict[str, object] | BadRecord) -> Row:
    if isinstance(values, BadRecord):
        return Row(number, b"", 0, values)
    values = {name: _seconds(value) if isinstance(value, datetime) else value for name, value in values.items()}
    raw = json.dumps(values, default=repr).encode()
    if len(raw) > MAX_LINE_BYTES:
        return Row(number, raw[:KEPT_BYTES], len(raw), BadRecord(Reason.LINE_TOO_LONG, f"{len(raw):,} bytes"))
    return Row(number, raw, len(raw), values)


def _seconds(moment: datetime) -> int:
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
