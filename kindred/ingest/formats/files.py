"""Rows of a file, however it is packed, or of a table: JSON lines, one JSON array, CSV, Parquet, Arrow, Feather."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from kindred.domain.errors import RecordError
from kindred.domain.progress import Progress
from kindred.ingest.bytes.addresses import TableAddress
from kindred.ingest.bytes.encodings import in_utf8, is_windows_1252, wide_encoding
from kindred.ingest.bytes.lines import BUFFER_BYTES, MAX_LINE_BYTES, Line, read_lines
from kindred.ingest.bytes.opening import OpenFile, open_file
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.formats.arrow_rows import is_arrow, read_arrow_rows
from kindred.ingest.formats.columns import our_names, unread_columns
from kindred.ingest.formats.comments import below_comments
from kindred.ingest.formats.csv_rows import dialect_of, header_of, read_csv_rows
from kindred.ingest.formats.json_arrays import objects_run_on, read_array
from kindred.ingest.formats.json_lines import known_pairs
from kindred.ingest.formats.no_records import marked
from kindred.ingest.formats.paragraphs import is_paragraphs, read_paragraphs
from kindred.ingest.formats.partitions import partition_of, with_columns, without_columns
from kindred.ingest.formats.rows import Row, carried_down, unfolded, with_objects
from kindred.ingest.formats.source import Source, unremarked
from kindred.ingest.formats.sql_tables import read_table

Remark = Callable[[str], None]

_ARRAY_START = re.compile(rb"\[\s*(\{|$)")
_ROWS_PER_REPORT = 1024
_ROWS_LOOKED_AT = 200  # that tell which columns a file of JSON lines has
_UTF8_MARK = b"\xef\xbb\xbf"
_DOCUMENT = "_source"  # search engines dump documents in a wrapper
_BULK_ACTIONS = ("index", "create", "delete")  # and load them from files in which a line of these is above each


def read_rows(path: Location, source: Source, progress: Progress, remark: Remark = unremarked) -> Iterator[Row]:
    """Every row of the file, streamed; blank lines are no rows. The format is told from the content.

    Args:
        path: the file, here or at an address; `-` is standard input.
        source: what its rows are.
        progress: told how many rows are read, of about how many.
        remark: told what had to be decided about the file as a whole.

    Raises:
        RecordError: the file as a whole can't be read.
    """
    stage = f"reading {path.name or path}"
    count = 0
    whole = None
    if isinstance(path, TableAddress):
        whole = _unfolded(read_table(path, source), source)
    elif source.read_folder and isinstance(path, Path) and path.is_dir():
        whole = source.read_folder(path)
    if whole is not None:
        for count, row in enumerate(whole, 1):
            progress(stage, count, None)
            yield row
        return
    source = replace(source, file=str(path), remark=remark)
    parted = {name: value for name, value in partition_of(path).items() if name in source.columns}
    with open_file(path, unpack=not source.is_archive) as file:
        rows = _unfolded(_rows_of(path, file, without_columns(source, parted) if parted else source, remark), source)
        for count, row in enumerate(_with_columns(with_columns(rows, parted) if parted else rows, source, remark), 1):
            if count % _ROWS_PER_REPORT == 0:
                share = file.share_read
                progress(stage, count, None if not share else max(count, round(count / share)))
            yield row
    progress(stage, count, count)


def _unfolded(rows: Iterator[Row], source: Source) -> Iterator[Row]:
    if source.objects:
        rows = with_objects(rows, source.objects, source.columns)
    if source.carried_by:
        rows = carried_down(rows, source.carried_by, source.carried)
    return unfolded(rows, source.unfold, source.parted_by, source.beside) if source.unfold else rows


def _with_columns(rows: Iterator[Row], source: Source, remark: Remark) -> Iterator[Row]:
    """The rows in the source's names, each with None in those optional columns that it lacks and the file has."""
    if source.is_archive:  # of whose rows each may be large
        return rows
    head = list(islice(rows, _ROWS_LOOKED_AT))
    found = dict.fromkeys(name for row in head if isinstance(row.value, dict) for name in row.value)
    rows = chain(head, rows)
    if ours := our_names(source, found):
        rows = _renamed(rows, ours)
    if told := unread_columns(source, [ours.get(name, name) for name in found]):
        remark(told)
    present = [name for name in source.optional if name in found or name in ours.values()]
    return _filled(rows, present) if present else rows


def _renamed(rows: Iterator[Row], ours: Mapping[str, str]) -> Iterator[Row]:
    for row in rows:
        if isinstance(row.value, dict):
            row = row._replace(value={ours.get(name, name): value for name, value in row.value.items()})
        yield row


def _filled(rows: Iterator[Row], names: list[str]) -> Iterator[Row]:
    for row in rows:
        if isinstance(row.value, dict):
            for name in names:
                row.value.setdefault(name)
        yield row


def _rows_of(path: Location, file: OpenFile, source: Source, remark: Remark) -> Iterator[Row]:
    content = file.content
    head = content.peek(BUFFER_BYTES)
    if is_arrow(head) and not source.is_archive:
        return _arrow_rows(path, file, head, source, remark)
    if source.read and (rows := source.read(content, source)) is not None:
        return rows
    encoding = wide_encoding(head)
    if encoding is None and source.encoding == "utf-8" and not head.startswith((b"{", b"[")) and is_windows_1252(head):
        encoding = "cp1252"
        remark("read as Windows-1252, since it is no UTF-8")
    if encoding:
        content = in_utf8(content, encoding)
        head = content.peek(BUFFER_BYTES)
    head = head.removeprefix(_UTF8_MARK)
    first = head.lstrip().split(b"\n", 1)[0].strip()
    if _ARRAY_START.match(first) or objects_run_on(head):
        if source.encoding != "utf-8" and not encoding:
            content = in_utf8(content, source.encoding)
        return _told_apart(_read_json_rows(read_array(path, content), source))
    if b"\x00" in first and not first.startswith(b"{"):
        raise RecordError(
            f"{path} is no text, and no other format that is understood", "give JSON lines, CSV or Parquet"
        )
    lines = read_lines(content)
    if is_paragraphs(head):
        return read_paragraphs(lines)
    if source.encoding != "utf-8" and not encoding:
        lines = _in_utf8(lines, source.encoding)
        head = head.decode(source.encoding, errors="replace").encode()
    lines, head = below_comments(lines, head, source.columns)
    if dialect := dialect_of(head, source):
        if told := unread_columns(source, header_of(head, dialect, source)):
            remark(told)
        return read_csv_rows(lines, dialect, source)
    return _told_apart(_read_json_rows(lines, source))


def _arrow_rows(path: Location, file: OpenFile, head: bytes, source: Source, remark: Remark) -> Iterator[Row]:
    """Arrow files are read from any place, so what came packed, from elsewhere or through a pipe is a file first."""
    with file.from_any_place() as content:
        yield from read_arrow_rows(path, content, head, source, remark)


def _in_utf8(lines: Iterator[Line], encoding: str) -> Iterator[Line]:
    """The lines of a file in another encoding; one that is not in it either stays as it is, and is judged later."""
    for line in lines:
        with suppress(UnicodeDecodeError):
            line = line._replace(raw=line.raw.decode(encoding).encode())
        yield line


def _read_json_rows(lines: Iterator[Line], source: Source) -> Iterator[Row]:
    for number, raw, length in lines:
        if length > MAX_LINE_BYTES:
            too_long = BadRecord(Reason.LINE_TOO_LONG, f"{length:,} bytes")
            yield Row(number, known_pairs(raw, source.columns), length, too_long)
            continue
        try:
            value = source.decode(raw)
        except BadRecord as bad:
            if raw.strip():
                yield Row(number, known_pairs(raw, source.columns), length, bad)
            continue
        if not isinstance(value, dict):
            yield Row(number, b"", length, BadRecord(Reason.NOT_AN_OBJECT, f"a {_kind(value)} and no object"))
            continue
        if _is_bulk_action(value):
            continue
        document = value.get(_DOCUMENT)
        yield Row(number, raw, length, document if isinstance(document, dict) else value)


def _told_apart(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows, those that hold sums of the others as bad records."""
    pairs = ((row, row.value if isinstance(row.value, BadRecord) else [*row.value.values()]) for row in rows)
    for row, cells in marked(pairs):
        yield row._replace(value=cells) if isinstance(cells, BadRecord) else row


def _is_bulk_action(value: dict[str, object]) -> bool:
    """Whether the line only says where a search engine is to put the document in the next one."""
    if len(value) != 1:
        return False
    ((action, target),) = value.items()
    is_target = isinstance(target, dict) and (not target or any(name.startswith("_") for name in target))
    return action in _BULK_ACTIONS and is_target


def _kind(value: object) -> str:
    """What JSON calls a value that is no object."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    return {"list": "list", "str": "text"}.get(type(value).__name__, "number")
