"""`python -m benchmarks.recommend`: time of one answer inside the process, at 10,000 products.

Anchor: p50 at most 2 ms. The graph, the vectors and the history of every user are real stores in a temporary folder;
vectors are random, because their values do not change the time of an exact search.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from kindred.domain.embeddings import Embeddings, TextEncoder
from kindred.domain.ids import IdMap
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.recommenders.products import ANYONE, PRODUCTS, SYSTEM, USERS, ProductRecommender
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.publish import publish_collections

NUM_USERS, NUM_PRODUCTS, NUM_REVIEWS, WIDTH, NUM_ASKED = 5_000, 10_000, 50_000, 512, 500
ANCHOR_MS = 2.0


def main() -> None:
    """Prints p50 and p95 of an answer, and what share of it the search takes."""
    rng = np.random.default_rng(0)
    users = [f"U{n:05}" for n in range(NUM_USERS)]
    products = [f"P{n:05}" for n in range(NUM_PRODUCTS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_graph(f"ladybug:{folder / 'graph'}")
        _fill(store, users, products, rng)
        vectors = open_vectors(f"qdrant-edge:{folder / 'vectors'}")
        collections = {
            collection: Embeddings(IdMap(ids), rng.standard_normal((len(ids), WIDTH), dtype=np.float32))
            for collection, ids in ((USERS, users), (PRODUCTS, products), (ANYONE, [ANYONE]))
        }
        publish_collections(vectors.of(SYSTEM), "v1", collections)
        recommender = ProductRecommender(store, vectors, folder, _no_encoder)
        asked = rng.choice(users, NUM_ASKED)
        for user in asked[:50]:
            recommender.recommend(user, reasons=False)
        milliseconds = []
        for user in asked:
            started = time.perf_counter()
            recommender.recommend(user, reasons=False)
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


def _no_encoder() -> TextEncoder:
    raise AssertionError("a published user needs no text encoder")


if __name__ == "__main__":
    main()
