"""The service beside raw vector search: `python -m benchmarks.service [--items 100000] [--widths 128,512]`.

A real process (`kindred serve`) on real stores: products in clusters, and users who have seen 1, 50, 200 or 1,000 of
the products nearest to them, which is the worst case of an exclusion. The load comes from this process over kept
connections; what counts is the CPU time of the server's process, so another load on the machine changes little.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import psutil
import pyarrow as pa

from benchmarks.service_kills import installed_environment
from benchmarks.vector_search import clustered
from kindred.domain.embeddings import Vectors
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.inputs.user_features import HistoryStatistics
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.model import ANONYMOUS, Model
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.publishing import publish
from kindred.recommenders.releases import ITEMS
from kindred.recommenders.training import GraphState, finish_training
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.store import Wanted

SEEN = (1, 50, 200, 1_000)
USERS_A_GROUP = 100
K = 10
REQUESTS, CONNECTIONS = 3_000, 8
ROUTE = "/v1/products/users/{}/recommendations?k=" + str(K)
ANCHOR = (
    "anchors: service over raw search ≤ .3 ms; ≥ 1,500 requests/s a core at 128; p99 ≤ 20 ms at half of that; "
    "ready ≤ 5 s; ≤ 1.5 GB; recall ≥ .98"
)


@dataclass(frozen=True)
class Shop:
    """What was published.

    Attributes:
        users: ids by number of products seen.
        rows: row of each user, items the row of each item, by id.
        seen: what each user saw.
    """

    folder: Path
    users: dict[int, list[str]]
    rows: dict[str, Vectors]
    items: Vectors
    ids: list[str]
    seen: dict[str, list[str]]


def build(folder: Path, num_items: int, width: int) -> Shop:
    """A graph, a run and a published version."""
    ids = [f"P{n:06}" for n in range(num_items)]
    items = clustered(num_items, width, 1)
    names = {count: [f"U{count}-{n}" for n in range(USERS_A_GROUP)] for count in SEEN}
    drawn = clustered(USERS_A_GROUP * len(SEEN), width, 2)
    rows = dict(zip((user for users in names.values() for user in users), drawn, strict=True))
    seen = {}
    for count, users in names.items():
        for user in users:
            scores = items @ rows[user]
            seen[user] = [ids[item] for item in np.argpartition(-scores, count)[:count]]
    store = open_graph(f"ladybug:{folder / 'graph'}")
    _fill(store, ids, seen)
    _publish(folder, store, rows, items, width)
    store.close()
    return Shop(folder, names, rows, items, ids, seen)


def _fill(store: GraphStore, ids: list[str], seen: dict[str, list[str]]) -> None:
    schema = graph_schema()
    store.create_schema(schema)
    store.upsert_nodes(schema.node("User"), pa.table({"id": sorted(seen)}))
    store.upsert_nodes(schema.node("Product"), pa.table({"id": ids, "title": [f"Title of {item}" for item in ids]}))
    pairs = [(user, item) for user, items in seen.items() for item in items]
    reviews = {
        "event_id": [f"e{n}" for n in range(len(pairs))],
        "source_id": [user for user, _ in pairs],
        "target_id": [item for _, item in pairs],
        "at": [1_600_000_000 + n for n in range(len(pairs))],
        "rating": [5.0] * len(pairs),
    }
    store.upsert_edges(schema.edge(("User", "REVIEWED", "Product")), pa.table(reviews))


def _publish(folder: Path, store: GraphStore, rows: dict[str, Vectors], items: Vectors, width: int) -> None:
    graph = read_interaction_graph(PRODUCTS, store)
    of_users = np.stack([rows[user] for user in graph.users])
    statistics = HistoryStatistics(len(items), 0.5, 0.8, np.zeros(0, np.float32), np.zeros(0), 1, 1.0)
    sources = {"items": items, ANONYMOUS: np.zeros((1, width), np.float32)}
    ensemble = LinearEnsemble(statistics, sources, items, {})
    model = Model(PRODUCTS, "itemknn", graph.users, graph.items, ensemble, None, False, lambda: of_users, None)
    options = RunOptions(folder / "artifacts" / "products" / "a-run")
    run = finish_training(graph, model, ModelConfig(model="itemknn"), options, GraphState(store.url, ""))
    vectors = open_vectors(f"qdrant-edge:{folder / 'vectors'}")
    publish(PRODUCTS, run, store, vectors)
    vectors.close()


def raw_search(shop: Shop) -> dict[int, tuple[float, float]]:
    """CPU milliseconds of a vector search alone, and of one of several together, by number of products excluded."""
    vectors = open_vectors(f"qdrant-edge:{shop.folder / 'vectors'}")
    here = vectors.of("products")
    version = here.published() or ""
    found = {}
    for count, users in shop.users.items():
        seconds = []
        for user in [*users[:10], *users]:
            started = time.process_time()
            here.search(version, ITEMS, shop.rows[user], K, exclude=shop.seen[user])
            seconds.append(time.process_time() - started)
        wanted = [Wanted(shop.rows[user], K, shop.seen[user]) for user in users]
        started = time.process_time()
        for first in range(0, len(wanted), CONNECTIONS):
            here.search_all(version, ITEMS, wanted[first : first + CONNECTIONS])
        together = (time.process_time() - started) / len(wanted)
        found[count] = (1e3 * float(np.mean(seconds[10:])), 1e3 * together)
    vectors.close()
    return found


class Server:
    """The service as a process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "cli.py", "--data-dir", str(folder), "serve", "--port", "0"]
        started = time.monotonic()
        unbounded = installed_environment() | {"KINDRED_SERVE_RATE": "1000000", "KINDRED_SERVE_BURST": "1000000"}
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=unbounded)
        assert self._process.stderr is not None
        address = next(m for line in self._process.stderr if (m := re.search(r"http://([\d.]+):(\d+)", line)))
        self.host, self.port = address[1], int(address[2])
        self._drain = subprocess.Popen(["cat"], stdin=self._process.stderr, stdout=subprocess.DEVNULL)
        asyncio.run(self.ask(["/health/ready"], 1))
        self.seconds_to_ready = time.monotonic() - started
        self._seen = psutil.Process(self._process.pid)

    def cpu(self) -> float:
        """CPU seconds so far."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def megabytes(self) -> float:
        """Resident memory."""
        return float(self._seen.memory_info().rss) / 1e6

    async def ask(
        self, paths: list[str], connections: int, rate: float | None = None
    ) -> tuple[list[float], list[bytes]]:
        """Seconds and body of each request; at a fixed rate a request counts from when it was due."""
        latencies, bodies = [0.0] * len(paths), [b""] * len(paths)
        todo = iter(range(len(paths)))
        start = time.perf_counter()

        async def one_connection() -> None:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            for number in todo:
                due = time.perf_counter() if rate is None else start + number / rate
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                writer.write(f"GET {paths[number]} HTTP/1.1\r\nhost: {self.host}\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head)
                assert head.startswith(b"HTTP/1.1 200") and length is not None, head
                bodies[number] = await reader.readexactly(int(length[1]))
                latencies[number] = time.perf_counter() - due
            writer.close()

        await asyncio.gather(*(one_connection() for _ in range(connections)))
        return latencies, bodies

    def stop(self) -> None:
        """Ends it in order."""
        self._process.terminate()
        self._process.wait()
        self._drain.wait()


def recall(shop: Shop, users: list[str], bodies: list[bytes]) -> float:
    """Share of the exact best that the answers hold."""
    hits = 0
    for user, body in zip(users, bodies, strict=True):
        scores = shop.items.astype(np.float64) @ shop.rows[user]
        scores[[int(item[1:]) for item in shop.seen[user]]] = -np.inf
        best = {shop.ids[item] for item in np.argpartition(-scores, K)[:K]}
        hits += len(best & {item["id"] for item in orjson.loads(body)["items"]})
    return hits / (K * len(users))


def measure(num_items: int, width: int) -> None:
    """Prints every figure of one width."""
    with tempfile.TemporaryDirectory() as name:
        shop = build(Path(name), num_items, width)
        raw = raw_search(shop)
        server = Server(shop.folder)
        print(f"\n{num_items:,} products × {width}: ready in {server.seconds_to_ready:.1f} s", flush=True)
        time.sleep(1)
        for count, users in shop.users.items():
            paths = [ROUTE.format(user) for user in users]
            asyncio.run(server.ask(paths, CONNECTIONS))
            before = server.cpu()
            _, bodies = asyncio.run(server.ask(paths * (REQUESTS // len(paths)), CONNECTIONS))
            each = 1e3 * (server.cpu() - before) / len(bodies)
            alone, together = raw[count]
            print(
                f"  {count:5,} seen: raw search {alone:.2f} ms CPU, {CONNECTIONS} together {together:.2f} each; service"
                f" {each:.2f} ms, over these {each - alone:.2f} and {each - together:.2f}; {1e3 / each:,.0f} requests/s"
                f" a core; recall@{K} {recall(shop, users, bodies[: len(users)]):.4f}"
            )
        half = 750.0 if width <= 128 else 0.5e3 / each
        paths = [ROUTE.format(user) for user in shop.users[SEEN[1]]] * (REQUESTS // USERS_A_GROUP)
        latencies, _ = asyncio.run(server.ask(paths, 32, half))
        p50, p99 = 1e3 * np.percentile(latencies, [50, 99])
        print(f"  at {half:,.0f} requests/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms; memory {server.megabytes():,.0f} MB")
        server.stop()


def main() -> None:
    """Measures each width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--widths", default="128,512")
    given = parser.parse_args()
    for width in given.widths.split(","):
        measure(given.items, int(width))
    print(ANCHOR)


if __name__ == "__main__":
    main()
