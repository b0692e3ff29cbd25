"""Files that are written whole or not at all, and survive a power cut once they are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from kindred.domain.errors import StoreError


def at_home(path: Path | str) -> Path:
    """The path, a leading `~` or `~name` read as that home folder, as a shell would have done.

    Files of settings, quoted arguments and URLs reach no shell; without this a folder called `~` would be made.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody of that name: it is the name of a folder
        return Path(path)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the place of `path` when the block ends well; else nothing is left.

    What is there and no regular file, such as `/dev/stdout` or a pipe, is written itself.

    Raises:
        StoreError: it can't be written.
    """
    try:
        if path.exists() and not path.is_file():
            yield path
        else:
            with _in_place_of(path.resolve()) as part:  # a link stays a link
                yield part
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"can't write {path}: {reason}", "free space, or name another file") from error


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file of our own to write, which takes the place of `path` when the block ends well; else nothing is left.

    Its mode is that of any new file, as the umask has it. Raises OSError, for the caller to say what to do.
    """
    with _in_place_of(path) as part, part.open("wb") as file:
        yield file


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file of our own whole or not at all. Raises OSError, for the caller to say what to do."""
    with written_whole(path) as file:
        file.write(content)


def sync(path: Path) -> None:
    """Brings a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _in_place_of(target: Path) -> Iterator[Path]:
    part = target.with_name(f".kindred-{uuid4().hex}.part")
    try:
        part.touch()  # some libraries would make the folder
        yield part
        sync(part)
        part.replace(target)
        sync(target.parent)
    finally:
        with suppress(OSError):
            part.unlink()
