"""Why a record can't be used: the reason codes, and how errors of the record classes become one of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kindred.domain.errors import RecordError
from kindred.domain.refusals import wanted_kind
from kindred.domain.schema import KEY_COLUMNS

ID_FIELDS = frozenset({"id", *KEY_COLUMNS})
R = TypeVar("R", bound=BaseModel)
_BOUNDS = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}


class Reason(StrEnum):
    """Why a record is quarantined; the codes are part of the quarantine file's format."""

    INVALID_UTF8 = "invalid_utf8"  # bytes that are no UTF-8
    LINE_TOO_LONG = "line_too_long"  # more than 1,000,000 bytes; only its beginning is kept
    BROKEN_JSON = "broken_json"  # no JSON value, or more than one
    NOT_AN_OBJECT = "not_an_object"  # JSON, but a list, string or number
    BROKEN_CSV = "broken_csv"  # a quote left open, or more or fewer cells than the header
    BROKEN_SQL = "broken_sql"  # a row of a database dump with a quote left open, or other values than its columns
    BROKEN_ARRAY = "broken_array"  # a file that holds no array of numbers
    WRONG_SHAPE = "wrong_shape"  # an array of other dimensions than the rest
    CONTROL_CHARACTER = "control_character"  # NUL, bell, escape …: no engine keeps them
    LONE_SURROGATE = "lone_surrogate"  # half of a UTF-16 pair
    NO_RECORD = "no_record"  # a line of a table that holds sums of its rows, or kinds or units of its columns
    MISSING_ID = "missing_id"  # an id that is absent, null or empty
    BAD_ID = "bad_id"  # an id with a blank at its start or end
    MISSING_VALUE = "missing_value"  # a required value that is absent or null
    WRONG_TYPE = "wrong_type"  # a word where a number belongs, a number where a text belongs …
    OUT_OF_RANGE = "out_of_range"  # a number outside its range, or NaN
    TIME_OUT_OF_RANGE = "time_out_of_range"  # before 1990 or in the future
    VALUE_TOO_LONG = "value_too_long"  # an id of more than 512 characters, a short text of more than 4,096


class BadRecord(RecordError):
    """One record that can't be used; ingest catches it and quarantines the line.

    Attributes:
        field: the column at fault, as the source names it; empty where it is the whole line.
    """

    def __init__(self, reason: Reason, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.field = field


def shown(value: object) -> str:
    """A value as messages quote it: its beginning, without what Python adds."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return f"'{text[:97]}…'" if len(text) > 100 else f"'{text}'"


def checked(record: type[R], values: Mapping[str, object], columns: Mapping[str, str]) -> R:
    """The record of these values.

    Args:
        record: its class.
        values: of its properties, in the types that the class wants.
        columns: what the source calls a property, where it has another name.

    Raises:
        BadRecord: the class refuses a value.
    """
    try:
        return record.model_validate(values, strict=True)
    except ValidationError as error:
        raise bad_record(error, columns) from error


def bad_record(error: ValidationError, columns: Mapping[str, str] | None = None) -> BadRecord:
    """The first thing that a record class refused, as a reason code and in words of our own."""
    first = error.errors(include_url=False)[0]
    field, value = str(first["loc"][0]), first["input"]
    column = (columns or {}).get(field, field)
    if first["type"] == "extra_forbidden":
        return BadRecord(Reason.WRONG_TYPE, "there is no such property here", column)
    if first["type"] in ("missing", "string_too_short") or value is None:
        if field in ID_FIELDS:
            return BadRecord(Reason.MISSING_ID, "the id is missing", column)
        return BadRecord(Reason.MISSING_VALUE, "it is missing", column)
    reason = _reason(first["type"], field, value, first["msg"])
    return BadRecord(reason, _words(reason, first["type"], value, first.get("ctx") or {}), column)


def _words(reason: Reason, kind: str, value: object, context: Mapping[str, object]) -> str:
    if reason is Reason.VALUE_TOO_LONG:
        return f"{len(str(value)):,} characters, at most {context.get('max_length', 0):,} are kept"
    if reason is Reason.TIME_OUT_OF_RANGE:
        return f"a time from 1990 up to now is wanted, got {_time(value)}"
    if reason is Reason.BAD_ID:
        return f"a blank at the start or end of {shown(value)}"
    if reason in (Reason.CONTROL_CHARACTER, Reason.LONE_SURROGATE):
        return "it holds a control character or half of a surrogate pair"
    if reason is Reason.WRONG_TYPE:
        return f"{wanted_kind(kind) or 'a value of another kind'} is wanted, got {shown(value)}"
    bounds = [f"{words} {context[name]}" for name, words in _BOUNDS.items() if name in context]
    return f"{' and '.join(bounds) or 'a finite number'} is wanted, got {shown(value)}"


def _time(value: object) -> str:
    try:
        return f"{datetime.fromtimestamp(int(str(value)), UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return shown(value)


def _reason(kind: str, field: str, value: object, message: str) -> Reason:
    if kind == "string_too_long":
        return Reason.VALUE_TOO_LONG
    if isinstance(value, str) and not _is_unicode(value):
        return Reason.LONE_SURROGATE
    if kind == "value_error" and "control character" in message:
        return Reason.CONTROL_CHARACTER
    if kind.endswith("_type") or kind.endswith("_parsing"):
        return Reason.WRONG_TYPE
    if field in ID_FIELDS:
        return Reason.BAD_ID
    return Reason.TIME_OUT_OF_RANGE if field == "at" else Reason.OUT_OF_RANGE


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
