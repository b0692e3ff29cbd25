"""Lines of a file, one at a time, each bounded: a line without an end never fills the memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from kindred.domain.errors import RecordError

MAX_LINE_BYTES = 1_000_000
KEPT_BYTES = 65_536  # of a line that is longer than that
BUFFER_BYTES = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"
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


@dataclass(frozen=True)
class OpenFile:
    """An open source file.

    Attributes:
        content: what it holds, unpacked.
        packed: the bytes on disk, whose position tells how far reading is.
        size: bytes on disk.
    """

    content: io.BufferedReader
    packed: io.BufferedReader
    size: int


@contextmanager
def open_file(path: Path) -> Iterator[OpenFile]:
    """The file, unpacked where its content (not its name) is gzip.

    Raises:
        RecordError: it is missing, not readable or not a file, now or while it is read (a gzip file that is cut off).
    """
    try:
        with path.open("rb", BUFFER_BYTES) as file:
            packed = cast(io.BufferedReader, file)
            size = path.stat().st_size
            if packed.peek(2)[:2] == _GZIP_MAGIC:
                unpacked = cast(io.RawIOBase, gzip.GzipFile(fileobj=packed))
                yield OpenFile(io.BufferedReader(unpacked, BUFFER_BYTES), packed, size)
            else:
                yield OpenFile(packed, packed, size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordError(
            f"{path} is a broken gzip file: {error}", f"fetch it again; test it with gzip -t {path}"
        ) from error
    except FileNotFoundError as error:
        raise RecordError(f"{path} does not exist", "check the path") from error
    except OSError as error:
        raise RecordError(
            f"{path} can't be read: {error.strerror or error}", "check the path and its permissions"
        ) from error


def read_lines(content: io.BufferedReader) -> Iterator[Line]:
    """Every line, in order; a byte order mark at the start is left out."""
    if content.peek(len(_UTF8_MARK)).startswith(_UTF8_MARK):
        content.read(len(_UTF8_MARK))
    number = 0
    while raw := content.readline(MAX_LINE_BYTES + 1):
        number += 1
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
