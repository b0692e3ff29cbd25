"""The files that are meant by what was given: names, addresses, patterns, folders and `-` for standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from kindred.domain.errors import RecordError
from kindred.files import at_home
from kindred.ingest.bytes.addresses import TableAddress, scheme_of
from kindred.ingest.bytes.opening import STANDARD_INPUT
from kindred.ingest.bytes.remote import Location, find_remote

_PATTERN_CHARACTERS = frozenset("*?[")

Given = Path | str
"""A path, or as a text an address (`s3://bucket/key`) or a path."""
GivenTable = Given | TableAddress
"""The same, or a table of a database."""
Paths = GivenTable | Sequence[GivenTable] | None


def expand(paths: Paths) -> list[Location]:
    """The files, those of a folder or pattern sorted by name; hidden ones in folders are left out.

    Raises:
        RecordError: there is no such file, a folder is empty or not to be read, or a pattern matches nothing.
        SettingsError: no package that is installed reads such addresses.
    """
    given: Sequence[GivenTable] = () if paths is None else (paths,) if isinstance(paths, GivenTable) else paths
    return [file for one in given for file in _files_of(one)]


def check_files_there(given: Sequence[Given]) -> None:
    """Makes sure that what is meant on this machine is there. Raises: RecordError where it is not."""
    for one in given:
        if not is_elsewhere(one):
            next(_files_of(one), None)


def one_file(given: GivenTable) -> Location:
    """The file that is meant where it must be one; whether it is on this machine is seen when it is opened.

    Raises:
        RecordError: the address means several files, or none.
        SettingsError: no package that is installed reads such addresses.
    """
    if isinstance(given, TableAddress):
        return given
    if not is_elsewhere(given):
        return path_of(given)
    first, *others = find_remote(str(given))
    if others:
        raise RecordError(f"one file is wanted, {first} is but the first of {len(others) + 1:,}", "name one")
    return first


def is_elsewhere(given: Given) -> bool:
    """Whether it is an address of another machine."""
    return scheme_of(given) not in ("", "file")


def path_of(given: Given) -> Path:
    """The path on this machine, also where it was given as `file://…`."""
    if not scheme_of(given):
        return at_home(given)
    from urllib.request import url2pathname  # only here: it loads what speaks HTTP

    return Path(url2pathname(urlsplit(str(given)).path))


def _files_of(given: GivenTable) -> Iterator[Location]:
    if isinstance(given, TableAddress):
        yield given
        return
    if is_elsewhere(given):
        yield from find_remote(str(given))
        return
    try:
        yield from _files_here(path_of(given))
    except OSError as error:
        raise RecordError(
            f"{error.filename or given} can't be read: {error.strerror}", "check its permissions"
        ) from error


def _files_here(path: Path) -> Iterator[Path]:
    if path == STANDARD_INPUT or (path.exists() and not path.is_dir()):
        yield path
    elif path.is_dir():
        files = sorted(_files_in(path, {path.resolve()}))
        if not files:
            raise RecordError(f"the folder {path} holds no file", "check the path")
        yield from files
    elif _PATTERN_CHARACTERS & {*str(path)}:
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        if not matches:
            raise RecordError(f"no file matches {path}", "check the pattern")
        for match in matches:
            yield from _files_here(match)
    else:
        raise RecordError(f"can't read {path}: no such file", "check the path")


def _files_in(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """The files of a folder and of those in it, also where they are links, but for links in circles.

    What begins with a point or an underscore is no data by the customs of tools (`_SUCCESS`, `.crc`).
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and (there := path.resolve()) not in seen:
            seen.add(there)
            yield from _files_in(path, seen)
