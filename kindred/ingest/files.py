"""Rows of a source file, whatever its format: JSON lines, CSV or Parquet, the first two perhaps packed with gzip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kindred.domain.errors import RecordError
from kindred.domain.progress import Progress
from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.csv_rows import delimiter_of, read_csv_rows
from kindred.ingest.lines import BUFFER_BYTES, MAX_LINE_BYTES, Line, OpenFile, open_file, read_lines
from kindred.ingest.parquet_rows import PARQUET_MAGIC, read_parquet_rows
from kindred.ingest.rows import Row
from kindred.ingest.source import Source

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ARRAY_START = re.compile(rb"\[\s*(\{|$)")
_ROWS_PER_REPORT = 4096


def read_rows(path: Path, source: Source, progress: Progress) -> Iterator[Row]:
    """Every row of the file, streamed; blank lines are no rows. The format is told from the content.

    Raises:
        RecordError: the file as a whole can't be read.
    """
    stage = f"reading {path.name}"
    if source.read_folder and path.is_dir():
        for count, row in enumerate(source.read_folder(path), 1):
            progress(stage, count, None)
            yield row
        return
    with open_file(path) as file:
        for count, row in enumerate(_rows_of(path, file, source)):
            if count % _ROWS_PER_REPORT == 0:
                progress(stage, min(file.packed.tell(), file.size), file.size)
            yield row
        progress(stage, file.size, file.size)


def _rows_of(path: Path, file: OpenFile, source: Source) -> Iterator[Row]:
    head = file.content.peek(BUFFER_BYTES)
    if head.startswith(PARQUET_MAGIC):
        return read_parquet_rows(path, source)
    if head.startswith(_UTF16_MARKS):
        raise RecordError(f"{path} is UTF-16", f"convert it: iconv -f UTF-16 -t UTF-8 {path} > converted")
    if source.read and (rows := source.read(file.content)) is not None:
        return rows
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0].strip()
    if _ARRAY_START.match(first):
        raise RecordError(
            f"{path} is one JSON array, not one JSON object a line", f"convert it: jq -c '.[]' {path} > lines.jsonl"
        )
    lines = read_lines(file.content)
    if source.encoding != "utf-8":
        lines = _in_utf8(lines, source.encoding)
    if delimiter := delimiter_of(path, first, source):
        return read_csv_rows(lines, delimiter, source)
    return _read_json_rows(lines, source)


def _in_utf8(lines: Iterator[Line], encoding: str) -> Iterator[Line]:
    """The lines of a file in another encoding; one that is not in it either stays as it is, and is judged later."""
    for line in lines:
        with suppress(UnicodeDecodeError):
            line = line._replace(raw=line.raw.decode(encoding).encode())
        yield line


def _read_json_rows(lines: Iterator[Line], source: Source) -> Iterator[Row]:
    for number, raw, length in lines:
        if length > MAX_LINE_BYTES:
            yield Row(number, raw, length, BadRecord(Reason.LINE_TOO_LONG, f"{length:,} bytes"))
            continue
        try:
            value = source.decode(raw)
        except BadRecord as bad:
            if raw.strip():
                yield Row(number, raw, length, bad)
            continue
        if isinstance(value, dict):
            yield Row(number, raw, length, value)
        else:
            yield Row(number, raw, length, BadRecord(Reason.NOT_AN_OBJECT, f"a {type(value).__name__}"))
