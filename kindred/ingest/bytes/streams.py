"""Streams such as pipes, kept as files for who must read them more than once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kindred.domain.errors import KindredError
from kindred.ingest.bytes.addresses import TableAddress
from kindred.ingest.bytes.opening import is_stream, open_file
from kindred.ingest.bytes.paths import GivenTable, is_elsewhere, path_of


@dataclass(frozen=True)
class Kept:
    """Files to read.

    Attributes:
        files: what was given, streams as files that hold the same.
        names: what each of those was given as, by its path.
    """

    files: list[GivenTable]
    names: dict[str, str]

    def in_given_names(self, text: str) -> str:
        """The text with the names that were given."""
        for path, name in self.names.items():
            text = text.replace(path, name)
        return text


@contextmanager
def kept_streams(given: Sequence[GivenTable]) -> Iterator[Kept]:
    """The same files for as long as this is open; errors name what was given.

    Raises:
        RecordError: a stream can't be read.
    """
    kept = Kept([], {})
    with ExitStack() as stack:
        for one in given:
            if isinstance(one, TableAddress) or is_elsewhere(one) or not is_stream(path_of(one)):
                kept.files.append(one)
                continue
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kindred-"))) / "stream"
            with open_file(path_of(one)) as opened, copy.open("wb") as target:
                shutil.copyfileobj(opened.content, target)
            kept.files.append(copy)
            kept.names[str(copy)] = str(one)
        try:
            yield kept
        except KindredError as error:
            error.message, error.next_step = kept.in_given_names(error.message), kept.in_given_names(error.next_step)
            error.args = (error.message,)
            raise
