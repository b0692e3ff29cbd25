"""Lines of a file, one at a time, each bounded: a line without an end never fills the memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import NamedTuple

MAX_LINE_BYTES = 1_000_000
KEPT_BYTES = 65_536  # of a line that is longer than that
BUFFER_BYTES = 1 << 18
_UTF8_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One line without its line feed.

    Attributes:
        number: from 1.
        raw: its bytes; the first `KEPT_BYTES` where the line is longer than `MAX_LINE_BYTES`.
        length: number of bytes of the whole line.
    """

    number: int
    raw: bytes
    length: int


def read_lines(content: io.BufferedReader) -> Iterator[Line]:
    """Every line, in order; a byte order mark at its start, which files joined to one have midst, is left out."""
    number = 0
    while raw := content.readline(MAX_LINE_BYTES + 1):
        number += 1
        raw = raw.removeprefix(_UTF8_MARK)
        if raw.endswith(b"\n"):
            raw = raw[:-1]
            yield Line(number, raw, len(raw))
        elif len(raw) <= MAX_LINE_BYTES:  # the last line
            yield Line(number, raw, len(raw))
        else:
            yield Line(number, raw[:KEPT_BYTES], len(raw) + _skip_to_line_end(content))


def _skip_to_line_end(content: io.BufferedReader) -> int:
    """Bytes read up to the next line feed, which is not counted."""
    skipped = 0
    while chunk := content.readline(BUFFER_BYTES):
        if chunk.endswith(b"\n"):
            return skipped + len(chunk) - 1
        skipped += len(chunk)
    return skipped
