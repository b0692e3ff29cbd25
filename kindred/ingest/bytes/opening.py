"""Opening a source file, wherever it comes from: a file, an address, a pipe or standard input, unpacked by content.

gzip, bzip2, xz and zstd are unpacked as they are read; a zip or tar archive where it holds one file. What is plainly no
table is named.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.encodings import wide_encoding
from kindred.ingest.bytes.lines import BUFFER_BYTES
from kindred.ingest.bytes.remote import Location, RemoteFile

STANDARD_INPUT = Path("-")
_MAX_LAYERS = 4  # of packing: a .csv.gz in a .tar.xz is three
_TAR_MAGIC_AT = 257
_GZIP, _BZIP2, _XZ, _ZSTD, _ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_SAMPLE = 256
_SHOWN_MEMBERS = 5
_UNPACK = {
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it: 7z x FILE"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"%PDF": ("a PDF document", "give the table that it was made from"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV: sqlite3 -csv -header FILE 'SELECT …'"),
    b"\x89HDF": ("an HDF5 file", "write the table as CSV or Parquet"),
    b"\x93NUMPY": ("a NumPy array", "write the table as CSV or Parquet"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the sheet as CSV"),
    b"MATLAB ": ("a MATLAB file", "write the table as CSV: scipy.io.loadmat reads it"),
    b"RDX": ("a workspace of R", "write the table as CSV: write.csv"),
    b"$FL2": ("an SPSS file", "write the table as CSV or Parquet"),
    b"Obj\x01": ("an Avro file", "write the table as CSV or Parquet"),
    b"PGDMP": ("a dump in PostgreSQL's own format", "make it plain SQL: pg_restore -f plain.sql DUMP"),
    **{
        b"\x80" + version: ("a Python pickle", "write the table as CSV or Parquet")
        for version in (b"\2", b"\3", b"\4", b"\5")
    },
    b"version https://git-lfs.github.com": ("a Git LFS pointer, not the data", "fetch the data: git lfs pull"),
    b"<?xml": ("an XML document", "write the table as CSV or JSON lines"),
}
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<table", b"<div")
_CONTROL = bytes({*range(32)} - {*b"\t\n\r\f\x1b"})
_MOST_CONTROL, _FEW_CONTROL = 0.1, 4  # share and number of them in a text with a few broken bytes
_BINARY_TABLES = (b"PAR1", b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")


class _Counted(io.RawIOBase):
    """The bytes of a file or pipe, counted as they are read; each read is as long as it can be."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view, filled = memoryview(buffer), 0  # type: ignore[arg-type]
        while filled < len(view) and (num := self._file.readinto(view[filled:])):
            filled += num
        self.position += filled
        return filled


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
    _counted: _Counted

    @property
    def share_read(self) -> float | None:
        """How far reading is, 0 to 1; None where that is not known."""
        return min(self._counted.position / self.size, 1.0) if self.size else None

    def from_any_place(self) -> IO[bytes]:
        """The same bytes where any of them can be read at any time; the caller closes it."""
        return self.plain.open("rb") if self.plain else seekable(self.content)


def is_stream(path: Location) -> bool:
    """Whether it can be read but once: standard input or a pipe."""
    if isinstance(path, RemoteFile):
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
            counted = _Counted(stack.enter_context(raw))
            content = packed = cast(io.BufferedReader, io.BufferedReader(counted, BUFFER_BYTES))
            if unpack:
                content = _unpacked(path, packed, stack)
                content = _in_lines(content)
                _refuse_what_is_no_table(path, content.peek(BUFFER_BYTES))
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
    """What a file holds whose lines end in carriage returns, as Excel for the Mac writes them, with line feeds."""

    def __init__(self, content: io.BufferedReader) -> None:
        self._content = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        chunk = self._content.read(len(view)).replace(b"\r", b"\n")
        view[: len(chunk)] = chunk
        return len(chunk)


def _in_lines(content: io.BufferedReader) -> io.BufferedReader:
    head = content.peek(BUFFER_BYTES)
    if b"\r" not in head or b"\n" in head or b"\x00" in head:
        return content
    return io.BufferedReader(_CarriageReturns(content), BUFFER_BYTES)


def seekable(content: io.BufferedReader) -> IO[bytes]:
    """The same bytes where any of them can be read at any time: a temporary file, gone when it is closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    while chunk := content.read(BUFFER_BYTES):
        file.write(chunk)
    file.seek(0)
    return file


def _raw(path: Location) -> tuple[io.RawIOBase, int | None, Path | None]:
    """The bytes, their number where it is known, and where they are a file of this machine that file."""
    if isinstance(path, RemoteFile):
        return path.open(), path.size, None
    if path == STANDARD_INPUT:
        raw = cast(io.RawIOBase, os.fdopen(os.dup(sys.stdin.fileno()), "rb", 0))
    else:
        raw = path.open("rb", 0)
    found = os.fstat(raw.fileno())
    if not stat.S_ISREG(found.st_mode):
        return raw, None, None
    return raw, found.st_size, path if path != STANDARD_INPUT else None


def _unpacked(path: Location, content: io.BufferedReader, stack: ExitStack) -> io.BufferedReader:
    for _ in range(_MAX_LAYERS):
        head = content.peek(BUFFER_BYTES)
        if head.startswith(_GZIP):
            packed: object = gzip.GzipFile(fileobj=content)
        elif head.startswith(_BZIP2) and head[3:4].isdigit() and head[4:10] == b"1AY&SY":
            packed = bz2.BZ2File(content)
        elif head.startswith(_XZ):
            packed = lzma.LZMAFile(content)  # noqa: SIM115 - it lives as long as the file below it
        elif head.startswith(_ZSTD):
            packed = _Zstd(content)
        elif head.startswith(_ZIP):
            packed = _zip_member(path, content, stack)
        elif head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
            packed = _TarMember(path, content)
        else:
            return content
        content = cast(io.BufferedReader, io.BufferedReader(_Counted(cast(io.RawIOBase, packed)), BUFFER_BYTES))
    raise RecordError(f"{path} is packed more than {_MAX_LAYERS} times", "unpack it")


class _Zstd(io.RawIOBase):
    """What a zstd file holds."""

    def __init__(self, packed: io.BufferedReader) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        return int(self._stream.readinto(buffer))


def _zip_member(path: Location, content: io.BufferedReader, stack: ExitStack) -> IO[bytes]:
    """The one file in a zip archive."""
    archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(seekable(content))))
    names = [info.filename for info in archive.infolist() if not info.is_dir() and not _is_beside(info.filename)]
    if {"[Content_Types].xml", "content.xml"} & {*names}:
        raise RecordError(f"{path} is an Excel workbook or another office document", "save the sheet as CSV")
    if len(names) != 1:
        raise _not_one_file(path, "zip", names)
    try:
        return stack.enter_context(archive.open(names[0]))
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in a way that Python does not know
        raise RecordError(f"{path} can't be unpacked: {error}", "unpack it, and give the file in it") from error


class _TarMember(io.RawIOBase):
    """The one file in a tar archive; a second one is an error when the first has been read."""

    def __init__(self, path: Location, content: io.BufferedReader) -> None:
        self._path = path
        self._is_read = False
        self._archive = tarfile.open(fileobj=content, mode="r|", bufsize=BUFFER_BYTES)  # noqa: SIM115 - as above
        member = self._next()
        if member is None:
            raise _not_one_file(path, "tar", [])
        self._name = member.name
        self._file = cast(IO[bytes], self._archive.extractfile(member))

    def _next(self) -> tarfile.TarInfo | None:
        while member := self._archive.next():
            if member.isfile() and not _is_beside(member.name):
                return member
        return None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        if self._is_read:
            return 0
        view = memoryview(buffer)  # type: ignore[arg-type]
        chunk = self._file.read(len(view))
        view[: len(chunk)] = chunk
        if not chunk:
            self._is_read = True
            if second := self._next():
                raise _not_one_file(self._path, "tar", [self._name, second.name])
        return len(chunk)


def _is_beside(name: str) -> bool:
    """Whether a member of an archive is no content, such as what macOS leaves there."""
    last = name.rsplit("/", 1)[-1]
    return last.startswith("._") or last == ".DS_Store" or name.startswith("__MACOSX/")


def _not_one_file(path: Location, kind: str, names: list[str]) -> RecordError:
    held = ", ".join(names[:_SHOWN_MEMBERS]) + (", …" if len(names) > _SHOWN_MEMBERS else "") if names else "none"
    return RecordError(
        f"{path} is a {kind} archive that does not hold one file alone: {held}", "unpack it, and give the files in it"
    )


def _refuse_what_is_no_table(path: Location, head: bytes) -> None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, (what, next_step) in _UNPACK.items():
        if start.startswith(magic):
            raise RecordError(f"{path} is {what}", next_step)
    if start[:20].lower().startswith(_HTML):
        raise RecordError(f"{path} is an HTML page, not a table", "look at it: perhaps an address asked you to log in")
    if not start.startswith(_BINARY_TABLES) and wide_encoding(head) is None:
        sample = head[:_SAMPLE]
        if len(sample) - len(sample.translate(None, _CONTROL)) > max(_MOST_CONTROL * len(sample), _FEW_CONTROL):
            raise RecordError(f"{path} is no text and no table that is known", "write the table as CSV or Parquet")
