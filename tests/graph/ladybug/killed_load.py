"""Runs one load many times over, each in a process of its own that kills itself at its nth sign of life.

A sign of life comes before every force to disk, before and after every statement of the engine, and around every file
that is renamed or deleted: so between any two things that a crash could keep apart.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from kindred.graph.ladybug import tables as embedded_tables
from kindred.graph.ladybug.engine import Engine
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore
from tests.graph.graphs import BOOK, LIKED, READER, SCHEMA, Row, like, table_of

NEVER = -1


class Life:
    """Counts the signs of life, and ends it at the chosen one."""

    def __init__(self, kill_at: int) -> None:
        self.signs = 0
        self.kill_at = kill_at

    def sign(self) -> None:
        """One more sign."""
        self.signs += 1
        if self.signs == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: object, name: str) -> None:
        """Gives a sign before and after every call of that function."""
        call = getattr(owner, name)

        def watched(*arguments: object, **named: object) -> object:
            self.sign()
            result = call(*arguments, **named)
            self.sign()
            return result

        setattr(owner, name, watched)


def liked(numbers: range, at: int, text: str) -> list[Row]:
    return [
        like(f"e{i}", f"r{i % 20}", f"b{i % 3}", at=at + i, text=f"{text} {i}", text_embedding=[i, at % 100, len(text)])
        for i in numbers
    ]


def steps() -> list[Callable[[GraphStore], object]]:
    """Everything the load does; each step is acknowledged when it returns."""
    readers = [{"id": f"r{i}"} for i in range(20)]
    books = [{"id": f"b{i}", "title": f"T{i}"} for i in range(3)]
    titled = [{"id": f"b{i}", "blurb": f"new {i}", "title_embedding": [i, 1, 2]} for i in range(4)]
    batches = [
        liked(range(30), 1_000, "bulk one"),
        liked(range(30, 60), 1_000, "bulk two"),
        liked(range(50, 90), 1_000, "bulk three"),
        liked(range(88, 93), 1_000, "few"),
        liked(range(5), 2_000, "later"),
        liked(range(90, 130), 1_000, "bulk again"),
        liked(range(100, 140), 3_000, "bulk and later"),
    ]
    work: list[Callable[[GraphStore], object]] = [
        lambda store: store.create_schema(SCHEMA),
        lambda store: store.upsert_nodes(READER, table_of(READER, readers)),
        lambda store: store.upsert_nodes(BOOK, table_of(BOOK, books)),
    ]
    work += [lambda store, rows=rows: store.upsert_edges(LIKED, table_of(LIKED, rows)) for rows in batches]
    work += [
        lambda store: store.upsert_nodes(BOOK, table_of(BOOK, titled)),
        lambda store: store.delete_edges(LIKED, ["e3", "e4"]),
        lambda store: store.delete_nodes(READER, ["r7"]),
        lambda store: store.write_metadata("done", "yes"),
    ]
    return work


def load(folder: Path, life: Life) -> None:
    """The load, each acknowledgement noted in a file beside the graph."""
    with (
        closing(open_graph(f"ladybug:{folder / 'graph'}")) as store,
        (folder / "acknowledged").open("ab", buffering=0) as notes,
    ):
        for step in steps():
            step(store)
            notes.write(b".")
            life.sign()


def reference(folder: Path) -> list[str]:
    """The content hash before the first step and after each."""
    with closing(open_graph(f"ladybug:{folder}")) as store:
        store.create_schema(SCHEMA)
        hashes = [graph_statistics(store, SCHEMA).content_hash]
        for step in steps():
            step(store)
            hashes.append(graph_statistics(store, SCHEMA).content_hash)
    return hashes


def load_frames() -> None:
    """Imports what pyarrow and the engine look for, where it is there: once, instead of for a second in every child."""
    for name in ("pandas", "polars"):
        with suppress(ImportError):
            importlib.import_module(name)


def in_child(work: Callable[[], None]) -> int:
    """How a process of its own that did the work ended; it is forked before any engine is open."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def watched_load(folder: Path, kill_at: int) -> None:
    life = Life(kill_at)
    life.watch(os, "fsync")
    life.watch(Engine, "run")
    life.watch(Path, "replace")
    life.watch(Path, "unlink")
    folder.mkdir()
    load(folder, life)
    (folder / "signs").write_text(str(life.signs))


def main(folder: Path, num_kills: int) -> None:
    """Writes `hashes.json` and one folder for each kill, the whole load in folder `-1`; kills are spread evenly."""
    embedded_tables.BULK_ROWS = 20
    load_frames()
    in_child(lambda: (folder / "hashes.json").write_text(json.dumps(reference(folder / "reference"))) and None)
    assert in_child(lambda: watched_load(folder / str(NEVER), NEVER)) == 0
    signs = int((folder / str(NEVER) / "signs").read_text())
    for kill_at in {1 + kill * (signs - 1) // (num_kills - 1) for kill in range(num_kills)}:
        assert in_child(lambda kill_at=kill_at: watched_load(folder / str(kill_at), kill_at)) == -signal.SIGKILL


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
