"""Numbers as people and spreadsheets write them, and what a column as a whole tells of its decimals."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from decimal import Decimal

from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.missing import MISSING_NUMBERS
from kindred.ingest.cells.texts import decoded

_LARGEST = int(sys.float_info.max)
_MOST_DIGITS = 300
"""A whole number of more is read as one with a point, which says that it is not finite, and costs no more."""
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+")
_POINTS_AND_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+")
_GAP = re.compile(r"(?<=\d)[ \u00a0\u202f'’](?=\d{3}(?!\d))")
_CURRENCY = re.compile(r"^\s*(?:US\$|[$€£₽¥])\s*|\s*(?:[$€£₽¥]|USD|EUR|RUB)\s*$")


def number_of_text(text: str) -> float | None:
    """The number, of whatever habit can be told from it alone; None where it is none."""
    if text.isdecimal() or _DECIMAL_POINT.fullmatch(text):  # most are, and that is their cost
        return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else float(text)
    text = without_gaps(text)
    if _POINTS_AND_COMMA.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _DECIMAL_COMMA.fullmatch(text) and not _THOUSANDS.fullmatch(text):
        text = text.replace(",", ".")
    elif _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    try:
        is_whole = text.lstrip("+-").isdecimal() and len(text) <= _MOST_DIGITS
        return int(text) if is_whole else float(text)
    except ValueError:
        return None


def without_gaps(text: str) -> str:
    """The text of a number without what stands between its thousands beside points and commas."""
    return text if text.isalnum() else _GAP.sub("", text)


def with_point(value: object, decimal: str) -> object:
    """The text of a number whose decimals stand behind this sign, behind a point; anything else as it is."""
    if not isinstance(value, str) or not decimal:
        return value
    value = _CURRENCY.sub("", value)
    other = "." if decimal == "," else ","
    if re.fullmatch(rf"\s*[+-]?\d{{1,3}}(?:\{other}\d{{3}})+(?:\{decimal}\d+)?\s*", value):
        value = value.replace(other, "")
    return value.replace(decimal, ".")


def decimal_of(values: Iterable[object], is_parted_by_semicolons: bool) -> str:
    """`,` where a column can only be read so, as `1.250` beside `0,75`; empty where its numbers tell it one by one.

    Args:
        values: of the column.
        is_parted_by_semicolons: of the cells of the file, as where commas stand before decimals.
    """
    texts = [without_gaps(_CURRENCY.sub("", value).strip()) for value in values if isinstance(value, str)]
    commas = [text for text in texts if _is_decimal_comma(text, is_parted_by_semicolons)]
    points = [
        text for text in texts if _DECIMAL_POINT.fullmatch(text) and not re.fullmatch(r"[+-]?\d{1,3}\.\d{3}", text)
    ]
    points += [text for text in texts if _THOUSANDS.fullmatch(text) and "." in text]
    return "," if commas and not points else ""


def _is_decimal_comma(text: str, is_parted_by_semicolons: bool) -> bool:
    if _POINTS_AND_COMMA.fullmatch(text):
        return True
    return bool(_DECIMAL_COMMA.fullmatch(text)) and (is_parted_by_semicolons or not _THOUSANDS.fullmatch(text))


def number_of(value: object, field: str) -> float | None:
    """The number, an integer where it is whole; None where it is missing.

    Raises:
        BadRecord: it is no number, or not finite.
    """
    if type(value) is int and -_LARGEST <= value <= _LARGEST:
        return value
    if value is None or value != value:
        return None
    number = value
    if isinstance(value, (str, bytes)):
        text = (decoded(value, field) if isinstance(value, bytes) else value).strip()
        if text in MISSING_NUMBERS:
            return None
        number = number_of_text(text)
    if not isinstance(number, (int, float, Decimal)) or isinstance(number, bool):
        raise BadRecord(Reason.WRONG_TYPE, f"a number is wanted, got {shown(value)}", field)
    if not -_LARGEST <= number <= _LARGEST:
        raise BadRecord(Reason.OUT_OF_RANGE, f"a finite number is wanted, got {shown(value)}", field)
    return int(number) if number == int(number) else float(number)


def whole_of(value: object, field: str) -> int | None:
    """The whole number; None where it is missing.

    Raises:
        BadRecord: it is no whole number, or none of 64 bits.
    """
    number = number_of(value, field)
    if number is None:
        return None
    if not isinstance(number, int):
        raise BadRecord(Reason.WRONG_TYPE, f"a whole number is wanted, got {shown(value)}", field)
    if not -(2**63) <= number < 2**63:
        raise BadRecord(Reason.OUT_OF_RANGE, f"a number of 64 bits is wanted, got {shown(value)}", field)
    return number


def count_of(value: object, field: str) -> float | None:
    """The number as a count; None where it is missing.

    Raises:
        BadRecord: it is no number, or below zero.
    """
    number = number_of(value, field)
    if number is not None and number < 0:
        raise BadRecord(Reason.OUT_OF_RANGE, f"a number of 0 or more is wanted, got {shown(value)}", field)
    return number


def price_of(value: object, field: str) -> float | None:
    """The price as a number, of whatever currency; None where it is missing.

    Raises:
        BadRecord: it is no single price, or below zero.
    """
    bare = _CURRENCY.sub("", value) if isinstance(value, str) else value
    price = count_of(bare, field)
    return None if price is None else float(price)
