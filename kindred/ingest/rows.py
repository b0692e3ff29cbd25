"""Row: one row of a source file, whatever the file's format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kindred.ingest.bad_records import BadRecord


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


def unfolded(rows: Iterator[Row], name: str) -> Iterator[Row]:
    """The rows, and for one with a list of rows in the column of this name those, the other columns beside each."""
    for row in rows:
        value = row.value
        held = None if isinstance(value, BadRecord) else value.get(name)
        if isinstance(value, BadRecord) or not isinstance(held, list):
            yield row
        else:
            yield from (row._replace(value={**value, name: inner}) for inner in held)
