"""Values of any kind: whether there is one, and what becomes of a row where a part of it can't be read.

JSON has numbers, texts and nothing else, CSV has texts alone, Parquet has types of its own: a number may be a text, a
text bytes, and what is missing null, NaN or an empty cell. Ids, texts, numbers and times are read by the modules beside
this one, the same whichever format they came in; what can't be read is a bad record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.missing import MISSING_CELLS

NO_TIME = "no time"  # notes of rows that a summary counts
NO_RATING = "no rating"

T = TypeVar("T")

_YES, _NO = frozenset(("1", "1.0", "true")), frozenset(("0", "0.0", "false"))
_TRUTHS = {
    **dict.fromkeys(("true", "t", "1", "1.0", "yes", "y"), True),
    **dict.fromkeys(("false", "f", "0", "0.0", "no", "n"), False),
}


def cell_of(cell: str) -> str | None:
    """The text of a CSV cell, also of one written as `="007"` for Excel to keep as it is; None where there is none."""
    if cell[:2] == '="' and len(cell) > 2 and cell[-1] == '"':
        cell = cell[2:-1]
    return None if cell in MISSING_CELLS else cell


def is_missing(value: object) -> bool:
    """Whether it is no value: null, NaN or an empty text."""
    return value is None or value == "" or value != value


def given(value: T | None, field: str) -> T:
    """The value, as it was read, of a field that this source always has.

    Raises:
        BadRecord: it is missing.
    """
    if value is None or value == "" or value != value:
        raise BadRecord(Reason.MISSING_VALUE, "it is missing", field)
    return value


def time_or_note(time: int | None, notes: list[str]) -> int | None:
    """The time as it was read; where there is none, a note of that for the summary."""
    if time is None:
        notes.append(NO_TIME)
    return time


def given_time(time: int | None, field: str) -> int:
    """The time as it was read, of an event that is of use in its order only.

    Raises:
        BadRecord: it is missing.
    """
    if time is None:
        message = "the time is missing, and models learn from the order; `kindred ingest interactions` can do without"
        raise BadRecord(Reason.MISSING_VALUE, message, field)
    return time


def says_yes(value: object) -> bool | None:
    """Whether a cell says yes, as 1 or true; None where it says neither yes nor no."""
    text = str(value).strip().casefold()
    return True if text in _YES else False if text in _NO else None


def truth_of(value: object, field: str) -> bool | None:
    """The truth value; None where it is missing.

    Raises:
        BadRecord: it is neither true nor false.
    """
    if value is None or isinstance(value, bool):
        return value
    if is_missing(value):
        return None
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    truth = _TRUTHS.get(text.strip().lower())
    if truth is None:
        raise BadRecord(Reason.WRONG_TYPE, f"true or false is wanted, got {shown(value)}", field)
    return truth


def optional(read: Callable[[object, str], T], value: object, field: str, notes: list[str]) -> T | None:
    """What `read` makes of a part that the row can do without; None, and a note of why, where it can't be used."""
    if value is None:
        return None
    try:
        return read(value, field)
    except BadRecord as bad:
        notes.append(f"{field} left out: {bad.reason.value}")
        return None
