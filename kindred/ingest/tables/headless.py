"""Tables whose first line names no columns: groups of one item, and what to propose."""

from __future__ import annotations

import re
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
    return RecordError(message, f"name them in this order, e.g. {parted}--columns {','.join(proposed_columns(cells))}")


def proposed_columns(cells: Sequence[str]) -> list[str]:
    """A name for each cell of a first row, as its value and its place suggest."""
    names: list[str] = []
    ends = (
        ("item", "user")
        if _ASIN.fullmatch(cells[0]) and not _ASIN.fullmatch(cells[min(1, len(cells) - 1)])
        else ("user", "item")
    )
    for number, cell in enumerate(cells[:_LARGEST_PROPOSAL], 1):
        kind = _kind_of(cell)
        if "rating" in names and is_number(cell) and float(cell) >= _LEAST_TIME:
            kind = "at"  # of nine digits, as until 2001
        if kind == "at" and "at" not in names:
            names.append("at")
        elif cell.casefold() in _HAPPENED and {*ends} <= {*names} and "kind" not in names:
            names.append("kind")
        elif kind == "id" and (role := next((role for role in ends if role not in names), "")):
            names.append(role)
        elif kind != "at" and "item" in names and not {"rating", "weight"} & {*names} and _may_rate(cell):
            names.append("weight" if "kind" in names else "rating")
        else:
            names.append(f"c{number}")
    return [*names, "…"] if len(cells) > _LARGEST_PROPOSAL else names


def _kind_of(cell: str) -> str:
    if is_number(cell):
        value = float(cell)
        return "" if not value.is_integer() else "at" if value >= _LEAST_TIME and len(cell) in (10, 13) else "id"
    try:
        return "at" if milliseconds_of(cell, "") is not None else ""
    except BadRecord:
        return "id"


def _may_rate(cell: str) -> bool:
    return is_number(cell) and abs(float(cell)) <= _HIGHEST_RATING
