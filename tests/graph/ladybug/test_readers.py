"""Several processes at one embedded graph: many that read, or one that writes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from kindred.domain.errors import StoreError
from kindred.graph.ladybug import tables as embedded_tables
from kindred.graph.ladybug.store import EmbeddedGraph
from kindred.graph.open import open_to_read
from kindred.graph.store import LockedError
from tests.graph.graphs import LIKED, READER, SCHEMA, like, make_library, table_of

ROOT = Path(__file__).parents[3]
# Says how many edges it sees, and keeps the graph open until it is told to end.
READS = """
import sys
from kindred.graph.open import open_to_read
from tests.graph.graphs import LIKED, SCHEMA
store = open_to_read(sys.argv[1], SCHEMA)
print(store.count(LIKED), flush=True)
sys.stdin.readline()
store.close()
"""


@contextmanager
def reader_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", READS, f"ladybug:{folder}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        process.communicate("\n")
        assert process.returncode == 0


def counted(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None and process.stderr is not None
    return int(process.stdout.readline() or process.stderr.read())


def test_many_processes_read_at_the_same_time(tmp_path: Path) -> None:
    with closing(EmbeddedGraph(tmp_path / "graph")) as store:
        make_library(store)
        store.upsert_edges(LIKED, table_of(LIKED, [like("e", text="words", text_embedding=[3, 2, 1])]))
    with ExitStack() as stack:
        readers = [stack.enter_context(reader_process(tmp_path / "graph")) for _ in range(4)]
        assert [counted(reader) for reader in readers] == [1] * 4
        with pytest.raises(LockedError, match="another process reads it"):
            EmbeddedGraph(tmp_path / "graph")


def test_readers_mend_what_a_killed_writer_left_and_wait_for_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_tables, "BULK_ROWS", 3)
    with closing(EmbeddedGraph(tmp_path / "graph")) as store:
        make_library(store)
        store.upsert_edges(LIKED, table_of(LIKED, [like(f"e{i}") for i in range(5)]))
        shutil.copytree(tmp_path / "graph", tmp_path / "killed")
    with ExitStack() as stack:
        readers = [stack.enter_context(reader_process(tmp_path / "killed")) for _ in range(4)]
        assert [counted(reader) for reader in readers] == [5] * 4


def test_a_reader_beside_a_writer_is_told_who_writes(tmp_path: Path) -> None:
    with closing(EmbeddedGraph(tmp_path / "graph")) as store:
        make_library(store)
        with pytest.raises(StoreError, match="writes it") as caught:
            open_to_read(f"ladybug:{tmp_path / 'graph'}", SCHEMA)
    assert caught.value.exit_code == 4 and "one process writes, or many read" in caught.value.next_step


def test_where_no_graph_is_an_empty_one_is_read_and_nothing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "graph"
    for _ in range(2):
        with closing(open_to_read(f"ladybug:{folder}", SCHEMA)) as store:
            assert store.count(LIKED) == 0 and not list(store.read_nodes(READER)) and store.url == f"ladybug:{folder}"
            with pytest.raises(StoreError, match="read-only"):
                store.upsert_nodes(READER, table_of(READER, [{"id": "x"}]))
        assert not folder.parent.exists()


def test_a_graph_without_the_schema_is_made_ready_to_be_read(tmp_path: Path) -> None:
    EmbeddedGraph(tmp_path / "graph").close()
    for _ in range(2):
        with closing(open_to_read(f"ladybug:{tmp_path / 'graph'}", SCHEMA)) as store:
            assert store.count(LIKED) == 0
