"""Values of a row brought to the form that records want, the same whichever format they came in.

JSON has numbers, texts and nothing else, CSV has texts alone, Parquet has types of its own: a number may be a text, a
text bytes, and what is missing null, NaN or an empty cell. What can't be read is a bad record.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Callable, Collection
from decimal import Decimal
from itertools import chain
from typing import TypeVar
from uuid import UUID

import orjson

from kindred.domain.id_text import id_in
from kindred.domain.properties import MAX_ID_LENGTH, MAX_STRING_LENGTH, check_storable, check_storable_id
from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.literals import decode_literal
from kindred.ingest.cells.missing import MISSING_CELLS, MISSING_IDS, MISSING_NUMBERS
from kindred.ingest.cells.numbers import number_of_text

NO_TIME = "no time"  # notes of rows that a summary counts
NO_RATING = "no rating"

T = TypeVar("T")

_POWERS_OF_TEN = re.compile(r"-?\d(?:[.,]\d+)?[eE]\+\d{2,3}")
_EXACT_FLOATS = 2**53  # from here on neighbouring whole numbers are the same float
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_CURRENCY = re.compile(r"^\s*(?:US\$|[$€£₽¥])\s*|\s*(?:[$€£₽¥]|USD|EUR|RUB)\s*$")
_TRUTHS = {
    **dict.fromkeys(("true", "t", "1", "1.0", "yes", "y"), True),
    **dict.fromkeys(("false", "f", "0", "0.0", "no", "n"), False),
}


def cell_of(cell: str) -> str | None:
    """The text of a CSV cell; None where it stands for nothing."""
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


def id_of(value: object, field: str = "") -> str | None:
    """The id as a text, None where it is missing; 1, 1.0 and " 1.0" are "1".

    Raises:
        BadRecord: it is neither a text nor a whole number, or it was rounded, so that several ids have become one.
    """
    if type(value) is str:
        if "+" in value and _POWERS_OF_TEN.fullmatch(value):
            raise _rounded(value, field)
        return id_in(value)
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        return id_of(_decoded(value, field), field)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float) and _EXACT_FLOATS <= abs(value) < math.inf:
        raise _rounded(value, field)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and math.isfinite(value):
        whole = int(value)
        if whole == value:
            return str(whole)
    raise BadRecord(Reason.WRONG_TYPE, f"a text or a whole number is wanted, got {shown(value)}", field)


def known_id_of(value: object, field: str = "", missing: Collection[str] = MISSING_IDS) -> str | None:
    """The id; None also where a program printed that there is none.

    Raises:
        BadRecord: as `id_of`.
    """
    return None if type(value) is str and value.strip() in missing else id_of(value, field)


def _rounded(value: object, field: str) -> BadRecord:
    return BadRecord(
        Reason.WRONG_TYPE, f"an id that was rounded to {shown(value)}; write ids as texts or whole numbers", field
    )


def text_of(value: object, field: str) -> str:
    """The text in form NFC, its HTML entities decoded once; empty where there is none.

    Raises:
        BadRecord: it is no text.
    """
    text = raw_text_of(value, field)
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def raw_text_of(value: object, field: str) -> str:
    """The text as it stands; empty where there is none.

    Raises:
        BadRecord: it is no text.
    """
    if type(value) is str:
        return value
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):
        return _decoded(value, field)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return str(int(value)) if value == value // 1 else str(value)
    raise BadRecord(Reason.WRONG_TYPE, f"a text is wanted, got {shown(value)}", field)


def id_text_of(value: object, field: str) -> str | None:
    """An id that is kept as a text and names no node; None where it is missing.

    Raises:
        BadRecord: it is no id.
    """
    return _bounded(id_of(value, field) or "", MAX_STRING_LENGTH, field) or None


def short_text_of(value: object, field: str) -> str | None:
    """A text that is kept on its node or edge; None where there is none.

    Raises:
        BadRecord: it is no text, too long, or holds what can't be stored.
    """
    if type(value) is str and len(value) <= MAX_STRING_LENGTH and value.isascii() and value.isprintable():
        return (value if "&" not in value else text_of(value, field)) or None  # most are, and that is their cost
    return _bounded(text_of(value, field), MAX_STRING_LENGTH, field) or None


def long_text_of(value: object, field: str) -> str | None:
    """A text of any length, or several, one a line; None where there is none.

    Raises:
        BadRecord: it is no text, or holds what can't be stored.
    """
    return _bounded("\n".join(texts_of(value, field)), None, field) or None


def name_in(value: object, field: str) -> str:
    """A name that is an id: short, without blanks around it; empty where there is none.

    Raises:
        BadRecord: it is no text, too long, or holds what can't be stored.
    """
    name = _bounded(name_of(text_of(value, field)), MAX_ID_LENGTH, field)
    try:
        return check_storable_id(name)
    except ValueError as error:
        raise BadRecord(Reason.CONTROL_CHARACTER, str(error), field) from error


def _bounded(text: str, length: int | None, field: str) -> str:
    if length is not None and len(text) > length:
        raise BadRecord(Reason.VALUE_TOO_LONG, f"{len(text):,} characters, at most {length:,} are kept", field)
    try:
        return check_storable(text)
    except ValueError as error:
        raise BadRecord(Reason.CONTROL_CHARACTER, str(error), field) from error


def texts_of(value: object, field: str) -> list[str]:
    """The texts of one text, a list of texts or a list of such lists, printed into a cell or not; empty ones left out.

    Raises:
        BadRecord: something in it is no text.
    """
    return [text for part in parts_of(value) if (text := text_of(part, field))]


def parts_of(value: object) -> list[object]:
    """The parts of a list, of a list of lists, or of one that was printed into a text; anything else is one part."""
    value = listed(value)
    outer = value if isinstance(value, (list, tuple)) else (value,)
    return list(chain.from_iterable(part if isinstance(part, (list, tuple)) else (part,) for part in outer))


def listed(value: object) -> object:
    """A list that was printed into a text, as JSON or as Python prints it; anything else as it is."""
    if not isinstance(value, str) or not (text := value.strip()).startswith("[") or not text.endswith("]"):
        return value
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return decode_literal(text)
    except BadRecord:
        return value


def name_of(text: str) -> str:
    """The text as a name: no blanks around it, and one where there were several in a row."""
    return " ".join(text.split())


def number_of(value: object, field: str) -> float | None:
    """The number, an integer where it is whole; None where it is missing.

    Raises:
        BadRecord: it is no number, or not finite.
    """
    if type(value) is int:
        return value
    if value is None or value != value:
        return None
    number = value
    if isinstance(value, (str, bytes)):
        text = (_decoded(value, field) if isinstance(value, bytes) else value).strip()
        if text in MISSING_NUMBERS:
            return None
        number = number_of_text(text)
    if not isinstance(number, (int, float, Decimal)) or isinstance(number, bool):
        raise BadRecord(Reason.WRONG_TYPE, f"a number is wanted, got {shown(value)}", field)
    if not math.isfinite(number):
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


def _decoded(value: bytes, field: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(Reason.INVALID_UTF8, "bytes that are no UTF-8", field) from error
