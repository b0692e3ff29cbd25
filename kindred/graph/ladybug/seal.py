"""Sizes and checksums of what a graph folder holds, so that damage is noticed instead of answered from.

`seal.json` is written when a writer closes the graph, and says `writing` as long as one has it open. Texts and vectors
are append-only, so their checksums go on from the last ones; a file that was sealed may have grown in the hands of a
writer that was killed, but never shrunk. The checksum is CRC-32: it finds accidents, not forgery.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from kindred.domain.errors import StoreError
from kindred.files import read_with_hash, remedy, write_with_hash
from kindred.graph.ladybug.engine import OPEN_ONCE
from kindred.graph.ladybug.notes import NOTES, read_notes
from kindred.graph.ladybug.recovery import DATABASE
from kindred.graph.store import UnfinishedError

SEAL = "seal.json"
MAGIC = b"LBUG"  # how a database file begins
CHECKED_BYTES = 128 << 20  # a file up to this size is read through before anything of it is answered: 40 ms
CHUNK_BYTES = 4 << 20


@dataclass(frozen=True)
class Sealed:
    """Length of a file in bytes, and the CRC-32 of them."""

    size: int
    crc32: int


@dataclass(frozen=True)
class _Seal:
    """What `seal.json` says.

    Attributes:
        files: as they were left, by their path in the folder.
        writing: whether a writer has the graph, or had it until it was killed.
        schema: what `seal` was told of it.
        has_notes: whether there were notes, which have a checksum of their own.
    """

    files: Mapping[str, Sealed] = field(default_factory=dict)
    writing: bool = False
    schema: str | None = None
    has_notes: bool = False


def check_seal(folder: Path, *, read_only: bool) -> str | None:
    """Makes sure that no file is shorter, longer or another than it was left, as far as that is cheap to see.

    Returns:
        What `seal` was told of the schema; None where the last writer did not say it or did not close the graph.

    Raises:
        StoreError: one is damaged; the message names it.
        UnfinishedError: to be read, but the last writer did not close it.
    """
    sealed = _read(folder)
    if sealed is None:
        if read_only:
            raise UnfinishedError(f"the graph in {folder} was never closed by a writer", OPEN_ONCE)
        return None
    _check_notes(folder, sealed)
    for name, file in sealed.files.items():
        if name == DATABASE and sealed.writing:
            _check_begin(folder / name)
        else:
            _check_size(folder / name, file, may_have_grown=sealed.writing)
    if sealed.writing and read_only:
        raise UnfinishedError(f"a process that wrote the graph in {folder} was interrupted", OPEN_ONCE)
    database = sealed.files.get(DATABASE)
    if database is not None and not sealed.writing and database.size <= CHECKED_BYTES:
        _check_content(folder / DATABASE, database)
    return None if sealed.writing else sealed.schema


class SealedFiles:
    """The files of an open graph folder, each compared once with what it was when the graph was closed last."""

    def __init__(self, folder: Path) -> None:
        sealed = _read(folder) or _Seal()
        self._left = {folder / name: file for name, file in sealed.files.items()}

    def check(self, path: Path, *, all_read: bool) -> None:
        """Makes sure that what was sealed of a file is as it was left; a larger one only where all of it is read.

        Raises:
            StoreError: it is damaged.
        """
        file = self._left.get(path)
        if file is not None and (all_read or file.size <= CHECKED_BYTES):
            _check_content(path, file)
            self._left.pop(path, None)


def begin_writing(folder: Path) -> None:
    """Notes that a writer has the graph."""
    _write(folder, replace(_read(folder) or _Seal(), writing=True, schema=None))


def seal(folder: Path, schema: str | None) -> None:
    """Notes sizes and checksums of everything as it is now, once no process writes it any more, and its schema."""
    before = (_read(folder) or _Seal()).files
    files: dict[str, Sealed] = {}
    for path in _paths(folder):
        name = path.relative_to(folder).as_posix()
        files[name] = _grown(path, before.get(name) if name != DATABASE else None)
    _write(folder, _Seal(files, schema=schema, has_notes=(folder / NOTES).exists()))


def seal_state(folder: Path) -> tuple[int, int]:
    """Another one for each time that a writer sealed the folder."""
    found = (folder / SEAL).stat()
    return found.st_ino, found.st_mtime_ns


def verify(folder: Path) -> list[str]:
    """What is damaged of a graph folder that no process writes, a sentence each; every byte is read."""
    problems = []
    try:
        read_notes(folder)
        sealed = _read(folder) or _Seal()
        _check_notes(folder, sealed)
    except StoreError as error:
        return [str(error)]
    for name, file in sealed.files.items():
        if name == DATABASE and sealed.writing:
            continue
        try:
            _check_size(folder / name, file, may_have_grown=sealed.writing)
            _check_content(folder / name, file)
        except StoreError as error:
            problems.append(str(error))
    return problems


def _paths(folder: Path) -> Iterator[Path]:
    yield folder / DATABASE
    yield from sorted(path for path in (folder / "columns").glob("*/*") if path.is_file())


def _grown(path: Path, before: Sealed | None) -> Sealed:
    size = _size(path)
    start = before if before is not None and before.size <= size else Sealed(0, 0)
    return Sealed(size, _crc32(path, start.size, size, start.crc32))


def _check_notes(folder: Path, sealed: _Seal) -> None:
    if sealed.has_notes and not (folder / NOTES).exists():
        raise _damaged(folder / NOTES, "it is gone, and with it which encoder its vectors are of")


def _check_begin(path: Path) -> None:
    begin = b""
    if path.exists():
        with path.open("rb") as file:
            begin = file.read(len(MAGIC))
    if begin != MAGIC:
        raise _damaged(path, "it is no database of the embedded engine")


def _check_size(path: Path, file: Sealed, *, may_have_grown: bool) -> None:
    size = _size(path)
    if size < file.size or (size > file.size and not may_have_grown):
        raise _damaged(path, f"it has {size:,} bytes, and was closed with {file.size:,}")


def _check_content(path: Path, file: Sealed) -> None:
    if _crc32(path, 0, file.size, 0) != file.crc32:
        raise _damaged(path, "its content is not what was written")


def _crc32(path: Path, start: int, end: int, crc32: int) -> int:
    """The checksum of the bytes from `start` to `end`, going on from that of those before."""
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
            crc32 = zlib.crc32(chunk, crc32)
            left -= len(chunk)
    return crc32


def _damaged(path: Path, reason: str) -> StoreError:
    return StoreError(f"{path} is damaged: {reason}", "delete the graph's folder and ingest again")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(folder: Path) -> _Seal | None:
    path = folder / SEAL
    try:
        content = read_with_hash(path)
        files = {str(name): Sealed(int(file["size"]), int(file["crc32"])) for name, file in content["files"].items()}
        return _Seal(files, bool(content["writing"]), content.get("schema"), bool(content.get("has_notes")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is damaged: {error}", remedy(error, f"delete that file, then {OPEN_ONCE}")) from error


def _write(folder: Path, sealed: _Seal) -> None:
    try:
        write_with_hash(folder / SEAL, asdict(sealed))
    except OSError as error:
        raise StoreError(f"can't write {folder / SEAL}: {error}", "free some disk space; run it again") from error
