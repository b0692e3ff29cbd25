"""Unpacking by content: gzip, bzip2, xz and zstd as they are read; a zip or tar archive where it holds one file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from contextlib import ExitStack
from typing import IO, cast

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.lines import BUFFER_BYTES
from kindred.ingest.bytes.remote import Location

_MAX_LAYERS = 4  # of packing: a .csv.gz in a .tar.xz is three
_TAR_MAGIC_AT = 257
_GZIP, _BZIP2, _XZ, _ZSTD, _ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_SHOWN_MEMBERS = 5


class Counted(io.RawIOBase):
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


def unpacked(path: Location, content: io.BufferedReader, stack: ExitStack) -> io.BufferedReader:
    """What the content holds when all of its packing is undone; the content itself where it is not packed.

    Args:
        path: of the file, for messages.
        content: as it is in the file.
        stack: closes what is opened on the way.

    Raises:
        RecordError: an archive does not hold one file alone, or can't be unpacked; it is packed too many times.
    """
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
        content = cast(io.BufferedReader, io.BufferedReader(Counted(cast(io.RawIOBase, packed)), BUFFER_BYTES))
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


def seekable(content: io.BufferedReader) -> IO[bytes]:
    """The same bytes where any of them can be read at any time: a temporary file, gone when it is closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    while chunk := content.read(BUFFER_BYTES):
        file.write(chunk)
    file.seek(0)
    return file
