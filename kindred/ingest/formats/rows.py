"""Row: one row of a source file, whatever the file's format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.cells.texts import listed
from kindred.ingest.cells.values import is_missing
from kindred.ingest.formats.json_lines import decode_json_or_literal

COUNTED = "×"
"""What parts entries of which each begins with how many there are: `1× Mug, 2× Lamp`."""
_NEXT_COUNTED = re.compile(r",\s*(?=\d+\s*[×x]\s)")
_ONE_COUNTED = re.compile(r"\s*(\d+)\s*[×x]\s+(.*\S)\s*", re.DOTALL)


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


def object_in(value: object) -> Mapping[str, object] | None:
    """The object that was written into a text, as JSON or as Python prints it; None where there is none."""
    if not isinstance(value, str) or value.lstrip()[:1] != "{":
        return None
    try:
        found = decode_json_or_literal(value.encode())
    except BadRecord:
        return None
    return found if isinstance(found, dict) else None


def with_objects(rows: Iterator[Row], names: Sequence[str], columns: Sequence[str]) -> Iterator[Row]:
    """The rows with what stands in the objects of some columns, in place of these; `columns` says what is wanted."""
    for row in rows:
        if isinstance(row.value, BadRecord):
            yield row
            continue
        found = flattened({name: object_in(row.value.get(name)) for name in names})
        others = {name: value for name, value in row.value.items() if name not in names}
        yield row._replace(
            value=others
            | {
                name: value
                for name, value in found.items()
                if name in columns and value is not None and name not in names
            }
        )


class Carried:
    """Gives rows that follow each other and belong together what the first of them alone says.

    Args:
        key: the column in which they have the same, or later ones nothing.
        names: of the columns that the first one fills.
    """

    def __init__(self, key: str, names: Sequence[str]) -> None:
        self._key, self._names = key, names
        self._first, self._of_first = dict[str, object](), ""

    def filled(self, row: Mapping[str, object]) -> Mapping[str, object]:
        """The row, the next one, with what is empty in it as the first that it belongs to has it."""
        this = "" if is_missing(held := row.get(self._key)) else str(held)
        if this in ("", self._of_first):
            found = {name: value for name, value in self._first.items() if is_missing(row.get(name))}
            return {**row, **found} if found else row
        self._first = {name: value for name in self._names if not is_missing(value := row.get(name))}
        self._of_first = this
        return row

    def forget(self) -> None:
        """Ends what belongs together, as a row that can't be read may begin other rows."""
        self._first, self._of_first = {}, ""


def carried_down(rows: Iterator[Row], key: str, names: Sequence[str]) -> Iterator[Row]:
    """The rows of a file as `Carried` fills them."""
    carried = Carried(key, names)
    for row in rows:
        if isinstance(row.value, BadRecord):
            carried.forget()
            yield row
        else:
            yield row._replace(value=carried.filled(row.value))


def unfolded(rows: Iterator[Row], name: str, parted_by: str = "", beside: Sequence[str] = ()) -> Iterator[Row]:
    """The rows, and for one with a list in the column of this name its entries, the other columns beside each.

    Args:
        rows: of the file.
        name: of the column; `outer.inner` where it stands within another, which may hold a list as well.
        parted_by: what stands between the entries where they are one text.
        beside: columns whose lists go with this one, entry by entry; they stand where it does.
    """
    for row in rows:
        value = row.value
        if isinstance(value, BadRecord):
            yield row
            continue
        path = [name] if name in value else name.split(".")
        others = [other if other in value else other.rpartition(".")[2] for other in beside]
        try:
            yield from [row._replace(value=found) for found in _entries(value, path, parted_by, others)]
        except BadRecord as bad:
            yield row._replace(value=bad)


def _entries(
    value: Mapping[str, object], path: Sequence[str], parted_by: str, beside: Sequence[str]
) -> Iterator[Mapping[str, object]]:
    """The columns once for each entry of the list that this path leads to.

    Raises:
        BadRecord: a list beside it has not as many entries.
    """
    name, *inner = path
    held = value.get(name)
    if not inner:
        held = entries_of(held, parted_by)
    if isinstance(held, dict) and inner:
        held = [held]
    if not isinstance(held, list):
        yield value
        return
    lists = {} if inner else {other: entries_of(value[other], parted_by) for other in beside if other in value}
    for other, entries in lists.items():
        if entries is not None and (not isinstance(entries, list) or len(entries) != len(held)):
            raise BadRecord(Reason.WRONG_TYPE, f"as many entries as in {name}, {len(held)}, are wanted", other)
    for number, entry in enumerate(held):
        within = _entries(entry, inner, parted_by, beside) if inner and isinstance(entry, dict) else (entry,)
        others = {other: entries[number] for other, entries in lists.items() if isinstance(entries, list)}
        yield from ({**value, **others, name: one} for one in within)


def counted_in(text: str) -> list[tuple[int, str]]:
    """How many of what a text such as `1× Mug, 2× Lamp` says; empty of any other."""
    found = [_ONE_COUNTED.fullmatch(part) for part in _NEXT_COUNTED.split(text)]
    return [(int(one[1]), one[2]) for one in found if one] if all(found) else []


def entries_of(value: object, parted_by: str) -> object:
    """The entries of a list, also of one that was printed into a text or is parted by a sign; else what is there."""
    if not isinstance(value, str):
        return value
    found = listed(value)
    if isinstance(found, str) and parted_by == COUNTED:
        return [name for _, name in counted_in(found)] or found
    if isinstance(found, str) and parted_by:
        return [part for text in found.split(parted_by) if (part := text.strip())]
    return found
