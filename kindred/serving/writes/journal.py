"""The journal of writes: what was accepted is in it, on the disk, before anybody is told so.

One file of lines, `CRC-32 of the rest` and a JSON object with its number; the first line says from where numbers go on.
Several processes append (under a lock) and follow. A line that was torn at the end was never acknowledged; the next
writer overwrites it.
"""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from kindred.domain.errors import StoreError
from kindred.files import locked, write_whole

LOG_FILE = "writes.log"
_LOCK_FILE = "writes.lock"


@dataclass(frozen=True)
class Entry:
    """One write.

    Attributes:
        seq: its number; later writes have greater ones.
        time: when it was accepted, seconds UTC.
        value: what was written, JSON.
    """

    seq: int
    time: float
    value: Mapping[str, Any]


class Journal:
    """Appends to the journal in a folder, and follows what this and other processes append. Thread-safe.

    Raises:
        StoreError: the folder can't be used.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG_FILE
        self._lock_path = folder / _LOCK_FILE
        self._lock = Lock()
        self._place = 0
        self._file_id: tuple[int, int] | None = None
        self._last = 0
        self._unread: deque[Entry] = deque()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():
                with locked(self._lock_path):
                    if not self._path.exists():
                        write_whole(self._path, _header(1))
        except OSError as error:
            raise self._unusable(error) from error

    def append(self, values: Sequence[Mapping[str, Any]]) -> list[Entry]:
        """Adds writes; they are on the disk when this returns.

        Raises:
            StoreError: the disk does not take them; then none of them is there.
        """
        with self._lock, locked(self._lock_path):
            try:
                self._catch_up()
                now = time.time()
                entries = [Entry(self._last + 1 + row, now, value) for row, value in enumerate(values)]
                lines = b"".join(map(_line, entries))
                self._write(lines)
            except OSError as error:
                raise self._unusable(error) from error
            self._place += len(lines)
            self._last += len(entries)
            self._unread.extend(entries)
            return entries

    def follow(self) -> list[Entry]:
        """Writes since the last call, of every process, oldest first; at first all there are.

        Raises:
            StoreError: the file is damaged, or can't be read.
        """
        with self._lock:
            try:
                if self._has_grown():
                    with locked(self._lock_path, fcntl.LOCK_SH):
                        self._catch_up()
            except OSError as error:
                raise self._unusable(error) from error
            found = list(self._unread)
            self._unread.clear()
            return found

    def keep_only(self, wanted: Callable[[Entry], bool]) -> None:
        """Writes the file anew with these entries, numbers going on; who has not followed yet misses the others."""
        with self._lock, locked(self._lock_path):
            try:
                self._catch_up()
                kept = [entry for entry in _entries(self._path.read_bytes(), self._path) if wanted(entry)]
                write_whole(self._path, _header(self._last + 1) + b"".join(map(_line, kept)))
                self._file_id, self._place = self._identity(), self._path.stat().st_size
            except OSError as error:
                raise self._unusable(error) from error

    @property
    def num_bytes(self) -> int:
        """Size of the file."""
        return self._place

    def _has_grown(self) -> bool:
        status = self._path.stat()
        return status.st_size != self._place or (status.st_dev, status.st_ino) != self._file_id

    def _identity(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_dev, status.st_ino

    def _catch_up(self) -> None:
        """Takes in the whole lines that came since."""
        if self._identity() != self._file_id:
            self._file_id, self._place = self._identity(), 0
        with self._path.open("rb") as file:
            file.seek(self._place)
            content = file.read()
        content = content[: content.rfind(b"\n") + 1]
        begins, numbers_from = self._place == 0, 0
        if begins and content:
            numbers_from = _numbers_from(content[: content.index(b"\n") + 1], self._path)
        for entry in _entries(content, self._path, skip_first=begins, offset=self._place):
            if entry.seq > self._last:
                self._last = entry.seq
                self._unread.append(entry)
        self._last = max(self._last, numbers_from - 1)
        self._place += len(content)

    def _write(self, lines: bytes) -> None:
        """Appends after the last whole line, on the disk; or leaves the file as it was."""
        descriptor = os.open(self._path, os.O_RDWR)
        try:
            os.ftruncate(descriptor, self._place)
            try:
                written = os.pwrite(descriptor, lines, self._place)
                while written < len(lines):
                    written += os.pwrite(descriptor, lines[written:], self._place + written)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, self._place)
                raise
        finally:
            os.close(descriptor)

    def _unusable(self, error: OSError) -> StoreError:
        return StoreError(
            f"the journal {self._path} can't be used: {error.strerror or error}", "free disk space, or see its rights"
        )


class OneProcess:
    """A lock file that one process at a time holds, until it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def is_mine(self) -> bool:
        """Whether this process holds it, which it tries to."""
        if self._held is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                self._held = descriptor
        return self._held is not None

    def release(self) -> None:
        """Lets another process have it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _line(entry: Entry) -> bytes:
    return _with_checksum({"seq": entry.seq, "time": entry.time, "value": entry.value})


def _header(numbers_from: int) -> bytes:
    return _with_checksum({"from": numbers_from})


def _with_checksum(value: Mapping[str, Any]) -> bytes:
    content = orjson.dumps(value)
    return b"%08x %b\n" % (zlib.crc32(content), content)


def _numbers_from(line: bytes, path: Path) -> int:
    return int(_value(line[:-1], path, 0)["from"])


def _entries(content: bytes, path: Path, skip_first: bool = True, offset: int = 0) -> Iterator[Entry]:
    for number, line in enumerate(content.split(b"\n")[:-1]):
        if number or not skip_first:
            found = _value(line, path, offset)
            yield Entry(found["seq"], found["time"], found["value"])
        offset += len(line) + 1


def _value(line: bytes, path: Path, offset: int) -> dict[str, Any]:
    checksum, _, content = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(content):
        raise StoreError(
            f"the journal {path} is damaged at byte {offset:,}",
            "put the file aside, and send again what was written since the last `kindred ingest`",
        )
    value: dict[str, Any] = orjson.loads(content)
    return value
