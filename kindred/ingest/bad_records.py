"""Why a record can't be used: the reason codes, and how errors of the record classes become one of them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import ValidationError

from kindred.domain.errors import RecordError
from kindred.domain.schema import KEY_COLUMNS

ID_FIELDS = frozenset({"id", *KEY_COLUMNS})


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
        field: the value at fault, as `Record.property` or as the source names it; empty where it is the whole line.
    """

    def __init__(self, reason: Reason, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.field = field


def bad_record(error: ValidationError) -> BadRecord:
    """The first thing that a record class refused, as a reason code."""
    first = error.errors(include_url=False)[0]
    field, value = str(first["loc"][0]), first["input"]
    missing = first["type"] == "missing" or value is None
    reason = _reason_missing(field) if missing else _reason(first["type"], field, value, first["msg"])
    return BadRecord(reason, first["msg"].removeprefix("Value error, "), f"{error.title}.{field}")


def _reason_missing(field: str) -> Reason:
    return Reason.MISSING_ID if field in ID_FIELDS else Reason.MISSING_VALUE


def _reason(kind: str, field: str, value: object, message: str) -> Reason:
    if kind == "string_too_short":
        return Reason.MISSING_ID
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
