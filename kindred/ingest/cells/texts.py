"""Texts of a row, one or several, as records want them: in Unicode form NFC and of characters that can be kept."""

from __future__ import annotations

import html
import re
import unicodedata
from decimal import Decimal
from itertools import chain

import orjson

from kindred.domain.properties import MAX_ID_LENGTH, MAX_STRING_LENGTH, check_storable, check_storable_id
from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.literals import decode_literal
from kindred.ingest.cells.missing import MISSING_CELLS

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_CLOSING = {"[": "]", "(": ")", "{": "}"}
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:e[-+]\d+)?"
_ENTRY = re.compile(f"{_QUOTED}|{_NUMBER}")
_OF_NUMPY = re.compile(rf"\[\s*(?:{_QUOTED}(?:\s+{_QUOTED})*|{_NUMBER}(?:\s+{_NUMBER})*)\s*\]")


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
        return decoded(value, field)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return str(int(value)) if value == value // 1 else str(value)
    raise BadRecord(Reason.WRONG_TYPE, f"a text is wanted, got {shown(value)}", field)


def short_text_of(value: object, field: str) -> str | None:
    """A text that is kept on its node or edge; None where there is none.

    Raises:
        BadRecord: it is no text, too long, or holds what can't be stored.
    """
    if type(value) is str and len(value) <= MAX_STRING_LENGTH and value.isascii() and value.isprintable():
        return (value if "&" not in value else text_of(value, field)) or None  # most are, and that is their cost
    return bounded(text_of(value, field), MAX_STRING_LENGTH, field) or None


def long_text_of(value: object, field: str) -> str | None:
    """A text of any length, or several, one a line; None where there is none.

    Raises:
        BadRecord: it is no text, or holds what can't be stored.
    """
    return bounded("\n".join(texts_of(value, field)), None, field) or None


def name_in(value: object, field: str) -> str:
    """A name that is an id: short, without blanks around it; empty where there is none.

    Raises:
        BadRecord: it is no text, too long, or holds what can't be stored.
    """
    name = bounded(name_of(text_of(value, field)), MAX_ID_LENGTH, field)
    if name in MISSING_CELLS:  # `nan` within JSON is no more of a brand than in a cell of CSV
        return ""
    try:
        return check_storable_id(name)
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
    """A list that was printed into a text, as JSON, Python or NumPy prints it, or a tuple or set; else as it is."""
    if not isinstance(value, str) or (text := value.strip())[:1] not in _CLOSING or text[-1:] != _CLOSING[text[0]]:
        return value
    if text[0] == "[":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        if _OF_NUMPY.fullmatch(text):
            return [_entry(entry) for entry in _ENTRY.findall(text)]
    try:
        found = decode_literal(text)
    except BadRecord:
        return value
    if isinstance(found, set):
        return sorted(found, key=str)
    return list(found) if isinstance(found, list | tuple) else value


def _entry(printed: str) -> object:
    return decode_literal(printed) if printed[0] in "'\"" else printed.removesuffix(".")


def name_of(text: str) -> str:
    """The text as a name: no blanks around it, and one where there were several in a row."""
    return " ".join(text.split())


def bounded(text: str, length: int | None, field: str) -> str:
    """The text, which is to have so many characters at the most.

    Raises:
        BadRecord: it is longer, or holds what can't be stored.
    """
    if length is not None and len(text) > length:
        raise BadRecord(Reason.VALUE_TOO_LONG, f"{len(text):,} characters, at most {length:,} are kept", field)
    try:
        return check_storable(text)
    except ValueError as error:
        raise BadRecord(Reason.CONTROL_CHARACTER, str(error), field) from error


def decoded(value: bytes, field: str) -> str:
    """The text of these bytes.

    Raises:
        BadRecord: they are no UTF-8.
    """
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(Reason.INVALID_UTF8, "bytes that are no UTF-8", field) from error
