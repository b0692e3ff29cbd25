"""Latency and recall of vector search: `python -m benchmarks.vector_search [--sizes 10000 100000] [--dimension 128]`.

Items in clusters and of uneven length, as trained ones are; users near the clusters. For each size the engine that
`qdrant-edge:` would choose, and the index even where comparing all is cheaper. Recall@20 against exact search, with
none and with the 50, 200 and 1,000 nearest excluded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.ids import IdMap
from kindred.vectorstore.exact import ExactSearch
from kindred.vectorstore.folder_store import FolderVectors
from kindred.vectorstore.publish import publish_collections
from kindred.vectorstore.qdrant_edge import EdgeSearch, IndexLimits

ANCHOR_MS = 2.0  # p50 of one recommendation at 10,000 products
ANCHOR_RECALL = 0.975
SYSTEM = "products"
K = 20
EXCLUDED = (0, 50, 200, 1_000)
NUM_QUERIES = 200
ENGINES = {"chosen": IndexLimits(), "index": IndexLimits(exact_bytes=0, rows_per_ef=0)}


def clustered(num_rows: int, dimension: int, seed: int) -> Vectors:
    """Vectors around 100 centres, the same for every seed, with lengths that differ."""
    centres = np.random.default_rng(0).normal(size=(100, dimension))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, 100, num_rows)] + 0.5 * rng.normal(size=(num_rows, dimension))
    scaled: Vectors = (vectors * rng.lognormal(0, 0.3, (num_rows, 1))).astype(np.float32)
    return scaled


def measure(folder: Path, limits: IndexLimits, queries: Vectors) -> None:
    """Prints latency and recall for each number of excluded ids."""
    exact = FolderVectors("exact:", folder, ExactSearch()).of(SYSTEM)
    engine = FolderVectors("qdrant-edge:", folder, EdgeSearch(limits))
    store = engine.of(SYSTEM)
    for num_excluded in EXCLUDED:
        seconds, recalls = [], []
        for query in queries:
            best = [c.item_id for c in exact.search("v1", "items", query, num_excluded + K)]
            seen = best[:num_excluded]
            started = time.perf_counter()
            found = store.search("v1", "items", query, K, exclude=seen)
            seconds.append(time.perf_counter() - started)
            recalls.append(len({c.item_id for c in found} & set(best[num_excluded:])) / K)
        p50, p95 = np.quantile(seconds, (0.5, 0.95)) * 1e3
        anchors = f"anchors: p50 {ANCHOR_MS} ms at 10,000, recall {ANCHOR_RECALL}"
        print(
            f"  excluding {num_excluded:5,}: p50 {p50:6.2f} ms, p95 {p95:6.2f} ms, "
            f"recall@{K} {np.mean(recalls):.3f} ({anchors})"
        )
    engine.close()


def main() -> None:
    """Prints a table for each size and engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dimension", type=int, default=128)
    given = parser.parse_args()
    for num_items in given.sizes:
        items = Embeddings(IdMap(f"item-{row}" for row in range(num_items)), clustered(num_items, given.dimension, 1))
        queries = clustered(NUM_QUERIES, given.dimension, 2)
        users = Embeddings(IdMap(map(str, range(NUM_QUERIES))), queries)
        for name, limits in ENGINES.items():
            with tempfile.TemporaryDirectory() as folder:
                store = FolderVectors("qdrant-edge:", Path(folder), EdgeSearch(limits))
                started = time.perf_counter()
                publish_collections(store.of(SYSTEM), "v1", {"items": items, "users": users})
                store.close()
                has_index = (Path(folder) / SYSTEM / "versions" / "v1" / "items" / "index").is_dir()
                engine = f"{name}: {'HNSW' if has_index else 'exact'}"
                took = time.perf_counter() - started
                print(f"search: {num_items:,} × {given.dimension}, {engine}, published in {took:.1f} s")
                measure(Path(folder), limits, queries)


if __name__ == "__main__":
    main()
