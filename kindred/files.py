"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kindred.domain.errors import StoreError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the place of `path` when the block ends well; else nothing is left.

    What is there and no regular file, such as `/dev/stdout` or a pipe, is written itself.

    Raises:
        StoreError: it can't be written.
    """
    direct = path.exists() and not path.is_file()
    target = path if direct else path.resolve()  # a link stays a link
    written = target if direct else target.with_name(f".kindred-{os.getpid()}.part")
    try:
        if not direct:
            written.touch()  # some libraries would make the folder
        yield written
        if not direct:
            written.replace(target)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"can't write {path}: {reason}", "free space, or name another file") from error
    finally:
        if not direct:
            with suppress(OSError):
                written.unlink()
