"""Rows of a CSV file. A quote that is left open costs its own line, never the lines after it."""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.encodings import AS_UTF_8
from kindred.ingest.bytes.lines import MAX_LINE_BYTES, Line
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.cells.values import cell_of
from kindred.ingest.formats.columns import (
    check_firm_columns,
    listed_columns,
    missing_columns,
    not_understood,
    our_names,
)
from kindred.ingest.formats.json_lines import decode_utf8
from kindred.ingest.formats.no_records import marked
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Source

# The limit belongs to the whole process and is 128 KiB at first; lines are bounded here already.
csv.field_size_limit(MAX_LINE_BYTES + 1)
_DELIMITERS = ",\t;|"
# A quote after a backslash that is followed by more text: doubled quotes alone never make one within quotes.
_ESCAPED_QUOTE = re.compile(rb'\\"(?![",;|\t\r\n]|\s*$)')
_ROWS_LOOKED_AT = 100
_IN_QUOTES = re.compile(r'"[^"]*"')
_NO_ROWS = (b"", rb"\.")  # blank lines, and the end of a COPY of Postgres
_FRAME = re.compile(rb"[\s|+:=-]*-{3,}[\s|+:=-]*|\(\d+ rows?(?: affected)?\)")  # of tables printed for people
_ESCAPE = re.compile(rb'\\(["\\])')
_SEPARATOR_LINE = re.compile(rb'\s*"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's own first line
_LINES_OF_NAMES = 64  # that a header may take whose names have several lines, as wide sheets are written
_QUOTED = re.compile(rb'"[^"]*"')
_LEFT_OPEN = re.compile(rb'(?:^|[,\t;|])\s*"[^"]*$')
_PARTS = re.compile(r'[\ufeff\s"_-]+')  # of names of columns
_NEW_LINE = re.compile(r"\s*[\r\n]\s*")


@dataclass(frozen=True)
class Dialect:
    """How the cells of a CSV file are parted.

    Attributes:
        delimiter: what stands between two cells.
        escapes_quotes: a quote within quotes is written as \\", not doubled.
        follows_blanks: blanks after a delimiter are no part of the cell.
        quotes_texts: every text stands in quotes, as R writes them, so that NA without quotes is none.
    """

    delimiter: str
    escapes_quotes: bool = False
    follows_blanks: bool = False
    quotes_texts: bool = False

    def without_na(self, text: str) -> str:
        """The row with nothing where R writes that nothing is known."""
        if not self.quotes_texts or "NA" not in text:
            return text
        around = re.escape(self.delimiter)
        bare = rf'"(?:[^"]|"")*"|(?<![^{around}])NA(?![^{around}\r])'
        return re.sub(bare, lambda found: found[0] if found[0] != "NA" else "", text)


def without_separator_line(head: bytes) -> bytes:
    """The head of a file without the line that only says how its cells are parted."""
    first, _, rest = head.partition(b"\n")
    return rest if _SEPARATOR_LINE.fullmatch(first) else head


def header_line(head: bytes) -> bytes:
    """The first row of a file that begins so: one line, or as many as its names take that go on within quotes."""
    lines = without_separator_line(head).split(b"\n", _LINES_OF_NAMES)[:_LINES_OF_NAMES]
    for count in range(1, len(lines) + 1):
        row = b"\n".join(lines[:count])
        if not _LEFT_OPEN.search(_QUOTED.sub(b"", row)):
            return row
    return lines[0]


def on_one_line(name: str) -> str:
    """The name of a column with a blank for each line that it goes on to."""
    return _NEW_LINE.sub(" ", name.strip())


def has_blanks(first: str, delimiter: str) -> bool:
    """Whether a blank stands after every delimiter of a line that is not within quotes."""
    cells = _IN_QUOTES.sub("", first).split(delimiter)[1:]
    return not delimiter.isspace() and bool(cells) and all(cell.startswith(" ") for cell in cells)


def dialect_of(head: bytes, source: Source) -> Dialect | None:
    """How the cells of a CSV file are parted, if the first line is its header; None where the file is no CSV.

    Raises:
        RecordError: the file can be nothing but CSV, and its first line holds no column known.
    """
    first = _first_row(head, source)
    cells = {name: _header_cells(first, name, source) for name in _DELIMITERS}
    known = {name: {*cells[name]} & {*source.columns} for name in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: (len(known[delimiter]), len(cells[delimiter])))
    is_table = not source.quoted or not first.startswith((b"{", b"["))
    if first and is_table and (not known[best] or (missing := missing_columns(source, cells[best]))):
        raise not_understood(source, cells[best], missing if known[best] else "", _repeats_names(first, best))
    if not known[best] or first.startswith(b"{"):
        return None
    return dialect_with(best, head, source)


def dialect_with(delimiter: str, head: bytes, source: Source) -> Dialect:
    """How the cells between these delimiters are written, as the head of the file shows it."""
    if not source.quoted:
        return Dialect(delimiter)
    first = header_line(head).decode(errors="replace")
    names = [cell.strip() for cell in first.split(delimiter)]
    quotes_texts = all(len(name) > 1 and name[0] == name[-1] == '"' for name in names)
    return Dialect(delimiter, bool(_ESCAPED_QUOTE.search(head)), has_blanks(first, delimiter), quotes_texts)


def header_of(head: bytes, dialect: Dialect, source: Source) -> list[str]:
    """The names of the columns, as the source calls those that it knows."""
    return _header_cells(_first_row(head, source), dialect.delimiter, source)


def _first_row(head: bytes, source: Source) -> bytes:
    start = head.lstrip()
    return (header_line(start) if source.quoted else without_separator_line(start).split(b"\n", 1)[0]).strip()


def _repeats_names(first: bytes, delimiter: str) -> bool:
    """Whether a first line names several columns alike, as the first of several lines of a header does."""
    names = _names_in(first, delimiter)
    return len({*names}) < len(names)


def _names_in(line: bytes, delimiter: str) -> list[str]:
    """The names in a header, as they stand there."""
    cells = line.decode(errors="replace").split(delimiter)
    return [name for cell in cells if (name := on_one_line(cell.strip().strip('"')))]


def _header_cells(line: bytes, delimiter: str, source: Source) -> list[str]:
    """The names in a header, each once, as the source calls them."""
    names = list(dict.fromkeys(_names_in(line, delimiter)))
    ours = our_names(source, names)
    return [ours.get(name, name) for name in names]


def read_csv_rows(lines: Iterator[Line], dialect: Dialect, source: Source) -> Iterator[Row]:
    """Every row below the header; an empty cell is None. A row may span lines where a quote is open.

    A header that comes again, as where files were joined to one, is no row, says the order of columns below it, and is
    told. Lines of sums, kinds or units are bad records.

    Args:
        lines: of the file.
        dialect: how they are parted.
        source: what the rows are.

    Raises:
        RecordError: the header names a column twice, lacks one that is firm or can't be read; or another one below it
            lacks a column that is read.
    """
    if dialect.escapes_quotes:
        lines = (line._replace(raw=_ESCAPE.sub(_unescaped, line.raw)) for line in lines)
    rows = (_split_rows if source.quoted else _split_plain_rows)(lines, dialect)
    head = list(islice(rows, _ROWS_LOOKED_AT))
    if head and head[0][0][0].number == 1 and _SEPARATOR_LINE.fullmatch(head[0][0][0].raw):
        head = head[1:]
    if not head:
        return
    first = head[0][1]
    names = _header(first, source)
    titles = dict(zip(map(_plain_name, [] if isinstance(first, BadRecord) else first), names, strict=True))
    header = ["", *names] if _are_named([cells for _, cells in head], len(names)) else names
    check_firm_columns(source, header)
    is_all_known = all(name in source.columns for name in header if name)
    width = num_again = 0
    for group, cells in marked(
        chain(head[1:], rows), lambda found: all(_plain_name(cell) in titles for cell in found), source.names_columns
    ):
        length = sum(line.length for line in group) + len(group) - 1
        if not isinstance(cells, BadRecord) and (
            again := _header_again(cells, header, titles, source, group[0].number)
        ):
            header, num_again, width = again, num_again + 1, 0
            continue
        if isinstance(cells, BadRecord) and cells.reason is Reason.BROKEN_CSV:
            cells = _with_other_quotes(group, dialect, len(header)) or cells
        value = cells if isinstance(cells, BadRecord) else _values(header, cells, source, width)
        if not width and not isinstance(cells, BadRecord) and not isinstance(value, BadRecord):
            width = len(cells)
        # Which cells of a broken row are those that parsing leaves out can't be told, so it is kept only without such.
        raw = b"\n".join(line.raw for line in group) if is_all_known else b""
        yield Row(group[0].number, raw, length, value)
    if num_again:
        source.remark(f"{num_again:,} more line{'s' * (num_again > 1)} with the names of the columns: no rows")


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return b'""' if escape[1] == b'"' else escape[1]


def _header(cells: list[str] | BadRecord, source: Source) -> list[str]:
    """The names of the columns, as the source calls them."""
    if isinstance(cells, BadRecord):
        next_step = AS_UTF_8 if cells.reason is Reason.INVALID_UTF8 else "repair the first line"
        raise RecordError(f"the header of {source.file} can't be read: {cells.message}", next_step)
    header = [on_one_line(cell) for cell in cells]
    counts = Counter(column for column in header if column)
    ours = our_names(source, counts)
    if twice := [
        column for column, count in counts.items() if count > 1 and ours.get(column, column) in source.columns
    ]:
        raise RecordError(
            f"the header of {source.file} names a column twice: {listed_columns(twice)}", "rename one of them"
        )
    return [ours.get(column, column) for column in header]


def _are_named(rows: Sequence[list[str] | BadRecord], width: int) -> bool:
    """Whether each row begins with a number of its own, which the header has no cell for: what R writes by itself."""
    below = [cells for cells in rows if isinstance(cells, list) and len(cells) > width]
    numbers = [cells[0] for cells in below if len(cells) == width + 1]
    return len(numbers) == len(rows) - 1 > 1 and numbers == [str(number) for number, _ in enumerate(numbers, 1)]


def _header_again(
    cells: Sequence[str], header: Sequence[str], titles: Mapping[str, str], source: Source, line: int
) -> list[str]:
    """The names of the columns where a line names them again, in this order or another; empty where it is a row.

    Args:
        cells: of the line.
        header: the names so far.
        titles: the same by how the file writes them, in lower case and without what parts words.
        source: what the rows are.
        line: its number.

    Raises:
        RecordError: it names the columns that are wanted, and lacks another that is read.
    """
    if _plain_name(cells[0]) not in titles:  # most are rows, and that is their cost
        return []
    names = [titles.get(_plain_name(cell), str(cell)) for cell in cells]
    bare = [name for name in header if name]
    if sorted(name for name in names if name) == sorted(bare):
        return names if len(names) == len(header) else ["", *names]
    ends = [{*columns} & {*header} for columns in source.wanted.values()]
    if len(ends) < 2 or not all(end & {*names} for end in ends):
        return []
    if lost := [name for name in bare if name in source.columns and name not in names]:
        raise RecordError(
            f"line {line} of {source.file} names other columns than the first, without {listed_columns(lost)}: "
            f"{listed_columns(names)}",
            "these are tables of two kinds: save each as a file, and load one after the other",
        )
    return names


def _plain_name(cell: object) -> str:
    """What names a column, however its words are parted."""
    return _PARTS.sub("", str(cell)).casefold()


def _values(header: list[str], cells: Sequence[str], source: Source, width: int) -> Mapping[str, object] | BadRecord:
    """The cells by column; a bad record where they are too many or too few, `width` being how many the first row has.

    A row that is shorter than that and ends in an empty cell lacks a separator, so that its cells stand too far left.
    """
    if source.takes_rest and len(cells) > len(header) and header[-1] in source.columns:
        return cell_values(header[:-1], cells, source) | {
            header[-1]: [cell for cell in cells[len(header) - 1 :] if cell]
        }
    if len(cells) != len(header) and not _fits(header, cells):
        return BadRecord(Reason.BROKEN_CSV, f"{len(cells)} cells, the header has {len(header)}")
    if len(cells) < width and not cells[-1] and any(header[len(cells) - 1 :]):
        return BadRecord(Reason.BROKEN_CSV, f"{len(cells)} cells, the first row has {width}")
    return cell_values(header, cells, source)


def _fits(header: list[str], cells: Sequence[str]) -> bool:
    """Whether only cells without a value or a name are too many or missing: what commas at the end of lines make."""
    return not any(cells[len(header) :]) and not any(header[len(cells) :])


def cell_values(columns: Sequence[str], cells: Sequence[str | None], source: Source) -> dict[str, object]:
    """The cells of the columns that the source knows; None where a cell stands for nothing."""
    return {
        name: None if cell is None else cell_of(cell)
        for name, cell in zip(columns, cells, strict=False)
        if name in source.columns
    }


def _is_no_row(line: bytes) -> bool:
    """Whether a line holds nothing, or frames a table that psql, sqlcmd or Markdown printed."""
    bare = line.strip()
    return bare in _NO_ROWS or (bare[:1] in (b"-", b"|", b"+", b"(") and bool(_FRAME.fullmatch(bare)))


def _split_rows(lines: Iterator[Line], dialect: Dialect) -> Iterator[tuple[list[Line], list[str] | BadRecord]]:
    """Lines that make one row, and its cells. What a broken row took to find its closing quote is read again."""
    waiting: deque[Line] = deque()
    while (first := waiting.popleft() if waiting else next(lines, None)) is not None:
        if _is_no_row(first.raw):
            continue
        group, cells = [first], _cells([first], dialect)
        if isinstance(cells, BadRecord) and cells.reason is Reason.BROKEN_CSV and first.raw.count(b'"') % 2:
            longer = [first, *_until_closed(first.length, waiting, lines)]
            cells_of_all = _cells(longer, dialect)
            if isinstance(cells_of_all, BadRecord):
                waiting.extendleft(reversed(longer[1:]))
            else:
                group, cells = longer, cells_of_all
        yield group, cells


def _with_other_quotes(group: list[Line], dialect: Dialect, length: int) -> list[str] | None:
    """The cells of a row whose quotes are written otherwise than in the head of the file; None where they don't fit.

    After a backslash, or, between tabs, as characters like any other.
    """
    first = group[0]
    if b'\\"' in first.raw:
        cells = _cells([first._replace(raw=_ESCAPE.sub(_unescaped, first.raw))], dialect)
        if isinstance(cells, list) and len(cells) == length:
            return cells
    text = _text(first.raw, first.length)
    parts = text.split("\t") if isinstance(text, str) and dialect.delimiter == "\t" else []
    return parts if len(parts) == length else None


def _split_plain_rows(lines: Iterator[Line], dialect: Dialect) -> Iterator[tuple[list[Line], list[str] | BadRecord]]:
    """Each line and its cells, quotes being characters like any other."""
    for line in lines:
        if not _is_no_row(line.raw):
            text = _text(line.raw, line.length)
            yield [line], text if isinstance(text, BadRecord) else text.split(dialect.delimiter)


def _until_closed(size: int, waiting: deque[Line], lines: Iterator[Line]) -> Iterator[Line]:
    """The lines up to the one that closes a quote, or up to `MAX_LINE_BYTES` in all."""
    while size <= MAX_LINE_BYTES and (line := waiting.popleft() if waiting else next(lines, None)) is not None:
        yield line
        size += line.length + 1
        if line.raw.count(b'"') % 2:
            return


def _cells(group: list[Line], dialect: Dialect) -> list[str] | BadRecord:
    length = sum(line.length for line in group) + len(group) - 1
    text = _text(b"\n".join(line.raw for line in group), length)
    if isinstance(text, BadRecord):
        return text
    try:
        reader = csv.reader(
            [dialect.without_na(text)],
            delimiter=dialect.delimiter,
            skipinitialspace=dialect.follows_blanks,
            strict=True,
        )
        return next(reader)
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
