"""Decoding one line of JSON as its standard has it, as Python writes it, or a printed dictionary; and one document."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection

import orjson

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.lines import BUFFER_BYTES
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.cells.literals import decode_literal

_PRINTED = re.compile(rb"\s*\{\s*(?:u?'|[\"][^\"]*[\"]\s*:\s*(?:'|None\b|True\b|False\b))")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MAX_DOCUMENT_BYTES = 256 << 20
_PAIR = re.compile(rb"""["'](\w+)["']\s*:\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\w.+-]+)""", re.DOTALL)


def known_pairs(raw: bytes, columns: Collection[str]) -> bytes:
    """The pairs of these columns that can be made out in a line that can't be read; nothing else of it."""
    return b", ".join(pair[0] for pair in _PAIR.finditer(raw) if pair[1].decode("ascii", "replace") in columns)


def decode_json(raw: bytes) -> object:
    """The value of one line of JSON.

    NaN, Infinity and lone surrogates pass, so that only what is kept of a line is judged.

    Raises:
        BadRecord: it is no JSON.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _decode_as_python_does(raw)


def _decode_as_python_does(raw: bytes) -> object:
    text = decode_utf8(raw)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if _CONTROL.search(raw):
            raise BadRecord(Reason.CONTROL_CHARACTER, "control character in JSON") from error
        raise BadRecord(Reason.BROKEN_JSON, str(error)) from error


def decode_json_or_literal(raw: bytes) -> object:
    """The value of one line of JSON, or of a Python dictionary as `print` shows it: the files of 2014 come so.

    Raises:
        BadRecord: it is neither.
    """
    try:
        return decode_json(raw)
    except BadRecord as bad:
        if bad.reason is not Reason.BROKEN_JSON or not _PRINTED.match(raw):
            raise
    return decode_literal(raw.decode().strip())


def decode_utf8(raw: bytes) -> str:
    """The text of these bytes.

    Raises:
        BadRecord: they are no UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(Reason.INVALID_UTF8, f"byte {error.start}: {error.reason}") from error


def is_document(content: io.BufferedReader, *keys: str) -> bool:
    """Whether the content is one JSON object with all of these keys at its beginning."""
    head = content.peek(BUFFER_BYTES).lstrip()
    return head.startswith(b"{") and all(f'"{key}"'.encode() in head for key in keys)


def read_document(content: io.BufferedReader, key: str, holds: str, smaller: str) -> object:
    """What stands under a key of one JSON document, which is read as a whole.

    Args:
        content: the document, unpacked.
        key: of its outermost object.
        holds: what it holds, in words for people.
        smaller: what to do where it is too large.

    Raises:
        RecordError: it is larger than 256 MiB, no JSON, or without the key.
    """
    raw = content.read(_MAX_DOCUMENT_BYTES + 1)
    if len(raw) > _MAX_DOCUMENT_BYTES:
        raise RecordError(f"a JSON document of {holds} of more than {_MAX_DOCUMENT_BYTES >> 20} MiB", smaller)
    try:
        return orjson.loads(raw)[key]
    except (orjson.JSONDecodeError, KeyError) as error:
        raise RecordError(f"the document of {holds} can't be read: {error}", "fetch it again") from error
