"""Runs one ingest many times over, each in a process of its own that kills itself at its nth sign of life.

A sign of life comes before and after every write to the graph, and with every report of progress: so in the middle of
reading, staging and loading. After each kill the same ingest runs once more, to its end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from kindred.domain.schema import EdgeType, GraphSchema, NodeType, graph_schema
from kindred.graph.ladybug.store import EmbeddedGraph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import UpsertCount
from kindred.ingest.loading import load, staging
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from tests.graph.ladybug.killed_load import load_frames
from tests.ingest.conftest import hash_encoder

NEVER = -1
KILLS = 6


class Life:
    """Counts the signs of life, and ends it at the chosen one."""

    def __init__(self, kill_at: int) -> None:
        self.signs = 0
        self.kill_at = kill_at

    def sign(self, *_: object) -> None:
        self.signs += 1
        if self.signs == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class WatchedGraph(EmbeddedGraph):
    """The embedded graph, with a sign of life around every write."""

    def __init__(self, folder: Path, life: Life) -> None:
        super().__init__(folder)
        self._life = life

    def create_schema(self, schema: GraphSchema) -> None:
        super().create_schema(schema)
        self._life.sign()

    def write_metadata(self, key: str, value: str) -> None:
        super().write_metadata(key, value)
        self._life.sign()

    def upsert_nodes(self, node: NodeType, rows: pa.Table) -> UpsertCount:
        self._life.sign()
        count = super().upsert_nodes(node, rows)
        self._life.sign()
        return count

    def upsert_edges(self, edge: EdgeType, rows: pa.Table) -> UpsertCount:
        self._life.sign()
        count = super().upsert_edges(edge, rows)
        self._life.sign()
        return count


def ingest(folder: Path, graph: Path, kill_at: int) -> int:
    """Signs of life of an ingest into the graph in that file."""
    life = Life(kill_at)
    files = product_files(folder / "reviews.jsonl", folder / "metadata.jsonl")
    options = IngestOptions(folder / "staging", folder / "quarantine")
    with closing(WatchedGraph(graph, life)) as store:
        ingest_files(store, files, hash_encoder("hash"), options, life.sign)
        (folder / f"{graph.name}.json").write_text(json.dumps(asdict(graph_statistics(store, graph_schema()))))
    return life.signs


def in_a_process(folder: Path, graph: Path, kill_at: int) -> int:
    """Status of a process that ingests: 0, or the signal that ended it, negative."""
    child = os.fork()
    if child == 0:
        ingest(folder, graph, kill_at)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Prints, for each kill, the statuses of both runs and whether the graph is that of an undisturbed ingest."""
    folder = Path(sys.argv[1])
    staging._ROWS_PER_FLUSH, load.BATCH_ROWS = 50, 100
    pa.set_cpu_count(1)
    load_frames()
    if (child := os.fork()) == 0:
        (folder / "signs").write_text(str(ingest(folder, folder / "whole", NEVER)))
        os._exit(0)
    os.waitpid(child, 0)
    total = int((folder / "signs").read_text())
    whole = (folder / "whole.json").read_text()
    for kill_at in sorted({1 + (total - 1) * step // (KILLS - 1) for step in range(KILLS)}):
        graph = folder / f"killed_at_{kill_at}"
        killed, again = in_a_process(folder, graph, kill_at), in_a_process(folder, graph, NEVER)
        sys.stdout.write(json.dumps([killed, again, (folder / f"{graph.name}.json").read_text() == whole]) + "\n")


if __name__ == "__main__":
    main()
