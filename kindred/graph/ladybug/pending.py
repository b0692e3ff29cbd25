"""Edges that are acknowledged but not yet in the engine, a file a batch: so many batches cost one bulk load.

A bulk load rewrites the whole relationship table, so seven batches of 150,000 cost four times as much as one of a
million. A batch here is on disk, whole, once its file has its name; whoever opens the graph next finds it, whatever
happened to the process that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from kindred.domain.errors import StoreError
from kindred.domain.schema import EdgeType
from kindred.files import remedy, written_whole
from kindred.graph.rows import full_name


class PendingEdges:
    """Batches of light edges, by edge type, in files under one folder.

    Raises:
        StoreError: a file that is there can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._batches: dict[str, list[pa.Table]] = {}
        for path in sorted(folder.glob("*.arrow")):
            self._batches.setdefault(path.name.split(".")[0], []).append(_read(path))

    def __bool__(self) -> bool:
        return bool(self._batches)

    def edges(self) -> Iterator[EdgeType]:
        """The edge types that have rows here, without their properties."""
        for name in list(self._batches):
            source, kind, target = name.split("-")
            yield EdgeType(source, kind, target, ())

    def num_rows(self, edge: EdgeType) -> int:
        """Rows of that edge type."""
        return sum(len(batch) for batch in self._batches.get(full_name(edge), ()))

    def rows(self, edge: EdgeType) -> pa.Table:
        """All rows of an edge type that has some."""
        return pa.concat_tables(self._batches[full_name(edge)], promote_options="default")

    def add(self, edge: EdgeType, light: pa.Table) -> None:
        """Keeps more rows; they are on disk when this returns.

        Raises:
            StoreError: they can't be written; then none of them is kept.
        """
        name = full_name(edge)
        batches = self._batches.get(name, [])
        path = self._folder / f"{name}.{len(batches):06d}.arrow"
        try:
            _write(path, light)
        except OSError as error:
            raise StoreError(f"can't write {path}: {error}", "free some disk space; run it again") from error
        self._batches[name] = [*batches, light]

    def clear(self, edge: EdgeType) -> None:
        """Forgets the rows of an edge type, which are in the engine now."""
        for path in self._folder.glob(f"{full_name(edge)}.*"):
            path.unlink()
        self._batches.pop(full_name(edge), None)


def _read(path: Path) -> pa.Table:
    try:
        with path.open("rb") as file, pa.ipc.open_stream(file) as stream:
            return stream.read_all()
    except (OSError, pa.ArrowInvalid) as error:
        anew = remedy(error, "delete the graph's folder and ingest again")
        raise StoreError(f"can't read {path}: {error}", anew) from error


def _write(path: Path, light: pa.Table) -> None:
    """Writes the file whole, or not under its name."""
    path.parent.mkdir(exist_ok=True)
    with written_whole(path) as file, pa.ipc.new_stream(file, light.schema) as stream:
        stream.write_table(light)
