"""Row: one row of a source file, whatever the file's format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.texts import listed


class Row(NamedTuple):
    """One row, read or not.

    Attributes:
        number: its (first) line, from 1; in a Parquet file the row, from 1.
        raw: its bytes without the last line feed; only the beginning of a row that is too long.
        length: number of bytes of the whole row.
        value: its columns, or why they can't be read.
    """

    number: int
    raw: bytes
    length: int
    value: Mapping[str, object] | BadRecord


def flattened(values: Mapping[str, object]) -> Mapping[str, object]:
    """The columns, and beside each that holds columns of its own those as well, as `outer.inner`."""
    if not any(isinstance(value, dict) for value in values.values()):
        return values
    found = dict[str, object]()
    for name, value in values.items():
        found[name] = value
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": held for inner, held in flattened(value).items()}
    return found


def unfolded(rows: Iterator[Row], name: str, parted_by: str = "") -> Iterator[Row]:
    """The rows, and for one with a list in the column of this name its entries, the other columns beside each.

    Args:
        rows: of the file.
        name: of the column; `outer.inner` where it stands within another, which may hold a list as well.
        parted_by: what stands between the entries where they are one text.
    """
    for row in rows:
        value = row.value
        if isinstance(value, BadRecord):
            yield row
        else:
            path = [name] if name in value else name.split(".")
            yield from (row._replace(value=found) for found in _entries(value, path, parted_by))


def _entries(value: Mapping[str, object], path: Sequence[str], parted_by: str) -> Iterator[Mapping[str, object]]:
    """The columns once for each entry of the list that this path leads to."""
    name, *inner = path
    held = value.get(name)
    if isinstance(held, str) and not inner:
        held = listed(held)
        if isinstance(held, str) and parted_by:
            held = [part for text in held.split(parted_by) if (part := text.strip())]
    if isinstance(held, dict) and inner:
        held = [held]
    if not isinstance(held, list):
        yield value
        return
    for entry in held:
        within = _entries(entry, inner, parted_by) if inner and isinstance(entry, dict) else (entry,)
        yield from ({**value, name: one} for one in within)
