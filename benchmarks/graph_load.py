"""The embedded graph's cost in CPU-seconds: `python -m benchmarks.graph_load [--edges 231000 1000000]`.

Loads synthetic reviews with texts and 384-d vectors in the batches that ingest sends, one product in 50,000 of them;
loads them again; reads what a trainer reads; hashes the content. Each size runs once, in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore, UpsertCount

USER, PRODUCT = graph_schema().node("User"), graph_schema().node("Product")
REVIEWED = graph_schema().edge(("User", "REVIEWED", "Product"))
TRAINER_COLUMNS = ["source_id", "target_id", "rating", "at", "text_embedding"]
DIMENSION = 384
HUB_EDGES = 50_000
BATCH_ROWS = 150_000  # as ingest sends them
NUM_PRODUCTS = 11_000
TEXT = (
    "It stays in tune, the neck is straight and the finish is even; the strings that came with it are the weak part. "
    * 3
)


@dataclass(frozen=True)
class Target:
    """CPU-seconds that a size may take, and what was measured before of the same work."""

    load: float
    read: float
    anchor: str


TARGETS = {
    231_000: Target(5.0, 0.5, "3.6 load, 0.27 read; vectors as engine columns: 74-142 load"),
    1_000_000: Target(12.0, 2.0, "4.3 for one COPY of the light columns alone"),
}
PEAK_BYTES = 3 << 30


def num_users(num_edges: int) -> int:
    """Users of a graph of that size, eight reviews each."""
    return num_edges // 8


def reviews(num_edges: int, seed: int = 7) -> Iterator[pa.Table]:
    """Reviews in batches, in random order; the first 50,000 edges in all go to product 0, the others spread."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(4_096, DIMENSION)).astype(np.float16)
    for start in range(0, num_edges, BATCH_ROWS):
        num = min(BATCH_ROWS, num_edges - start)
        product = rng.integers(1, NUM_PRODUCTS, num)
        product[rng.random(num) < HUB_EDGES / num_edges] = 0
        embeddings = vectors[rng.integers(0, len(vectors), num)]
        yield pa.table(
            {
                "event_id": [rng.bytes(16).hex() for _ in range(num)],
                "source_id": [f"user-{i}" for i in rng.integers(0, num_users(num_edges), num)],
                "target_id": [f"product-{i}" for i in product],
                "at": rng.integers(1_000_000_000, 1_700_000_000, num),
                "rating": rng.integers(1, 6, num).astype(np.float64),
                "verified": rng.random(num) < 0.9,
                "summary": ["Four words of praise"] * num,
                "text": pa.array([f"{i} {TEXT}" for i in range(start, start + num)], pa.large_string()),
                "text_embedding": pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), DIMENSION),
            }
        )


class Clock:
    """CPU-seconds of calls, summed up by name, so that making the data is not counted."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self.wall: dict[str, float] = {}

    def run(self, name: str, work: Callable[[], UpsertCount | int]) -> UpsertCount | int:
        """What `work` returns, its time added to `name`."""
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
        return result


def load(store: GraphStore, num_edges: int, clock: Clock, name: str) -> None:
    """Upserts the whole graph; every edge is committed when this returns."""
    users = pa.table({"id": [f"user-{i}" for i in range(num_users(num_edges))]})
    products = pa.table({"id": [f"product-{i}" for i in range(NUM_PRODUCTS)]})
    clock.run(name, lambda: store.upsert_nodes(USER, users))
    clock.run(name, lambda: store.upsert_nodes(PRODUCT, products))
    for batch in reviews(num_edges):
        clock.run(name, lambda rows=batch: store.upsert_edges(REVIEWED, rows))  # type: ignore[misc]
    clock.run(name, lambda: store.count(REVIEWED))


def read(store: GraphStore) -> int:
    """Number of edges read with all that a trainer needs, every vector touched."""
    num_rows = 0
    for batch in store.read_edges(REVIEWED, TRAINER_COLUMNS):
        np.array(batch["text_embedding"].flatten().to_numpy(zero_copy_only=False), copy=True)
        num_rows += len(batch)
    return num_rows


def measure(num_edges: int) -> None:
    """Prints the figures of one size."""
    folder = Path(tempfile.mkdtemp(prefix="graph_load"))
    clock = Clock()
    try:
        with closing(open_graph(f"ladybug:{folder / 'graph'}")) as store:
            store.create_schema(graph_schema())
            load(store, num_edges, clock, "load")
            assert clock.run("read", lambda: read(store)) == num_edges
            load(store, num_edges, clock, "load again")
            assert store.count(REVIEWED) == num_edges
            clock.run("content hash", lambda: len(graph_statistics(store, graph_schema()).content_hash))
            events = next(reviews(8_000, seed=1))
            clock.run("one event", lambda: store.upsert_edges(REVIEWED, events.slice(0, 1)))
            clock.run("next event", lambda: store.upsert_edges(REVIEWED, events.slice(1, 1)))
            clock.run("it, again", lambda: store.upsert_edges(REVIEWED, events.slice(1, 1)))
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    finally:
        shutil.rmtree(folder)
    report(num_edges, clock, size)


def report(num_edges: int, clock: Clock, size: int) -> None:
    """Prints what was measured beside the targets."""
    target = TARGETS.get(num_edges)
    limits = {"load": target.load, "read": target.read} if target else {}
    print(
        f"{num_edges:,} edges with {DIMENSION}-d vectors, {HUB_EDGES:,} at one node"
        f"   anchor: {target.anchor if target else 'none'}"
    )
    for name, cpu in clock.cpu.items():
        limit = f"   at most {limits[name]:g}: {'met' if cpu <= limits[name] else 'MISSED'}" if name in limits else ""
        print(
            f"  {name:14} {cpu:7.2f} CPU-s {clock.wall[name]:7.2f} s wall {1e6 * cpu / num_edges:7.2f} us/edge{limit}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    verdict = "met" if peak <= PEAK_BYTES else "MISSED"
    print(
        f"  peak memory    {peak / 2**30:7.2f} GB, at most {PEAK_BYTES / 2**30:g}: {verdict}"
        f"   on disk {size / 2**30:.2f} GB"
    )


def main() -> None:
    """Runs the sizes asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, nargs="+", default=list(TARGETS))
    for num_edges in parser.parse_args().edges:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(num_edges,))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)


if __name__ == "__main__":
    main()
