r"""The cells of rows in a database dump: lines of COPY, and rows of literals of INSERT."""

from __future__ import annotations

import re

from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.json_lines import decode_utf8

FLAGS = re.IGNORECASE | re.DOTALL
STRING = rb"(?:\bE'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|'[^']*+(?:''[^']*+)*+')"
_BARE = rb"[^\s'\"(),;:]++"  # a number, TRUE, NULL …
_CAST = rb"(?:\s*::\s*[\w.\"][\w\s.\"]*(?:\([\d\s,]*\))?)?"
_VALUE = rb"(?:(?:\w+\s+)?" + STRING + rb"|" + _BARE + rb")" + _CAST + rb"\s*"
ROW = re.compile(rb"\(\s*" + _VALUE + rb"(?:,\s*" + _VALUE + rb")*+\)(?=\s*(?:[,;]|--|/\*|ON\b|\Z))", FLAGS)
_CELL = re.compile(
    rb"\s*(?:(?:\w+\s+)?(?P<string>" + STRING + rb")|(?P<bare>" + _BARE + rb"))" + _CAST + rb"\s*(?:,|\Z)", FLAGS
)
_NOTHING = ("NULL", "DEFAULT")
_COPY_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-f]{1,2}|.)", re.DOTALL | re.IGNORECASE)
_STRING_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-f]{1,2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)|''", re.DOTALL | re.IGNORECASE)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_MAX_CODE = 0x10FFFF


def copy_cells(raw: bytes) -> list[str | None] | BadRecord:
    r"""The cells of a line of COPY; None for \N."""
    try:
        text = decode_utf8(raw)
    except BadRecord as bad:
        return bad
    cells = text.split("\t")
    if "\\" not in text:
        return list(cells)
    return [None if cell == "\\N" else _COPY_ESCAPE.sub(_unescaped, cell) for cell in cells]


def insert_cells(raw: bytes) -> list[str | None] | BadRecord:
    """The cells of what matches `ROW`; None for NULL and DEFAULT."""
    try:
        decode_utf8(raw)
    except BadRecord as bad:
        return bad
    return [_literal(cell) for cell in _CELL.finditer(raw[1:-1])]


def _literal(cell: re.Match[bytes]) -> str | None:
    if cell["bare"]:
        bare = cell["bare"].decode()
        return None if bare.upper() in _NOTHING else bare
    text = cell["string"].decode()
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return _STRING_ESCAPE.sub(_unescaped, text[2:-1])


def _unescaped(escape: re.Match[str]) -> str:
    """What an escape stands for; `''`, which has no group, for one quote."""
    code = escape[1]
    if code is None:
        return "'"
    if code[0] in "01234567":
        return chr(int(code, 8))
    if len(code) > 1:
        return chr(min(int(code[1:], 16), _MAX_CODE))
    return _LETTERS.get(code, code)
