"""Files that are written whole or not at all, survive a power loss once they are there, and are known again."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from uuid import uuid4

from xxhash import xxh3_128

from kindred.domain.errors import KindredError, SettingsError, StoreError

_CHUNK_BYTES = 1 << 20
_PART = ".kindred-{}.part"
_NUMBER_OF_ERROR = re.compile(r"\(os error (\d+)\)")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # a path keeps but one of two slashes
_FORMATS = re.compile(
    r"\.(?:arrow|bz2|csv|feather|gz|html?|jpg|json|jsonl|ndjson|orc|parquet|pdf|pkl|png|sqlite|svg|tsv|xlsx?|xz|zip|zst)"
)
Seals = dict[str, tuple[int, str]]
"""Size and hash of each file of a folder, by its path there."""


def at_home(path: Path | str) -> Path:
    """The path, a leading `~` or `~name` read as that home folder, as a shell would have done.

    Files of settings, quoted arguments and URLs reach no shell; without this a folder called `~` would be made, or one
    called `s3:`.

    Raises:
        SettingsError: it is an address of another machine.
    """
    if isinstance(path, Path) and _ADDRESS.match(str(path)):
        raise SettingsError(
            f"{path.parts[0]}//… is an address, where a path on this machine is wanted",
            "`kindred ingest` reads from addresses; what is written is written here, and copied from here",
        )
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no one of that name: it is the name of a folder
        return Path(path)


def check_ending(path: Path, *fitting: str) -> None:
    """Makes sure that the name of a file to write promises no other format than these endings do.

    Raises:
        SettingsError: it does.
    """
    if _FORMATS.fullmatch(path.suffix.lower()) and path.suffix.lower() not in fitting:
        raise SettingsError(
            f"{path} ends in {path.suffix}, which is not written here", f"name one that ends in {' or '.join(fitting)}"
        )


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the place of `path` when the `with` ends well; else nothing is left.

    What is there and no regular file, such as `/dev/stdout` or a pipe, is written itself.

    Raises:
        StoreError: it can't be written.
    """
    try:
        with _in_place_of(path) as part:
            yield part
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"can't write {path}: {reason}", "free space, or name another file") from error


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file of our own to write, which takes the place of `path` as that of `whole_file` does.

    Its mode is that of any new file, as the umask has it. Raises OSError, for the caller to say what to do.
    """
    with _in_place_of(path) as part, part.open("wb") as file:
        yield file


def error_of_disk(error: Exception, path: Path) -> OSError:
    """What a library of Rust says of a file it could not write, as Python would have: with its number and the path."""
    number = _NUMBER_OF_ERROR.search(str(error))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(path)) if number else OSError(str(error))


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file of our own whole or not at all. Raises OSError, for the caller to say what to do."""
    with written_whole(path) as file:
        file.write(content)


@contextmanager
def part_folder(folder: Path) -> Iterator[Path]:
    """A folder within this one for files that become whole elsewhere in it (`put_in_place`); gone in the end."""
    before, after = _PART.split("{}")
    with TemporaryDirectory(prefix=before, suffix=after, dir=folder) as part:
        yield Path(part)


def put_in_place(part: Path, target: Path) -> None:
    """Gives a file that is written its name, in place of an older one, so that neither is lost with the power."""
    sync(part)
    part.replace(target)
    sync(target.parent)


@contextmanager
def locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Holds a lock file, which is made if it is not there: waits for it, or with `LOCK_NB` raises BlockingIOError."""
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield


@contextmanager
def locked_or(taken: KindredError, path: Path) -> Iterator[None]:
    """Holds a lock file, which is made if it is not there. Raises: `taken` where another process holds it."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            raise taken from None
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def remove_parts(folder: Path) -> None:
    """Removes from a folder, in which no one writes, what was being written when a process was killed."""
    for part in list(folder.rglob(_PART.format("*"))):
        if part.is_dir():
            rmtree(part)
        else:
            part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Brings a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def seals_of(folder: Path, names: Iterable[str]) -> Seals:
    """What these files of a folder are now, for `damage_of` to compare with."""
    sizes = {name: (folder / name).stat().st_size for name in names}
    return {name: (size, _hash(folder / name, size)) for name, size in sizes.items()}


def damage_of(folder: Path, seals: Mapping[str, Sequence[object]], growing: Container[str] = ()) -> str | None:
    """The first file that is not what it was sealed as, and in what way; None where all are.

    Args:
        folder: where the files are.
        seals: what `seals_of` returned, or JSON made it.
        growing: names of files that may have become longer since.
    """
    for name, (size, digest) in seals.items():
        path = folder / name
        if not isinstance(size, int) or not path.is_file():
            return f"{path} is missing"
        found = path.stat().st_size
        if found < size or (found > size and path.name not in growing):
            return f"{path} has {found:,} bytes, not {size:,}"
        if _hash(path, size) != digest:
            return f"{path} is not what was written"
    return None


def with_hash(value: Mapping[str, Any]) -> dict[str, Any]:
    """What goes into a JSON file that is known again: the value, as JSON has it, and the hash of it."""
    plain = json.loads(json.dumps(dict(value), ensure_ascii=False, default=str))
    return {**plain, "hash": _hash_of(plain)}


def write_with_hash(path: Path, value: Mapping[str, Any], allow_nan: bool = True) -> None:
    """Writes a JSON object, whole or not at all, which `read_with_hash` knows again.

    Raises:
        ValueError: it holds a number that JSON does not know, where none is allowed.
    """
    text = json.dumps(with_hash(value), indent=2, ensure_ascii=False, allow_nan=allow_nan)
    write_whole(path, f"{text}\n".encode())


def remedy(error: Exception, of_damage: str) -> str:
    """What to do about a file that could not be read: it is not for that damaged, and must not be deleted."""
    may_be_whole = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
    return "mend its permissions, or see its disk; it need not be damaged" if may_be_whole else of_damage


def read_with_hash(path: Path) -> dict[str, Any]:
    """The JSON object in a file; one that carries a hash is what was written with it.

    Raises:
        ValueError: it is not.
    """
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    if (digest := value.pop("hash", None)) is not None and digest != _hash_of(value):
        raise ValueError("it is not what was written")
    return value


def _hash_of(value: Mapping[str, Any]) -> str:
    return xxh3_128(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _hash(path: Path, size: int) -> str:
    """XXH3 of the first `size` bytes: finds damage, not forgery, at the speed of memory."""
    digest = xxh3_128()
    chunk = memoryview(bytearray(min(size, _CHUNK_BYTES)))  # one for all: to make each anew takes a third of the time
    with path.open("rb", buffering=0) as file:
        while size > 0 and (num_read := file.readinto(chunk[:size])):
            digest.update(chunk[:num_read])
            size -= num_read
    return digest.hexdigest()


@contextmanager
def _in_place_of(path: Path) -> Iterator[Path]:
    if path.exists() and not path.is_file():
        yield path
        return
    target = path.resolve()  # a link stays a link
    part = target.with_name(_PART.format(uuid4().hex))
    try:
        part.touch()  # some libraries would make the folder
        yield part
        put_in_place(part, target)
    finally:
        with suppress(OSError):
            part.unlink()
