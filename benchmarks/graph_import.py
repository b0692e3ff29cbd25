"""A graph of gowalla's size on both engines: load, export, offline import. Part of `python -m benchmarks.graph_neo4j`.

The 810,128 visits of gowalla's training split as reviews without text: loaded into the embedded engine, read back,
written as files for `neo4j-admin database import`, imported into a new server, and the content hashes compared.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from benchmarks.datasets import read_gowalla
from kindred.domain.schema import graph_schema
from kindred.graph.export.neo4j_admin_files import write_admin_files
from kindred.graph.open import open_graph
from kindred.graph.server import GraphServer
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore
from tests.neo4j_server.server import Neo4jServer

Result = TypeVar("Result")
SCHEMA = graph_schema()
USER, PRODUCT = SCHEMA.node("User"), SCHEMA.node("Product")
REVIEWED = SCHEMA.edge(("User", "REVIEWED", "Product"))
LIGHT = ["source_id", "target_id", "rating", "at"]
BATCH_ROWS = 150_000  # as ingest sends them
PASSWORD = "benchmark-only"  # of a server that only this machine reaches, for the minutes of this run


def visits(data: Path) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Users, products and reviews; `at` is the place in the file."""
    train = read_gowalla(data).train
    num = len(train)
    users, items = np.char.add("u", train.user_index.astype(str)), np.char.add("p", train.item_index.astype(str))
    reviews = {
        "event_id": pa.array(np.char.add(np.char.add(users, " "), items)),
        "source_id": pa.array(users),
        "target_id": pa.array(items),
        "at": 1_300_000_000 + np.arange(num),
        "rating": np.full(num, 5.0),
    }
    sizes = (("u", train.num_users), ("p", train.num_items))
    user_rows, product_rows = (pa.table({"id": [f"{name}{i}" for i in range(size)]}) for name, size in sizes)
    return user_rows, product_rows, pa.table(reviews)


def measure_import(folder: Path, data: Path) -> None:
    """Prints what loading, reading and importing the graph cost, each beside its anchor."""
    users, products, reviews = visits(data)
    with closing(open_graph(f"ladybug:{folder / 'embedded'}")) as store:
        store.create_schema(SCHEMA)
        _timed("embedded load", len(reviews), "12 CPU-s at most", lambda: load(store, users, products, reviews))
        _timed("embedded export", len(reviews), "2 CPU-s at most", lambda: export(store))
        expected = graph_statistics(store, SCHEMA).content_hash
        files = folder / "files"
        command = _timed("write the files", len(reviews), "none", lambda: write_admin_files(store, SCHEMA, files))
    server = Neo4jServer(folder / "imported", PASSWORD, heap="2g", jvm_options=())
    import_files(server, command, len(reviews))
    server.start()
    try:
        with closing(open_graph(server.url, server=GraphServer("neo4j", PASSWORD, "neo4j"))) as imported:
            imported.create_schema(SCHEMA)
            equal = graph_statistics(imported, SCHEMA).content_hash == expected
            print("content hash after the import:", "equal" if equal else "DIFFERENT", flush=True)
    finally:
        server.kill()


def load(store: GraphStore, users: pa.Table, products: pa.Table, reviews: pa.Table) -> None:
    """Every edge is in the engine when this returns."""
    store.upsert_nodes(USER, users)
    store.upsert_nodes(PRODUCT, products)
    for start in range(0, len(reviews), BATCH_ROWS):
        store.upsert_edges(REVIEWED, reviews.slice(start, BATCH_ROWS))
    assert store.count(REVIEWED) == len(reviews)


def export(store: GraphStore) -> int:
    """Number of edges read as a trainer reads them, without text."""
    return sum(len(batch) for batch in store.read_edges(REVIEWED, LIGHT))


def import_files(server: Neo4jServer, command: str, num_edges: int) -> None:
    """Prints the rate of the offline import, by the whole command and without the start of Java, by its own clock."""
    server.admin("dbms", "set-initial-password", PASSWORD)
    wall = time.perf_counter()
    said = server.admin(*shlex.split(command)[1:])
    wall = time.perf_counter() - wall
    own = seconds_of(said)
    print(
        f"{'offline import':28} {num_edges / wall:>9,.0f} rows/s {wall:6.1f} s wall; without the start of Java "
        f"{num_edges / own:,.0f} rows/s, {own:.1f} s   anchor: 60,000/s at least",
        flush=True,
    )


def seconds_of(said: str) -> float:
    """The importer's own time, out of a line like `IMPORT DONE in 1m 2s 345ms.`"""
    line = next(line for line in said.splitlines() if line.startswith("IMPORT DONE"))
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|h|m|s)\b", line))


def _timed(what: str, rows: int, anchor: str, work: Callable[[], Result]) -> Result:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:28} {rows / wall:>9,.0f} rows/s {wall:6.1f} s wall  CPU-s: {cpu:5.2f}   anchor: {anchor}", flush=True)
    return result
