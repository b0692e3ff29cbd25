"""Row: one row of a source file, whatever the file's format."""

from __future__ import annotations

from collections.abc import Mapping
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
