"""Values of a row brought to the form that records want; what can't be is a bad record."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime
from itertools import chain

from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.json_lines import decode_literal

NO_TIME = "no time"  # notes of rows that a summary counts
NO_RATING = "no rating"

_FIRST_MILLISECONDS = 100_000_000_000  # in seconds the year 5138, in milliseconds 1973: no time of ours is both


def text_of(value: object, field: str) -> str:
    """The text in form NFC; empty where there is none.

    Raises:
        BadRecord: it is no text.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRecord(Reason.WRONG_TYPE, f"a text is wanted, got {type(value).__name__}", field)
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def texts_of(value: object, field: str) -> list[str]:
    """The texts of one text, a list of texts or a list of such lists; empty ones are left out."""
    outer = value if isinstance(value, (list, tuple)) else (value,)
    parts = chain.from_iterable(part if isinstance(part, (list, tuple)) else (part,) for part in outer)
    return [text for part in parts if (text := text_of(part, field))]


def name_of(text: str) -> str:
    """The text as a name: no blanks around it, and one where there were several in a row."""
    return " ".join(text.split())


def whole(value: object) -> object:
    """The number as an integer where it is one: tools that know missing values write times as 1400000000.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def count_of(value: object, field: str) -> object:
    """The number as a count; what is no number stays as it is, for the record class to judge.

    Raises:
        BadRecord: it is below zero.
    """
    value = whole(value)
    if isinstance(value, (int, float)) and value < 0:
        raise BadRecord(Reason.OUT_OF_RANGE, f"a count is 0 or more, got {value}", field)
    return value


def id_of(value: object) -> object:
    """The id as a text where the source numbers its things; anything else as it is, for the record class to judge."""
    value = whole(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def given(value: object, field: str) -> object:
    """The value, which this source always has.

    Raises:
        BadRecord: it is missing.
    """
    if value is None:
        raise BadRecord(Reason.MISSING_VALUE, "a value is wanted", field)
    return value


def seconds_of(value: object, field: str) -> int | None:
    """The moment in whole seconds UTC, of seconds, milliseconds or a date by ISO 8601 (without a zone: UTC).

    Raises:
        BadRecord: it is none of them.
    """
    milliseconds = milliseconds_of(value, field)
    return None if milliseconds is None else milliseconds // 1000


def milliseconds_of(value: object, field: str) -> int | None:
    """The moment in whole milliseconds UTC, of the same forms.

    Raises:
        BadRecord: it is none of them.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _milliseconds_of_text(value.strip(), field)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) >= _FIRST_MILLISECONDS else value * 1000
    if not isinstance(value, float) or not math.isfinite(value):
        raise BadRecord(Reason.WRONG_TYPE, f"no moment: {str(value)[:100]!r}", field)
    return _floor(value if abs(value) >= _FIRST_MILLISECONDS else value * 1000)


def _floor(milliseconds: float) -> int:
    """The whole milliseconds; 1.007 s are 7 of them, though in binary a little less."""
    return math.floor(round(milliseconds, 3))


def _milliseconds_of_text(text: str, field: str) -> int | None:
    try:
        return milliseconds_of(float(text), field)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        return _floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise BadRecord(Reason.WRONG_TYPE, f"neither a number nor an ISO date: {text[:100]!r}", field) from error


def cell_number(cell: str) -> float:
    """The number in a CSV cell, an integer where it is written as one."""
    return float(cell) if not cell.strip().lstrip("+-").isdecimal() else int(cell)


def cell_truth(cell: str) -> bool:
    """The truth value in a CSV cell."""
    truth = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(cell.strip().lower())
    if truth is None:
        raise ValueError(f"neither true nor false: {cell!r}")
    return truth


def cell_list(cell: str) -> object:
    """A list that was printed into a CSV cell; any other text as it is."""
    try:
        return decode_literal(cell.strip()) if cell.lstrip().startswith("[") else cell
    except BadRecord:
        return cell
