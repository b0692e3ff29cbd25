"""Numbers as people and spreadsheets write them, and what a column as a whole tells of its decimals."""

from __future__ import annotations

import re
from collections.abc import Iterable

_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+")
_POINTS_AND_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+")
_GAP = re.compile(r"(?<=\d)[ \u00a0\u202f'’](?=\d{3}(?!\d))")


def number_of_text(text: str) -> float | None:
    """The number, of whatever habit can be told from it alone; None where it is none."""
    if text.isdecimal() or _DECIMAL_POINT.fullmatch(text):  # most are, and that is their cost
        return int(text) if text.isdecimal() else float(text)
    text = without_gaps(text)
    if _POINTS_AND_COMMA.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _DECIMAL_COMMA.fullmatch(text) and not _THOUSANDS.fullmatch(text):
        text = text.replace(",", ".")
    elif _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return None


def without_gaps(text: str) -> str:
    """The text of a number without what stands between its thousands beside points and commas."""
    return text if text.isalnum() else _GAP.sub("", text)


def with_point(value: object, decimal: str) -> object:
    """The text of a number whose decimals stand behind this sign, behind a point; anything else as it is."""
    if not isinstance(value, str) or not decimal:
        return value
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
    texts = [without_gaps(value.strip()) for value in values if isinstance(value, str)]
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
