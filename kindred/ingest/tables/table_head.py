"""The head of a table of one's own: its columns, its first rows, and how its text is written."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.progress import silent
from kindred.ingest.bytes.addresses import TableAddress
from kindred.ingest.bytes.encodings import told_encoding
from kindred.ingest.bytes.lines import BUFFER_BYTES
from kindred.ingest.bytes.opening import is_stream, open_file
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.formats.arrow_rows import arrow_columns, is_arrow
from kindred.ingest.formats.columns import listed_columns
from kindred.ingest.formats.comments import without_comments
from kindred.ingest.formats.csv_rows import header_line, on_one_line, without_separator_line
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.impressions import CLICKS, is_impressions
from kindred.ingest.formats.paragraphs import is_paragraphs
from kindred.ingest.formats.partitions import partition_of
from kindred.ingest.formats.rows import Row, flattened
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.formats.sql_tables import columns_of_table
from kindred.ingest.tables.column_names import is_name_of, name_both_ends
from kindred.ingest.tables.headless import (
    GROUPS,
    is_grouped,
    is_number,
    is_value,
    names_an_end,
    no_names,
    proposed_columns,
)
from kindred.ingest.tables.known_files import known_layout
from kindred.ingest.tables.layouts import cells_of, in_layout
from kindred.ingest.tables.mapping import Layout
from kindred.ingest.tables.matrices import COLUMNS as MATRIX
from kindred.ingest.tables.matrices import (
    FIRST,
    LINES,
    TO_BE_TOLD,
    absent_in,
    begins_with_counts,
    users_of,
)

_SEPARATORS = ("::", "\t", ",", ";", "|")
_ROWS_LOOKED_AT = 2_000
_LINES_OF_TITLES = 12
_SQL = re.compile(r"\s*(?:create table|drop table|insert into|-- (?:mysql|mariadb|postgresql) )", re.IGNORECASE)
_WHAT_TO_DO = {
    Reason.LINE_TOO_LONG: "give each row a line of its own: jq -c '.LIST[]' FILE, LIST being where the rows stand",
}


@dataclass(frozen=True)
class Head:
    """What the beginning of a file tells.

    Attributes:
        columns: names of its columns; of JSON those of the first rows. What stands within another is `outer.inner`, and
            the outer one is left out.
        rows: its first rows.
        layout: how it is written, as far as readers of CSV need to be told.
        separator: what stands between its cells; empty of what is no CSV.
        broken: share of its first rows that can't be read, 0 to 1.
        twice: names that several of its columns have, whose values are not among the rows.
    """

    columns: tuple[str, ...]
    rows: tuple[Values, ...]
    layout: Layout
    separator: str = ""
    broken: float = 0.0
    twice: tuple[str, ...] = ()


def read_head(path: Location, layout: Layout) -> Head:
    """The head of a file; what the layout leaves open is told from the content, or from the name for some of MovieLens.

    Raises:
        RecordError: the file can't be read, or its first line names no columns.
        SettingsError: the layout names an unknown encoding.
    """
    if isinstance(path, TableAddress):
        return _of_database(path, layout)
    if is_stream(path):
        raise RecordError(f"{path} can be read only once, and its head is looked at first", "save it to a file")
    if layout.encoding:
        _check_encoding(layout.encoding)
    bare_layout = layout.model_copy(update={"separator": "", "columns": (), "encoding": "", "matrix": "", "absent": ""})
    with open_file(path) as file:
        start = file.content.peek(BUFFER_BYTES)
        if layout == Layout():
            layout = known_layout(path.name, start)
        if is_arrow(start):
            if layout.matrix:
                raise RecordError(f"{path} is no matrix of text, but Parquet or Arrow", "write it as CSV")
            with file.from_any_place() as content:
                names = arrow_columns(path, content, start)
            if not names:
                raise _no_column(path)
            return _with_rows(path, names, bare_layout)
    return _of_text(path, start, layout, bare_layout)


def _of_database(table: TableAddress, layout: Layout) -> Head:
    """The head of a table of a database."""
    if layout.matrix or layout.separator or layout.columns or layout.encoding:
        raise SettingsError(
            f"{table} is a table of a database, which has no separator, encoding or names given, and is no matrix",
            "leave --matrix, --separator, --columns and --encoding out",
        )
    return _with_rows(table, columns_of_table(table), layout)


def _of_text(path: Location, start: bytes, layout: Layout, bare_layout: Layout) -> Head:
    """The head of a file of text that begins so; `bare_layout` is what of the layout holds for what is no CSV."""
    text = _decoded(start, layout)
    is_json = text.startswith(("{", "["))
    if layout.matrix and is_json:
        raise RecordError(f"{path} is no matrix, but JSON", "load it without --matrix, or write it as CSV")
    if is_json or is_paragraphs(start):
        return _with_rows(path, [], bare_layout)
    if is_grouped(start) and not layout.columns:
        layout = GROUPS
    if is_impressions(start) and not layout.columns:
        layout = Layout(separator="\t", columns=CLICKS)
    bare = without_comments(text, names_an_end).lstrip("\r\n")
    separator = layout.separator or _separator(bare)
    if layout.matrix:
        return _of_matrix(path, bare, layout.model_copy(update={"separator": separator}))
    if layout.columns or len(separator) > 1 or bare != text:
        layout = layout.model_copy(update={"separator": separator})
    head = _with_rows(path, list(layout.columns) or _header(path, bare, separator), layout)
    return replace(head, separator=separator)


def _of_matrix(path: Location, text: str, layout: Layout) -> Head:
    """The head of the events that the cells of a matrix are."""
    names = list(layout.columns) or _names_in(text, layout.separator)
    if layout.matrix not in (TO_BE_TOLD, FIRST, LINES, *names):
        raise RecordError(f"{path} has no column {layout.matrix!r}", f"--user is one of {listed_columns(names)}")
    has_header = not layout.columns and not all(map(is_number, filter(None, names)))
    if not has_header and not layout.columns:
        layout = layout.model_copy(update={"columns": tuple(str(number) for number, _ in enumerate(names, 1))})
    layout = layout.model_copy(update={"matrix": users_of(layout.matrix, names, has_header)})
    head = _with_rows(path, list(MATRIX), layout)
    absent, are_marks = absent_in(row["rating"] for row in head.rows)
    if absent and not layout.absent:
        head = _with_rows(path, list(MATRIX), layout.model_copy(update={"absent": absent}))
    if not has_header and head.layout.columns[0] and begins_with_counts(head.rows, head.layout.columns[0]):
        return _of_matrix(path, text, layout.model_copy(update={"columns": ("", *layout.columns[:-1])}))
    return replace(head, columns=MATRIX[:2] if are_marks else MATRIX, separator=layout.separator)


def lists_of_rows(head: Head) -> dict[str, list[str]]:
    """The columns in which lists of rows of their own stand, and what the columns of these are called, in full."""
    found = dict[str, list[str]]()
    for name in head.columns:
        value = next((value for row in head.rows if _are_rows(value := row.get(name))), None)
        if isinstance(value, list):
            within = flattened(value[0])
            found[name] = [f"{name}.{inner}" for inner, held in within.items() if not isinstance(held, dict)]
    return found


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _with_rows(path: Location, names: list[str], layout: Layout) -> Head:
    parted = partition_of(path)
    twice = tuple(name for name, count in Counter(names).items() if count > 1)  # a fault only if one of them is used
    source = in_layout(
        Source([*(name for name in names if name not in twice), *parted], _never_parsed, names_columns=name_both_ends),
        layout,
    )
    head = list(islice(read_rows(path, source, silent), _ROWS_LOOKED_AT))
    rows = tuple(
        dict.fromkeys(twice) | dict(flattened(row.value)) for row in head if not isinstance(row.value, BadRecord)
    )
    are_in_rows = layout.unfold or not names or isinstance(path, TableAddress)  # columns of JSON of a database too
    columns = dict.fromkeys(chain(names, *rows) if are_in_rows else names)
    if not columns and head:
        raise _no_row(path, head[0])
    if not columns:
        raise _no_column(path)
    columns |= dict.fromkeys(parted)
    broken = 1 - len(rows) / max(len(head), 1)
    named = tuple(name for name in columns if not _holds_columns(name, rows))
    return Head(named, rows, layout, broken=broken, twice=twice)


def _holds_columns(name: str, rows: Sequence[Values]) -> bool:
    """Whether all that stands in a column are columns of its own."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return bool(values) and all(isinstance(value, dict) for value in values)


def _no_column(path: Location) -> RecordError:
    return RecordError(f"there is no column in {path}", "check that the right file was given")


def _no_row(path: Location, first: Row) -> RecordError:
    """The error of a file in whose beginning no row can be read."""
    if not isinstance(first.value, BadRecord):
        return _no_column(path)
    bad = first.value
    message = f"no row can be read at the beginning of {path}: line {first.number}, {bad.reason.value}, {bad.message}"
    objects = _objects_of_lists(path) if bad.reason is Reason.NOT_AN_OBJECT and not is_stream(path) else ""
    return RecordError(message, objects or _WHAT_TO_DO.get(bad.reason, "check that the right file was given"))


def _objects_of_lists(path: Location) -> str:
    """How to make objects of a file of JSON whose rows are lists; empty where they are none."""
    with open_file(path) as opened:
        text = _decoded(opened.content.peek(BUFFER_BYTES), Layout())
    within = re.match(r"\[\s*(?=\[)", text)
    with suppress(ValueError):
        first, _ = json.JSONDecoder().raw_decode(text[within.end() if within else 0 :])
        if isinstance(first, list) and len(first) > 1:
            names = proposed_columns([str(value) for value in first])
            held = ", ".join(f"{name}: .[{place}]" for place, name in enumerate(names) if name != "…")
            return f"make objects of lists: jq -c '{'.[] | ' if within else ''}{{{held}}}' FILE"
    return ""


def _never_parsed(row: Values) -> Parsed:
    return Parsed(())


def _check_encoding(name: str) -> None:
    try:
        codecs.lookup(name)
    except LookupError as error:
        raise SettingsError(f"there is no encoding {name!r}", "e.g. utf-8, latin-1, cp1251, utf-16") from error


def _decoded(start: bytes, layout: Layout) -> str:
    encoding = layout.encoding or told_encoding(start) or "utf-8"
    text = start.decode(encoding, errors="replace").lstrip("\ufeff \r\n")
    return without_separator_line(text.encode()).decode()


def _separator(text: str) -> str:
    first = header_line(text.encode()).decode()
    return max(_SEPARATORS, key=first.count) if any(map(first.count, _SEPARATORS)) else ","


def _check_first_line(path: Location, text: str) -> None:
    """Makes sure that a first line which names no column of users or items stands above no other that does.

    Raises:
        RecordError: it is a title, or the file holds statements of SQL.
    """
    first, *others = text.split("\n")[:_LINES_OF_TITLES]
    if _SQL.match(first):
        raise RecordError(f"{path} holds statements of SQL, not a table", "run them, and export the table as CSV")
    for number, line in enumerate(others, 2):
        names = cells_of(line.rstrip("\r"), _separator(line))
        if all(any(is_name_of(role, name) for name in names) for role in ("user", "item")):
            raise RecordError(
                f"line {number} of {path} names its columns, not the first: {first[:60].strip()}",
                f"leave out what stands above: tail -n +{number} FILE",
            )


def _names_in(text: str, separator: str) -> list[str]:
    """The cells of the first row."""
    row = header_line(text.encode()).decode() if len(separator) == 1 else text.split("\n", 1)[0]
    return [on_one_line(cell) for cell in cells_of(row.rstrip("\r"), separator)]


def _header(path: Location, text: str, separator: str) -> list[str]:
    line = text.split("\n", 1)[0].rstrip("\r")
    names = _names_in(text, separator)
    parts = [part.strip('"') for part in names[0].split()] if len(names) == 1 else []
    if len(parts) > 1 and all(map(is_number, parts)):
        raise no_names(path, text, parts, " ")
    if all(any(is_name_of(role, part) for part in parts) for role in ("user", "item")) and " " in names[0]:
        gap = re.search(" +", names[0])
        raise RecordError(
            f"blanks part the columns of {path}: {line[:100]}", f"say so: --separator '{gap[0] if gap else ' '}'"
        )
    is_named = any(is_name_of(role, name) for role in ("user", "item", "id") for name in names)
    if "".join(names[:1]).startswith("+--"):
        raise RecordError(f"{path} is a table as mysql prints it for people", "export it: mysql --batch -e 'SELECT …'")
    if not is_named:
        _check_first_line(path, text)
    numbers = sum(map(is_number, names))
    if not is_named and any(map(is_value, names)):
        raise no_names(path, text, names)
    if numbers and not is_named and (numbers == len(names) or len({*names}) < len(names) or not all(names[1:-1])):
        raise no_names(path, text, names)
    if not any(names):
        raise RecordError(f"the first line of {path} names no columns: {line[:100]}", "write the names into it")
    return [name for name in names if name]
