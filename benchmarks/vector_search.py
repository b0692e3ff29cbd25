"""Latency and recall of vector search: `python -m benchmarks.vector_search [--sizes …] [--dimensions …] [--index]`.

Items in clusters and of uneven length, as trained ones are; users near the clusters. For each size and width: what
comparing all takes by itself (float32, integers by NumKong, integers by PyTorch's quantised layer), then the engine
that `qdrant-edge:` chooses, `exact:`, and the graph index where it is small enough to build here (`--index`: always;
100,000 × 512 take 411 CPU-s). Milliseconds are CPU time of one core. Recall@20 against exact search, with none and
with the 50, 200 and 1,000 nearest excluded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import numkong
import numpy as np
import torch

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.ids import IdMap
from kindred.vectorstore.exact import ExactSearch
from kindred.vectorstore.folder_store import FolderVectors, Search
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.qdrant_edge import EdgeSearch, IndexLimits

ANCHORS = {  # asked of it: p50 CPU ms, CPU seconds to publish, recall
    (10_000, 512): "≤ .3 ms",
    (100_000, 512): "≤ 2 ms, recall ≥ .999, publish ≤ 5 CPU-s; graph index 4.1 ms at .9985 after 411 CPU-s",
}
SYSTEM = "products"
K = 20
EXCLUDED = (0, 50, 200, 1_000)
NUM_QUERIES = 200
INDEX_VALUES = 2_000_000
"""Up to so many numbers the graph index is built as well."""


def clustered(num_rows: int, dimension: int, seed: int) -> Vectors:
    """Vectors around 100 centres, the same for every seed, with lengths that differ."""
    centres = np.random.default_rng(0).normal(size=(100, dimension))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, 100, num_rows)] + 0.5 * rng.normal(size=(num_rows, dimension))
    scaled: Vectors = (vectors * rng.lognormal(0, 0.3, (num_rows, 1))).astype(np.float32)
    return scaled


def raw_scans(items: Vectors, queries: Vectors) -> None:
    """Prints what one product of a query with all items takes, and nothing else."""
    steps = np.abs(items).max(axis=1, keepdims=True) / 127
    codes = np.round(items / steps).astype(np.int8)
    asked = np.round(queries / np.abs(queries).max(axis=1, keepdims=True) * 127).astype(np.int8)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    layer = torch.nn.Linear(items.shape[1], len(items), bias=False)
    with torch.inference_mode():
        layer.weight.copy_(torch.from_numpy(items))
        linear, quantise = {torch.nn.Linear}, torch.ao.quantization.quantize_dynamic
        quantised = quantise(torch.nn.Sequential(layer), linear, dtype=torch.qint8)
        tensors = torch.from_numpy(queries)
        scans: dict[str, Callable[[int], object]] = {
            "float32, NumPy": lambda row: np.einsum("ij,j->i", items, queries[row]),
            "int8, NumKong": lambda row: numkong.cdist(asked[row][None], codes, metric="dot", out_dtype="float32"),
            "int8, PyTorch": lambda row: quantised(tensors[row][None]),
        }
        for name, scan in scans.items():
            print(f"  raw scan, {name}: p50 {1e3 * np.median(_cpu_seconds(scan)):5.2f} ms")


def _cpu_seconds(scan: Callable[[int], object]) -> list[float]:
    """CPU time of each query; a few go before that count for nothing."""
    seconds = []
    for row in (*range(8), *range(NUM_QUERIES)):
        started = time.process_time()
        scan(row)
        seconds.append(time.process_time() - started)
    return seconds[8:]


def measure(folder: Path, search: Search, queries: Vectors) -> None:
    """Prints latency and recall for each number of excluded ids."""
    exact = FolderVectors("exact:", folder, ExactSearch()).of(SYSTEM)
    engine = FolderVectors("qdrant-edge:", folder, search)
    store = engine.of(SYSTEM)
    for num_excluded in EXCLUDED:
        best = [[c.item_id for c in exact.search("v1", "items", query, num_excluded + K)] for query in queries]
        found: dict[int, set[str]] = {}

        def one(row: int) -> None:
            seen = best[row][:num_excluded]  # noqa: B023 - called at once
            chosen = store.search("v1", "items", queries[row], K, exclude=seen)
            found[row] = {candidate.item_id for candidate in chosen}  # noqa: B023

        p50, p95 = 1e3 * np.quantile(_cpu_seconds(one), (0.5, 0.95))
        recall = np.mean([len(ids & set(best[row][num_excluded:])) / K for row, ids in found.items()])
        print(f"    excluding {num_excluded:5,}: p50 {p50:5.2f} ms, p95 {p95:5.2f} ms, recall@{K} {recall:.4f}")
    engine.close()


def published(folder: Path, search: Search, items: Embeddings, users: Embeddings) -> float:
    """CPU seconds, of processes it starts too, to publish the items."""
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    store = FolderVectors("qdrant-edge:", folder, search)
    collections = {"items": items, "users": users}
    publish_collections(store.of(SYSTEM), "v1", collections, options=PublishOptions(searched=("items",)))
    store.close()
    now = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(used, now, strict=True))


def compare(num_items: int, dimension: int, with_index: bool) -> None:
    """Prints every engine's figures at one size."""
    anchor = ANCHORS.get((num_items, dimension))
    print(f"search: {num_items:,} × {dimension}" + (f" (asked: {anchor})" if anchor else ""))
    items = Embeddings(IdMap(f"item-{row}" for row in range(num_items)), clustered(num_items, dimension, 1))
    queries = clustered(NUM_QUERIES, dimension, 2)
    users = Embeddings(IdMap(map(str, range(NUM_QUERIES))), queries)
    raw_scans(items.vectors, queries)
    engines: dict[str, Search] = {"exact:": ExactSearch(), "qdrant-edge:": EdgeSearch(IndexLimits())}
    if with_index:
        engines["graph index"] = EdgeSearch(IndexLimits(exact_bytes=0, rows_per_ef=0))
    for name, search in engines.items():
        with tempfile.TemporaryDirectory() as folder:
            seconds = published(Path(folder), search, items, users)
            collection = Path(folder) / SYSTEM / "versions" / "v1" / "items"
            how = [kind for kind, file in (("index", "index"), ("int8", "codes.i8")) if (collection / file).exists()]
            print(f"  {name} ({', '.join(how) or 'float32'}), published in {seconds:.1f} CPU-s")
            measure(Path(folder), search, queries)


def main() -> None:
    """Prints a table for each size, width and engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--index", action="store_true", help="build the graph index however long it takes")
    given = parser.parse_args()
    for dimension in given.dimensions:
        for num_items in given.sizes:
            compare(num_items, dimension, given.index or num_items * dimension <= INDEX_VALUES)


if __name__ == "__main__":
    main()
