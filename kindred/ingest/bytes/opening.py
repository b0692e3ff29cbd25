"""Opening a source file, wherever it comes from: a file, an address, a pipe or standard input, unpacked by content."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import re
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.addresses import TableAddress
from kindred.ingest.bytes.lines import BUFFER_BYTES
from kindred.ingest.bytes.no_tables import refuse_no_table
from kindred.ingest.bytes.remote import Location, RemoteFile
from kindred.ingest.bytes.unpacking import Counted, seekable, unpacked

STANDARD_INPUT = Path("-")
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_QUOTED_OR_RETURN = re.compile(rb'(?<![^\s,;|:{\[])"(?:[^"\\]++|\\.|"")*+"|\r(?!\n)', re.DOTALL)

_RECORD_SEPARATOR = b"\x1e"
"""What begins each record of a JSON text sequence (RFC 7464), and stands nowhere else in one."""


@dataclass(frozen=True)
class OpenFile:
    """An open source file.

    Attributes:
        content: what it holds, unpacked.
        size: bytes of the file; None where they are not known, as of a pipe.
        plain: the file of this machine that holds just this content; None where there is none.
    """

    content: io.BufferedReader
    size: int | None
    plain: Path | None
    _counted: Counted

    @property
    def share_read(self) -> float | None:
        """How far reading is, 0 to 1; None where that is not known."""
        return min(self._counted.position / self.size, 1.0) if self.size else None

    def from_any_place(self) -> IO[bytes]:
        """The same bytes where any of them can be read at any time; the caller closes it."""
        return self.plain.open("rb") if self.plain else seekable(self.content)


def is_stream(path: Location) -> bool:
    """Whether it can be read but once: standard input or a pipe."""
    if not isinstance(path, Path):
        return False
    try:
        return path == STANDARD_INPUT or not (stat.S_ISREG(mode := path.stat().st_mode) or stat.S_ISDIR(mode))
    except OSError:
        return False


@contextmanager
def open_file(path: Location, unpack: bool = True) -> Iterator[OpenFile]:
    """The file, unpacked by its content (not its name) unless it shall stay packed; `-` is standard input.

    Raises:
        RecordError: it is missing, not readable, no file or no table, now or while it is read (a truncated archive).
    """
    try:
        with ExitStack() as stack:
            raw, size, on_disk = _raw(path)
            counted = Counted(stack.enter_context(raw))
            content = packed = cast(io.BufferedReader, io.BufferedReader(counted, BUFFER_BYTES))
            if unpack:
                content = unpacked(path, packed, stack)
                content = _in_lines(content)
                refuse_no_table(path, content.peek(BUFFER_BYTES))
            else:  # an archive is read from any place
                as_it_is = on_disk.open("rb") if on_disk else seekable(packed)
                content = cast(io.BufferedReader, stack.enter_context(as_it_is))
            yield OpenFile(content, size, on_disk if content is packed else None, counted)
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise RecordError(f"{path} is packed and broken: {error}", "fetch it again") from error
    except IsADirectoryError as error:
        raise RecordError(f"{path} is a folder", "name the files in it") from error
    except FileNotFoundError as error:
        raise RecordError(f"{path} does not exist", "check the path") from error
    except OSError as error:
        raise RecordError(
            f"{path} can't be read: {error.strerror or error}", "check the path and its permissions"
        ) from error


class _CarriageReturns(io.RawIOBase):
    """What a text holds, a line feed for each lone carriage return that ends a line, as Excel for the Mac writes them.

    One within quotes is text. Files that were joined to one may end their lines in several ways.

    Args:
        content: the text.
        left_out: bytes that mean nothing in it.
    """

    def __init__(self, content: io.BufferedReader, left_out: bytes) -> None:
        self._content = content
        self._left_out = left_out
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        self._ready = self._ready or self._next()
        part, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(part)] = part
        return len(part)

    def _next(self) -> bytes:
        chunk = self._content.read(BUFFER_BYTES - 1)
        if chunk.endswith(b"\r"):  # what follows tells whether it ends a line by itself
            chunk += self._content.read(1)
        if self._left_out:
            chunk = chunk.translate(None, self._left_out) or (b"\n" if chunk else b"")  # nothing would be the end
        if not _LONE_RETURN.search(chunk):
            return chunk
        return _QUOTED_OR_RETURN.sub(lambda found: b"\n" if found[0] == b"\r" else found[0], chunk)


def _in_lines(content: io.BufferedReader) -> io.BufferedReader:
    if b"\x00" in content.peek(BUFFER_BYTES):  # no text, or one in UTF-16
        return content
    left_out = _RECORD_SEPARATOR if content.peek(1).startswith(_RECORD_SEPARATOR) else b""
    return io.BufferedReader(_CarriageReturns(content, left_out), BUFFER_BYTES)


def _raw(path: Location) -> tuple[io.RawIOBase, int | None, Path | None]:
    """The bytes, their number where it is known, and where they are a file of this machine that file."""
    if isinstance(path, RemoteFile):
        return path.open(), path.size, None
    if isinstance(path, TableAddress):
        raise RecordError(f"{path} is a table of a database, not a file", "name a file")
    if path == STANDARD_INPUT:
        raw = cast(io.RawIOBase, os.fdopen(os.dup(sys.stdin.fileno()), "rb", 0))
    else:
        raw = path.open("rb", 0)
    found = os.fstat(raw.fileno())
    if not stat.S_ISREG(found.st_mode):
        return raw, None, None
    return raw, found.st_size, path if path != STANDARD_INPUT else None
