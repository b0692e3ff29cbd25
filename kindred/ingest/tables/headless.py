"""Tables whose first line names no columns: groups of one item, and what to propose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.lines import Line
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.times import milliseconds_of
from kindred.ingest.tables.column_names import is_name_of
from kindred.ingest.tables.mapping import Layout

GROUPS = Layout(separator=",", columns=("item_id", "user_id", "rating", "date"))
"""How rows of groups are written once each says its item."""
_GROUP = re.compile(rb"(\d+):\s*")
_GROUPS = re.compile(rb"\d+:\s*\n\d+,\d+,\d{4}-\d\d-\d\d\s")
_ASIN = re.compile(r"B0[0-9A-Z]{8}|\d{9}[\dX]")  # a product of Amazon, before whose reviewer it stands in 2018
_HASH = re.compile(r"[0-9a-f]{8}")
_MANY_HASHES = 8
_HAPPENED = ("view", "click", "cart", "order", "buy", "purchase", "play", "listen", "read", "rent", "like", "fav", "pv")
_LEAST_TIME = 10**8  # seconds, or milliseconds: no rating is as high
_HIGHEST_RATING = 100
_LINES_COMPARED = 20
_LINES_OF_VALUES = 500
_FEWEST_VALUES = 5
_HIGHEST_SCALE = 10
_MOST_RATINGS = 21
_SIGNS = ("::", "\t", ",", ";", "|", " ")
_LARGEST_PROPOSAL = 12


def is_grouped(head: bytes) -> bool:
    """Whether a line such as `1:` names the item of the rows below it, as in the data of the Netflix Prize."""
    return _GROUPS.match(head) is not None


def rows_of_groups(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, each with the item of its group before it."""
    item = b""
    for line in lines:
        if found := _GROUP.fullmatch(line.raw):
            item = found[1] + b","
        else:
            yield line._replace(raw=item + line.raw)


def names_an_end(cell: str) -> bool:
    """Whether it is what a column of users or items is called."""
    return any(is_name_of(role, cell) for role in ("user", "item"))


def is_number(cell: str) -> bool:
    """Whether it is a number as tables write them, and so no name of a column."""
    return re.fullmatch(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", cell) is not None


def is_value(cell: str) -> bool:
    """Whether it is a time, or nothing as Postgres writes it, and so no name of a column."""
    return cell == r"\N" or (not is_number(cell) and _kind_of(cell) == "at")


def rows_with_open_end(lines: Iterable[Line], separator: bytes, columns: int) -> Iterator[Line]:
    """The lines, the last cell quoted where separators stand in it and no cell is quoted: a title with commas."""
    for line in lines:
        *cells, end = line.raw.split(separator, columns - 1)
        if separator in end and not end.startswith(b'"') and not any(b'"' in cell for cell in cells):
            quoted = end.rstrip(b"\r").replace(b'"', b'""')
            yield line._replace(raw=separator.join([*cells, b'"' + quoted + b'"']))
        else:
            yield line


def no_names(path: Location, text: str, cells: Sequence[str], separator: str = "") -> RecordError:
    """The error of a file whose first line names no columns.

    Args:
        path: the file.
        text: its beginning.
        cells: of its first line.
        separator: what stands between them where it has to be said.
    """
    lines = text.split("\n")[:_LINES_COMPARED]
    message = f"the first line of {path} names no columns: {lines[0].strip()[:100]}"
    if sum(_HASH.fullmatch(cell) is not None for cell in cells) >= _MANY_HASHES:
        return RecordError(
            f"{message}; they look like features of displayed ads, as Criteo's, which name neither user nor item",
            "each row must say who and what: if two of its columns do, name all in this order: --columns A,B,…",
        )
    counts = {len(line.split()) for line in lines[:-1]}
    if separator == " " and len(counts) > 1:
        rows = "awk '{for (i = 2; i <= NF; i++) print $1, $i}' FILE"
        return RecordError(message, f"if its lines hold a user and a list of items: {rows}, then --separator ' '")
    if len(cells) > _LARGEST_PROPOSAL and all(is_number(cell) for cell in cells if cell):
        return RecordError(
            message, "if a line is a user and a column an item: --matrix; else name the columns: --columns A,B,…"
        )
    parted = f"--separator '{separator}' " if separator else ""
    columns = _columns_of(text, cells, separator)
    names = proposed_columns(cells, columns)
    return RecordError(
        message, f"name them in this order, e.g. {parted}--columns {','.join(names)}{_doubts(names, columns)}"
    )


def _columns_of(text: str, cells: Sequence[str], separator: str) -> list[list[str]]:
    """What stands in each column of the first lines that have as many cells as the first one."""
    first, *others = text.split("\n")[:_LINES_OF_VALUES]
    signs = (separator, *_SIGNS) if separator else _SIGNS
    sign = next((sign for sign in signs if len(first.split(sign)) == len(cells)), "")
    rows = [[cell.strip('" \r') for cell in line.split(sign)] for line in others[:-1]] if sign else []
    return [list(column) for column in zip(cells, *(row for row in rows if len(row) == len(cells)), strict=True)]


def _doubts(names: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    """What else the columns may be, where it can't be told."""
    ids = [
        name for name, values in zip(names, columns, strict=False) if re.fullmatch(r"c\d+", name) and _are_ids(values)
    ]
    if ids:
        several = f"{' and '.join(ids)} may be ids of other things, or numbers"
        return f"; {several}: call the one item that was taken, and what is a rating or a count rating or weight"
    is_short = not columns or len(columns[0]) < _FEWEST_VALUES
    return "" if "rating" not in names or "at" in names or is_short else "; weight in place of rating if it is a count"


def _are_ids(values: Sequence[str]) -> bool:
    return len(values) >= _FEWEST_VALUES and len({*values}) > 1 and all(map(str.isdecimal, values))


def proposed_columns(cells: Sequence[str], columns: Sequence[Sequence[str]] = ()) -> list[str]:
    """A name for each cell of a first row, as its value, its place and what stands below it suggest.

    Args:
        cells: of the row.
        columns: the values of each, where more rows are known; the first among them.
    """
    names: list[str] = []
    columns = columns or [[cell] for cell in cells]
    ends = (
        ("item", "user")
        if _ASIN.fullmatch(cells[0]) and not _ASIN.fullmatch(cells[min(1, len(cells) - 1)])
        else ("user", "item")
    )
    for number, (cell, values) in enumerate(zip(cells[:_LARGEST_PROPOSAL], columns, strict=False), 1):
        kind = _kind_of(cell)
        if "rating" in names and is_number(cell) and float(cell) >= _LEAST_TIME:
            kind = "at"  # of nine digits, as until 2001
        if kind == "at" and "at" not in names:
            names.append("at")
        elif cell.casefold() in _HAPPENED and {*ends} <= {*names} and "kind" not in names:
            names.append("kind")
        elif kind == "id" and (role := next((role for role in ends if role not in names), "")):
            names.append(role)
        elif kind != "at" and "item" in names and not {"rating", "weight"} & {*names} and (role := _amount(values)):
            names.append("weight" if "kind" in names else role)
        else:
            names.append(f"c{number}")
    rating = names.index("rating") if "rating" in names else len(names)
    if any(_amount(values) and _kind_of(values[0]) == "id" for values in columns[rating + 1 : len(names)]):
        names[rating] = f"c{rating + 1}"  # several may be
    return [*names, "…"] if len(cells) > _LARGEST_PROPOSAL else names


def _kind_of(cell: str) -> str:
    if is_number(cell):
        value = float(cell)
        return "" if not value.is_integer() else "at" if value >= _LEAST_TIME and len(cell) in (10, 13) else "id"
    try:
        return "at" if milliseconds_of(cell, "") is not None else ""
    except BadRecord:
        return "id"


def _amount(values: Sequence[str]) -> str:
    """Whether numbers of a column are ratings or say how much, `rating` or `weight`; empty where they may be ids.

    Plays and the like are whole numbers of which most are 1 and some are high.
    """
    if not all(map(is_number, values)):
        return ""
    numbers = Counter(map(float, values))
    if len(values) < _FEWEST_VALUES:
        return "rating" if max(map(abs, numbers)) <= _HIGHEST_RATING else ""
    if not all(map(float.is_integer, numbers)) and max(numbers) > _HIGHEST_SCALE:
        return "weight"
    if min(numbers) == 1 and numbers[1.0] >= len(values) / 2 and len(numbers) > 2:
        return "weight"
    return "rating" if max(map(abs, numbers)) <= _HIGHEST_RATING and len(numbers) <= _MOST_RATINGS else ""
