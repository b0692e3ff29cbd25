"""Elements of a file that is one JSON array, and objects spread over lines, as if each stood on a line of its own."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.lines import BUFFER_BYTES, KEPT_BYTES, MAX_LINE_BYTES, Line
from kindred.ingest.bytes.remote import Location

_BETWEEN = re.compile(r"[\s,]*")
_LONGEST = 64 * MAX_LINE_BYTES  # of an element that is read to its end, to be told as too long


def objects_run_on(head: bytes) -> bool:
    """Whether a file begins with an object that does not stand on a line of its own: it is spread, or one more follows.

    Args:
        head: the beginning of the file, which the first object may be longer than.
    """
    text = head.decode(errors="replace").lstrip()
    if not text.startswith("{"):
        return False
    try:
        end = json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return text.partition("\n")[0].rstrip().endswith(("{", "["))
    return "\n" in text[:end] or text[end:].lstrip(" \t").startswith((",", "{"))


def read_array(path: Location, content: io.BufferedReader) -> Iterator[Line]:
    """Every element in order, its number from 1 in place of a line's; memory holds one element at a time.

    Args:
        path: the file, for messages.
        content: its bytes, which begin with `[`; without it these are objects that follow one another.

    Raises:
        RecordError: the array breaks off, or an element is no JSON: where the next one begins can't be told then.
    """
    text = _Text(content)
    text.skip(_BETWEEN)
    is_array = text.starts_with("[")
    text.position += is_array
    number = 0
    while True:
        text.skip(_BETWEEN)
        if text.starts_with("]") if is_array else text.is_at_end():
            return
        found = text.next_value()
        if found is None:
            what = "is a JSON array that is" if is_array else "holds JSON objects, and is"
            raise RecordError(f"{path} {what} broken after element {number:,}", "fetch or write it again")
        number += 1
        raw = found.encode(errors="surrogateescape")
        yield Line(number, raw if len(raw) <= MAX_LINE_BYTES else raw[:KEPT_BYTES], len(raw))


@dataclass
class _Text:
    """The text of a file, of which only what is not yet used is held; bytes that are no UTF-8 come out as they were."""

    content: io.BufferedReader
    held: str = ""
    position: int = 0
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    )
    _parser: json.JSONDecoder = field(default_factory=json.JSONDecoder)

    def skip(self, what: re.Pattern[str]) -> None:
        """Goes past all that matches, from here on."""
        while True:
            found = what.match(self.held, self.position)
            self.position = found.end() if found else self.position
            if self.position < len(self.held) or not self._read(BUFFER_BYTES):
                return

    def starts_with(self, text: str) -> bool:
        """Whether this comes next."""
        return self.held.startswith(text, self.position)

    def is_at_end(self) -> bool:
        """Whether nothing comes any more, what matches having been skipped."""
        return self.position == len(self.held)

    def next_value(self) -> str | None:
        """The text of the value that comes next, which is gone past; None where there is no whole one."""
        size = BUFFER_BYTES
        while True:
            try:
                end = self._parser.raw_decode(self.held, self.position)[1]
            except (ValueError, RecursionError):
                end = 0
            # A number may go on in what has not been read.
            if end and (end < len(self.held) or not self._read(size)):
                found = self.held[self.position : end]
                self.position = end
                return found
            if not end and (len(self.held) - self.position > _LONGEST or not self._read(size)):
                return None
            size *= 2

    def _read(self, size: int) -> bool:
        """Reads more; False at the end of the file."""
        chunk = self.content.read(size)
        self.held = self.held[self.position :] + self._decoder.decode(chunk, final=not chunk)
        self.position = 0
        return bool(chunk)
