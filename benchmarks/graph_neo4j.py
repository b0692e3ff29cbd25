"""Neo4j, the real server: load rate, export cost, offline import. `python -m benchmarks.graph_neo4j [--kills 20]`.

Starts a server of its own (Java 17 and Maven), loads synthetic reviews (28k users, 11k products, one product in a
quarter of all), and exports them as columns and as rows. Then gowalla's graph (`graph_import.py`).
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.datasets import DEFAULT_DATA
from benchmarks.graph_import import PASSWORD, measure_import
from kindred.domain.errors import StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.server import GraphServer
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore
from tests.neo4j_server.server import Neo4jServer

USER, PRODUCT = graph_schema().node("User"), graph_schema().node("Product")
REVIEWED = graph_schema().edge(("User", "REVIEWED", "Product"))
LIGHT = ["source_id", "target_id", "rating", "at"]
HUB_SHARE = 0.25
LONG_LIVED = ("-XX:+UseParallelGC",)
FIRST_BATCHES = 5  # in which Java compiles what it will go on running


@dataclass(frozen=True)
class Size:
    """How big the synthetic graph is, and the seed it comes from."""

    num_users: int = 28_000
    num_products: int = 11_000
    num_reviews: int = 231_000
    batch_rows: int = 10_000
    seed: int = 7


def user_rows(size: Size) -> pa.Table:
    """Users `[num_users]`."""
    return pa.table({"id": [f"user-{i}" for i in range(size.num_users)]})


def product_rows(size: Size) -> pa.Table:
    """Products `[num_products]`, with titles."""
    return pa.table(
        {
            "id": [f"product-{i}" for i in range(size.num_products)],
            "title": [f'Product "{i}", with a name of usual length' for i in range(size.num_products)],
        }
    )


def review_rows(size: Size) -> pa.Table:
    """Reviews `[num_reviews]` in a random order; a quarter of them of product 0, the rest with a heavy tail."""
    rng = np.random.default_rng(size.seed)
    num = size.num_reviews
    product = (size.num_products * rng.random(num) ** 3).astype(np.int64)
    product[rng.random(num) < HUB_SHARE] = 0
    return pa.table(
        {
            "event_id": [rng.bytes(16).hex() for _ in range(num)],
            "source_id": [f"user-{i}" for i in rng.integers(0, size.num_users, num)],
            "target_id": [f"product-{i}" for i in product],
            "at": rng.integers(1_000_000_000, 1_700_000_000, num),
            "rating": rng.integers(1, 6, num).astype(np.float64),
            "verified": rng.random(num) < 0.9,
            "summary": ["Four words of praise"] * num,
            "text": pa.array(["A review of usual length.\nIt has a second line."] * num, pa.large_string()),
        }
    )


def load(store: GraphStore, size: Size) -> Iterator[int]:
    """Loads the graph in batches; after each, the number of reviews acknowledged so far."""
    store.create_schema(graph_schema())
    store.upsert_nodes(USER, user_rows(size))
    store.upsert_nodes(PRODUCT, product_rows(size))
    reviews = review_rows(size)
    for start in range(0, len(reviews), size.batch_rows):
        store.upsert_edges(REVIEWED, reviews.slice(start, size.batch_rows))
        yield min(start + size.batch_rows, len(reviews))


# Kills: a child loads, the parent ends it (or the server) in the middle. tests/graph/neo4j/test_kills.py does the same.


@contextmanager
def loading(server: Neo4jServer, size: Size) -> Iterator[subprocess.Popen[str]]:
    """A process that loads the graph and prints, line by line, the number of reviews acknowledged."""
    numbers = [str(getattr(size, name)) for name in ("num_users", "num_products", "num_reviews", "batch_rows", "seed")]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.graph_neo4j", "--load-into", server.url, "--size", *numbers],
        env=os.environ | {"KINDRED_GRAPH_PASSWORD": server.password},
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def acknowledged_before(process: subprocess.Popen[str], moment: float, size: Size) -> int:
    """Waits until a share `moment` of the reviews is written, and then some milliseconds; the number acknowledged."""
    acknowledged = 0
    assert process.stdout is not None
    while acknowledged < moment * size.num_reviews:
        line = process.stdout.readline()
        if not line:
            raise StoreError(f"the loader ended early: {process.stderr.read() if process.stderr else ''}")
        acknowledged = int(line)
    time.sleep(random.Random(moment).uniform(0, 0.05))
    return acknowledged


def kill_loader(server: Neo4jServer, size: Size, moment: float) -> int:
    """Kills a loader in the middle of its work; the number of reviews that it had been told were written."""
    with loading(server, size) as process:
        acknowledged = acknowledged_before(process, moment, size)
        process.kill()
    return acknowledged


def kill_server(server: Neo4jServer, size: Size, moment: float) -> tuple[int, int, str]:
    """Kills the server under a loader: reviews acknowledged, the loader's exit code, what it said. Starts it again."""
    with loading(server, size) as process:
        acknowledged = acknowledged_before(process, moment, size)
        server.kill()
        said = process.communicate(timeout=120)[1]
    server.start()
    return acknowledged, process.returncode, said


def load_into(url: str, size: Size) -> int:
    """What the child does: loads, prints each acknowledgement, and ends with the error's exit code."""
    try:
        with closing(open_store(url, os.environ["KINDRED_GRAPH_PASSWORD"], retry_seconds=1.0)) as store:
            for acknowledged in load(store, size):
                print(acknowledged, flush=True)
    except StoreError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def open_store(url: str, password: str, retry_seconds: float = 20.0) -> Neo4jStore:
    """The graph on a server of this run."""
    return Neo4jStore(url, GraphServer("neo4j", password, "neo4j", retry_seconds))


# Figures.


def timed(what: str, rows: int, anchor: str, server: Neo4jServer, work: Callable[[], object]) -> float:
    """Client CPU seconds of `work`; prints them with rate, wall time and the server's CPU time beside the anchor."""
    wall, cpu, server_cpu = time.perf_counter(), time.process_time(), server.cpu_seconds()
    work()
    wall, cpu, server_cpu = time.perf_counter() - wall, time.process_time() - cpu, server.cpu_seconds() - server_cpu
    print(
        f"{what:28} {rows / wall:>9,.0f} rows/s {wall:6.1f} s wall  CPU-s: client {cpu:5.2f}, server {server_cpu:5.1f}"
        f"   anchor: {anchor}",
        flush=True,
    )
    return cpu


def export_columns(store: Neo4jStore) -> int:
    """Number of edges read the way Kindred reads them."""
    return sum(len(batch) for batch in store.read_edges(REVIEWED, LIGHT))


def export_rows(server: Neo4jServer) -> int:
    """The same columns as one record an edge, the way most programs read a graph."""
    import neo4j

    cypher = "MATCH (s:User)-[r:REVIEWED]->(t:Product) RETURN s.id, t.id, r.rating, r.at"
    with neo4j.GraphDatabase.driver(server.url, auth=("neo4j", server.password)) as driver:
        return len(driver.execute_query(cypher).records)


def measure(folder: Path, size: Size) -> None:
    """Prints load rates and export costs."""
    server = Neo4jServer(folder / "server", PASSWORD, heap="2g", jvm_options=LONG_LIVED)
    server.start()
    try:
        with closing(open_store(server.url, PASSWORD)) as store:
            num, batches = size.num_reviews, load(store, size)
            first = FIRST_BATCHES * size.batch_rows
            timed(
                "load, server just started",
                first,
                "none",
                server,
                lambda: [next(batches) for _ in range(FIRST_BATCHES)],
            )
            timed("load, the rest", num - first, "8,000/s at least", server, lambda: list(batches))
            timed("load again, nothing changes", num, "none", server, lambda: list(load(store, size)))
            columns = timed("export as columns", num, "client 0.07–0.3", server, lambda: export_columns(store))
            rows = timed("export as rows", num, "client 8.4", server, lambda: export_rows(server))
            print(f"columns cost the client {rows / columns:.0f} × less than rows (anchor: 5 × at least)")
    finally:
        server.kill()


def content_hash_of(store: GraphStore) -> str:
    """The content hash of the whole graph."""
    return graph_statistics(store, graph_schema()).content_hash


def measure_kills(folder: Path, num_kills: int, num_server_kills: int) -> bool:
    """Whether the graph is that of an undisturbed load after kills of loader and server at random moments."""
    size = Size(num_users=2_000, num_products=800, num_reviews=40_000, batch_rows=1_000)
    rng = random.Random(size.seed)
    undisturbed = Neo4jServer(folder / "undisturbed", PASSWORD)
    server = Neo4jServer(folder / "killed", PASSWORD)
    try:
        undisturbed.start()
        with closing(open_store(undisturbed.url, PASSWORD)) as store:
            list(load(store, size))
            expected = content_hash_of(store)
        undisturbed.kill()
        server.start()
        victims = ["loader"] * num_kills + ["server"] * num_server_kills
        rng.shuffle(victims)
        # Later and later, so that each kill falls where rows are written for the first time.
        for victim, moment in zip(victims, sorted(rng.random() for _ in victims), strict=True):
            if victim == "loader":
                print(f"loader killed: {_kept(server, kill_loader(server, size, moment))}", flush=True)
            else:
                acknowledged, code, said = kill_server(server, size, moment)
                print(
                    f"server killed: {_kept(server, acknowledged)}; loader's exit code {code}: {said.strip()}",
                    flush=True,
                )
        with closing(open_store(server.url, PASSWORD)) as store:
            list(load(store, size))
            equal = content_hash_of(store) == expected
    finally:
        undisturbed.kill()
        server.kill()
    print("content hash after all kills:", "equal to that of an undisturbed load" if equal else "DIFFERENT")
    return equal


def _kept(server: Neo4jServer, acknowledged: int) -> str:
    with closing(open_store(server.url, PASSWORD)) as store:
        return f"{acknowledged} reviews acknowledged, {store.count(REVIEWED)} there"


def main() -> int:
    """Runs what the arguments ask for; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="instead, kill the loader so many times")
    parser.add_argument("--server-kills", type=int, default=0, help="instead, kill the server so many times")
    parser.add_argument("--reviews", type=int, default=Size.num_reviews, help="reviews in the synthetic graph")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of the public data sets")
    parser.add_argument("--load-into", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load_into:
        return load_into(arguments.load_into, Size(*arguments.size))
    with tempfile.TemporaryDirectory(prefix="kindred-neo4j-") as folder:
        if arguments.kills or arguments.server_kills:
            return 0 if measure_kills(Path(folder), arguments.kills, arguments.server_kills) else 1
        measure(Path(folder), Size(num_reviews=arguments.reviews))
        measure_import(Path(folder), arguments.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
