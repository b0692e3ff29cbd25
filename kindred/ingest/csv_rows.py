"""Rows of a CSV file. A quote that is left open costs its own line, never the lines after it."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kindred.domain.errors import RecordError
from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.json_lines import decode_utf8
from kindred.ingest.lines import MAX_LINE_BYTES, Line
from kindred.ingest.rows import Row
from kindred.ingest.source import Source

# The limit belongs to the whole process and is 128 KiB at first; lines are bounded here already.
csv.field_size_limit(MAX_LINE_BYTES + 1)
_DELIMITERS = ",\t;"
_CSV_SUFFIXES = {".csv", ".tsv"}


def delimiter_of(path: Path, first_line: bytes, source: Source) -> str | None:
    """What parts the cells, if the first line is the header of a CSV file; None where it is not.

    Raises:
        RecordError: the file is named as CSV, or can be nothing else, and its first line holds no column known.
    """
    names = {name: _header_cells(first_line, name) & source.columns.keys() for name in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: len(names[delimiter]))
    if len(names[best]) >= 2:
        return best
    if _CSV_SUFFIXES & set(path.suffixes) or not source.quoted:
        known = ", ".join(source.columns)
        raise RecordError(f"{path} has no header that is understood: {first_line[:200]!r}", f"columns are {known}")
    return None


def _header_cells(line: bytes, delimiter: str) -> set[str]:
    cells = line.decode(errors="replace").split(delimiter)
    return {cell.strip().strip('"') for cell in cells}


def read_csv_rows(lines: Iterator[Line], delimiter: str, source: Source) -> Iterator[Row]:
    """Every row below the header; an empty cell is an absent value. A row may span lines where a quote is open.

    Raises:
        RecordError: the header names a column twice or can't be read.
    """
    header: list[str] | None = None
    split = _split_rows if source.quoted else _split_plain_rows
    for group, cells in split(lines, delimiter):
        raw = b"\n".join(line.raw for line in group)
        length = sum(line.length for line in group) + len(group) - 1
        if header is None:
            header = _header(cells)
            continue
        value = cells if isinstance(cells, BadRecord) else _values(header, cells, source)
        yield Row(group[0].number, raw, length, value)


def _header(cells: list[str] | BadRecord) -> list[str]:
    if isinstance(cells, BadRecord):
        raise RecordError(f"the header can't be read: {cells.message}", "repair the first line")
    header = [cell.strip() for cell in cells]
    if len(set(header)) != len(header):
        raise RecordError(f"the header names a column twice: {', '.join(header)}", "rename one of them")
    return header


def _values(header: list[str], cells: list[str], source: Source) -> Mapping[str, object] | BadRecord:
    if len(cells) != len(header):
        return BadRecord(Reason.BROKEN_CSV, f"{len(cells)} cells, the header has {len(header)}")
    return cell_values(header, cells, source)


def cell_values(
    columns: Sequence[str], cells: Sequence[str | None], source: Source
) -> Mapping[str, object] | BadRecord:
    """The values of the columns that the source knows; as many cells as columns, an empty one is an absent value."""
    values: dict[str, object] = {}
    for name, cell in zip(columns, cells, strict=True):
        if not cell or name not in source.columns:
            continue
        try:
            values[name] = source.columns[name](cell)
        except ValueError:
            return BadRecord(Reason.WRONG_TYPE, f"{cell[:100]!r}", name)
    return values


def _split_rows(lines: Iterator[Line], delimiter: str) -> Iterator[tuple[list[Line], list[str] | BadRecord]]:
    """Lines that make one row, and its cells. What a broken row took to find its closing quote is read again."""
    waiting: deque[Line] = deque()
    while (first := waiting.popleft() if waiting else next(lines, None)) is not None:
        if not first.raw.strip():
            continue
        group, cells = [first], _cells([first], delimiter)
        if isinstance(cells, BadRecord) and cells.reason is Reason.BROKEN_CSV and first.raw.count(b'"') % 2:
            longer = [first, *_until_closed(first.length, waiting, lines)]
            cells_of_all = _cells(longer, delimiter)
            if isinstance(cells_of_all, BadRecord):
                waiting.extendleft(reversed(longer[1:]))
            else:
                group, cells = longer, cells_of_all
        yield group, cells


def _split_plain_rows(lines: Iterator[Line], delimiter: str) -> Iterator[tuple[list[Line], list[str] | BadRecord]]:
    """Each line and its cells, quotes being characters like any other."""
    for line in lines:
        if line.raw.strip():
            text = _text(line.raw, line.length)
            yield [line], text if isinstance(text, BadRecord) else text.split(delimiter)


def _until_closed(size: int, waiting: deque[Line], lines: Iterator[Line]) -> Iterator[Line]:
    """The lines up to the one that closes a quote, or up to `MAX_LINE_BYTES` in all."""
    while size <= MAX_LINE_BYTES and (line := waiting.popleft() if waiting else next(lines, None)) is not None:
        yield line
        size += line.length + 1
        if line.raw.count(b'"') % 2:
            return


def _cells(group: list[Line], delimiter: str) -> list[str] | BadRecord:
    length = sum(line.length for line in group) + len(group) - 1
    text = _text(b"\n".join(line.raw for line in group), length)
    if isinstance(text, BadRecord):
        return text
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return BadRecord(Reason.BROKEN_CSV, str(error))


def _text(raw: bytes, length: int) -> str | BadRecord:
    """The text of a row of `length` bytes, without the carriage return that ends lines on Windows."""
    if length > MAX_LINE_BYTES:
        return BadRecord(Reason.LINE_TOO_LONG, f"{length:,} bytes")
    try:
        return decode_utf8(raw).removesuffix("\r")
    except BadRecord as bad:
        return bad
