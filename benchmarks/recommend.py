"""`python -m benchmarks.recommend`: time of one answer inside the process, at 10,000 products.

Anchor: p50 at most 2 ms. The graph, the vectors and the history of every user are real stores in a temporary folder;
vectors are random, because their values do not change the time of an exact search.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from kindred.domain.embeddings import TextEncoder
from kindred.domain.interactions import FloatArray
from kindred.domain.recommendation import Request
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.inputs.user_features import HistoryStatistics
from kindred.recommenders.answering.recommender import Opened, Recommender
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.model import ANONYMOUS, Model
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.publishing import publish
from kindred.recommenders.runs import Run
from kindred.recommenders.training import GraphState, finish_training
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors

NUM_USERS, NUM_PRODUCTS, NUM_REVIEWS, WIDTH, NUM_ASKED = 5_000, 10_000, 50_000, 512, 500
ANCHOR_MS = 2.0


def main() -> None:
    """Prints p50 and p95 of an answer, and what share of it the search takes."""
    argparse.ArgumentParser(prog="python -m benchmarks.recommend", description=__doc__).parse_args()
    rng = np.random.default_rng(0)
    users = [f"U{n:05}" for n in range(NUM_USERS)]
    products = [f"P{n:05}" for n in range(NUM_PRODUCTS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_graph(f"ladybug:{folder / 'graph'}")
        _fill(store, users, products, rng)
        vectors = open_vectors(f"qdrant-edge:{folder / 'vectors'}")
        publish(PRODUCTS, _random_run(folder / "runs" / "a-run", store, rng), store, vectors)
        recommender = Recommender(PRODUCTS, Opened(store, vectors, folder / "runs", _no_encoder))
        asked = rng.choice(users, NUM_ASKED)
        for user in asked[:50]:
            recommender(Request(user_id=user, reasons=False))
        milliseconds = []
        for user in asked:
            started = time.perf_counter()
            recommender(Request(user_id=user, reasons=False))
            milliseconds.append(1000 * (time.perf_counter() - started))
        p50, p95 = np.percentile(milliseconds, [50, 95])
        print(f"recommend, {NUM_PRODUCTS:,} products × {WIDTH}, without reasons: p50 {p50:.2f} ms, p95 {p95:.2f} ms")
        print(f"anchor: p50 ≤ {ANCHOR_MS:g} ms — {'met' if p50 <= ANCHOR_MS else 'missed'}")
        vectors.close()
        store.close()


def _fill(store: GraphStore, users: list[str], products: list[str], rng: np.random.Generator) -> None:
    schema = graph_schema()
    store.create_schema(schema)
    store.upsert_nodes(schema.node("User"), pa.table({"id": users}))
    store.upsert_nodes(schema.node("Product"), pa.table({"id": products, "title": [f"Title {p}" for p in products]}))
    reviews = {
        "event_id": [f"e{n}" for n in range(NUM_REVIEWS)],
        "source_id": rng.choice(users, NUM_REVIEWS),
        "target_id": rng.choice(products, NUM_REVIEWS),
        "at": rng.integers(1_500_000_000, 1_700_000_000, NUM_REVIEWS),
        "rating": rng.integers(1, 6, NUM_REVIEWS).astype(np.float64),
    }
    store.upsert_edges(schema.edge(("User", "REVIEWED", "Product")), pa.table(reviews))


def _random_run(folder: Path, store: GraphStore, rng: np.random.Generator) -> Run:
    """A finished run of the graph whose model holds random numbers."""
    graph = read_interaction_graph(PRODUCTS, store)
    users, items = graph.interactions.num_users, graph.interactions.num_items

    def rows_of(num_rows: int) -> FloatArray:
        return rng.standard_normal((num_rows, WIDTH), dtype=np.float32)

    statistics = HistoryStatistics(items, 0.5, 0.8, np.zeros(0, np.float32), np.zeros(0), 1, 1.0)
    ensemble = LinearEnsemble(statistics, {"items": rows_of(items), ANONYMOUS: rows_of(1)}, rows_of(items), {})
    rows = rows_of(users)
    model = Model(PRODUCTS, "itemknn", graph.users, graph.items, ensemble, None, False, lambda: rows, None)
    return finish_training(graph, model, ModelConfig(model="itemknn"), RunOptions(folder), GraphState(store.url, ""))


def _no_encoder() -> TextEncoder:
    raise AssertionError("a published user needs no text encoder")


if __name__ == "__main__":
    main()
