"""Opening a graph folder to read it, beside other readers, whatever the last writer left behind."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kindred.domain.errors import StoreError
from kindred.domain.schema import GraphSchema
from kindred.graph.ladybug.store import EmbeddedGraph
from kindred.graph.store import LockedError, UnfinishedError, with_schema

PATIENCE_SECONDS = 2.0  # with readers that look whether there is something to mend


def open_reader(folder: Path, schema: GraphSchema) -> EmbeddedGraph:
    """The graph of the folder, read-only, with every table of the schema there.

    A graph that needs a writer first is opened by one and closed again: one that has an older schema, or was left by a
    process that was killed. Of several readers that find it so, one mends it and the others wait. Where there is none
    yet, an empty one is read, and nothing is made in its place.

    Raises:
        StoreError: another process writes it, or it is damaged or made by another version.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return _empty(folder, schema)
    try:
        return _opened(folder, schema)
    except (UnfinishedError, LockedError):  # locked by a writer, which may be another reader that mends
        pass
    with _one_at_a_time(folder):
        try:
            return _opened(folder, schema)
        except UnfinishedError:
            _mend(folder, schema)
        return _opened(folder, schema)


def _empty(folder: Path, schema: GraphSchema) -> EmbeddedGraph:
    with TemporaryDirectory() as elsewhere:  # what is open stays readable
        _mend(Path(elsewhere), schema)
        graph = _opened(Path(elsewhere), schema)
    graph.url = f"ladybug:{folder}"
    return graph


def _opened(folder: Path, schema: GraphSchema) -> EmbeddedGraph:
    return with_schema(EmbeddedGraph(folder, read_only=True), schema)


def _mend(folder: Path, schema: GraphSchema) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with_schema(EmbeddedGraph(folder), schema).close()
            return
        except LockedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    try:
        file = (folder / "mending").open("a")
    except OSError as error:
        raise StoreError(f"can't write to the graph folder {folder}: {error}", "set KINDRED_GRAPH_URL") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
