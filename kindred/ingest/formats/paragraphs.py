"""Records of several lines, `key: value` each and a blank line between two: the reviews that SNAP gives out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kindred.ingest.bytes.lines import MAX_LINE_BYTES, Line
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.formats.json_lines import decode_utf8
from kindred.ingest.formats.rows import Row

_HEAD = re.compile(rb"\s*([a-z]+)/\w+: .*\n[a-z]+/\w+: ")
_PAIR = re.compile(r"([a-z]+/\w+): ?(.*)")
_UNKNOWN = "unknown"  # what stands there for whoever wrote it, or a price


def is_paragraphs(head: bytes) -> bool:
    """Whether a file begins with lines such as `product/productId: B001`."""
    return _HEAD.match(head) is not None


def read_paragraphs(lines: Iterator[Line]) -> Iterator[Row]:
    """A row each, its columns called as its keys; its number is that of its first line."""
    paragraph: list[Line] = []
    for line in lines:
        is_blank = not line.raw.strip()
        if paragraph and (is_blank or _key(line) == _key(paragraph[0])):
            yield _row(paragraph)
            paragraph = []
        if not is_blank:
            paragraph.append(line)
    if paragraph:
        yield _row(paragraph)


def _key(line: Line) -> bytes:
    return line.raw.partition(b": ")[0]


def _row(paragraph: list[Line]) -> Row:
    length = sum(line.length for line in paragraph) + len(paragraph) - 1
    return Row(paragraph[0].number, b"", length, _values(paragraph, length))


def _values(paragraph: list[Line], length: int) -> Mapping[str, object] | BadRecord:
    """The values by key; a line without a key goes on with the value above it."""
    if length > MAX_LINE_BYTES:
        return BadRecord(Reason.LINE_TOO_LONG, f"{length:,} bytes")
    values: dict[str, str] = {}
    try:
        for line in paragraph:
            text = decode_utf8(line.raw).removesuffix("\r")
            if pair := _PAIR.fullmatch(text):
                values[key := pair[1]] = pair[2]
            elif values:
                values[key] += f"\n{text}"
            else:
                return BadRecord(Reason.BROKEN_CSV, "a line without a key before the first one")
    except BadRecord as bad:
        return bad
    return {key: None if value in ("", _UNKNOWN) else value for key, value in values.items()}
