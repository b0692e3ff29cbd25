"""The files that are meant by what was given: names, patterns, folders and `-` for standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from kindred.domain.errors import RecordError
from kindred.ingest.opening import STANDARD_INPUT

_PATTERN_CHARACTERS = frozenset("*?[")


Paths = Path | Sequence[Path] | None


def expand(paths: Paths) -> list[Path]:
    """The files, those of a folder or pattern sorted by name; hidden ones in folders are left out.

    Raises:
        RecordError: there is no such file, a folder is empty, or a pattern matches nothing.
    """
    given: Sequence[Path] = () if paths is None else (paths,) if isinstance(paths, Path) else paths
    return [file for path in given for file in _files_of(path)]


def _files_of(given: Path) -> Iterator[Path]:
    path = given.expanduser()
    if path == STANDARD_INPUT or (path.exists() and not path.is_dir()):
        yield path
    elif path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and not _is_hidden(file.relative_to(path))]
        if not files:
            raise RecordError(f"the folder {path} holds no file", "check the path")
        yield from files
    elif _PATTERN_CHARACTERS & {*str(path)}:
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        if not matches:
            raise RecordError(f"no file matches {path}", "check the pattern")
        for match in matches:
            yield from _files_of(match)
    else:
        raise RecordError(f"can't read {path}: no such file", "check the path")


def _is_hidden(path: Path) -> bool:
    """Whether the file, or a folder that it is in, is no data by the customs of tools (`_SUCCESS`, `.crc`)."""
    return any(part.startswith((".", "_")) for part in path.parts)
