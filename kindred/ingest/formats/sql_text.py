"""The text of a database dump, seen through a window that moves on.

The window always holds `MAX_LINE_BYTES` of what comes next, unless the dump ends before. What does not match within it
is broken or too long, so nothing is read twice and memory stays bounded.
"""

from __future__ import annotations

import io
import re

from kindred.ingest.bytes.lines import KEPT_BYTES, MAX_LINE_BYTES, Line

_READ_BYTES = 4 * MAX_LINE_BYTES
_OVERLAP = 1024  # bytes of a window searched in vain in which a match may yet begin
_UTF8_MARK = b"\xef\xbb\xbf"


class DumpText:
    """What is left of a dump; `line` is the number, from 1, of the line that comes next."""

    def __init__(self, content: io.BufferedReader) -> None:
        if content.peek(len(_UTF8_MARK)).startswith(_UTF8_MARK):
            content.read(len(_UTF8_MARK))
        self.line = 1
        self._content = content
        self._window = b""
        self._position = 0
        self._read_all = False
        self._fill()

    def _fill(self) -> None:
        if self._read_all or len(self._window) - self._position > MAX_LINE_BYTES:
            return
        more = self._content.read(_READ_BYTES)
        past = min(self._position, 1)  # one byte is kept, so that a pattern can tell the start of a line
        self._window = self._window[self._position - past :] + more
        self._position = past
        self._read_all = len(more) < _READ_BYTES

    def peek(self) -> bytes:
        """The next byte; empty at the end of the dump."""
        return self._window[self._position : self._position + 1]

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """The match at the start of what is left."""
        return pattern.match(self._window, self._position)

    def take(self, found: re.Match[bytes]) -> bytes:
        """Moves on to the end of a match; the bytes passed."""
        return self._take(found.end())

    def _take(self, end: int) -> bytes:
        raw = self._window[self._position : end]
        self.line += raw.count(b"\n")
        self._position = end
        self._fill()
        return raw

    def skip(self, pattern: re.Pattern[bytes]) -> None:
        """Moves past all that matches, however long."""
        while (found := self.match(pattern)) and self._take(found.end()):
            pass

    def take_line(self) -> Line | None:
        """The next line, of one that is too long the beginning; None at the end."""
        if not self.peek():
            return None
        number, beginning, length = self.line, b"", 0
        while (end := self._window.find(b"\n", self._position)) < 0 and not self._read_all:
            part = self._take(len(self._window))
            beginning, length = beginning or part[:KEPT_BYTES], length + len(part)
        part = self._take(len(self._window) if end < 0 else end)
        if end >= 0:
            self._take(self._position + 1)
        return Line(number, beginning or _bounded(part), length + len(part))

    def take_through(self, pattern: re.Pattern[bytes]) -> tuple[Line, re.Match[bytes] | None]:
        """Moves past the first match: what was passed, as far as it is kept, and the match.

        Without a match all that is left is passed.
        """
        number, beginning, length = self.line, b"", 0
        while not (found := pattern.search(self._window, self._position)):
            part = self._take(len(self._window) - (0 if self._read_all else _OVERLAP))
            beginning, length = beginning or part[:KEPT_BYTES], length + len(part)
            if not self.peek():
                return Line(number, beginning, length), None
        part = self._take(found.end())
        return Line(number, beginning or _bounded(part), length + len(part)), found


def _bounded(part: bytes) -> bytes:
    return part if len(part) <= MAX_LINE_BYTES else part[:KEPT_BYTES]
