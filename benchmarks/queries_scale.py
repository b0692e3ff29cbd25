"""How long the live answer takes among very many products: `python -m benchmarks.queries scale`.

Everything is what users get: files are generated, loaded, trained on, published, and asked through the recommender of
the system. Only the text encoder is another, the mean of random vectors of words, because a catalogue of this size
takes the real one most of an hour; its time is told apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import TextEncoder
from kindred.domain.recommendation import Request
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph, open_to_read
from kindred.ingest.generate.searches import SearchSample, generate_searches
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.searches import search_files
from kindred.linear.words.bm25 import words_of
from kindred.models.two_tower import TowerConfig
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.queries import QUERIES
from kindred.recommenders.searching.recommender import QueryRecommender
from kindred.recommenders.searching.run import publish, train
from kindred.recommenders.training import GraphState
from kindred.training.fit import RunOptions
from kindred.training.schedule import FitConfig
from kindred.vectorstore.open import open_vectors

WIDTH = 384
ANSWERS = 200
ONE_EPOCH = FitConfig(epochs=1, patience=1, learning_rate=2e-3, warmup_epochs=0, weight_decay=1e-2)
Asks = Callable[[Request], object]


class WordVectors:
    """A text encoder that knows how long it was at work.

    Attributes:
        seconds: CPU time in it so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.encoder = TextEncoder("mean of random vectors of words", WIDTH, self._encode)

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float16]:
        started = time.process_time()
        rows = np.zeros((len(texts), WIDTH), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words_of(text):
                row += _vector_of(word)
            row /= max(float(np.linalg.norm(row)), 1e-9)
        self.seconds += time.process_time() - started
        return rows.astype(np.float16)


@cache
def _vector_of(word: str) -> NDArray[np.float32]:
    drawn = np.random.default_rng(list(word.encode())).normal(size=WIDTH)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def measure(sample: SearchSample) -> None:
    """Prints the CPU time of an answer: to a known user, to new queries, to 200 ranks, with conditions and reasons."""
    words = WordVectors()
    with TemporaryDirectory() as name:
        folder = Path(name)
        made = generate_searches(sample, folder / "sample")
        store = open_graph(f"ladybug:{folder / 'graph'}")
        store.create_schema(graph_schema())
        files = search_files(made.events, made.orders, None, made.products)
        ingest_files(store, files, words.encoder, IngestOptions(folder / "staging", folder / "quarantine"))
        options = RunOptions(folder / "runs" / "20260101-000000-aaaaaa", seed=7, device="cpu")
        options.folder.mkdir(parents=True)
        config = ModelConfig(tower=TowerConfig(fit=ONE_EPOCH))
        run = train(QUERIES, store, config, options, GraphState(store.url, "benchmark"))
        vectors = open_vectors(f"qdrant-edge:{folder / 'vectors'}")
        publish(QUERIES, run, store, vectors)
        store.close()
        store = open_to_read(store.url, graph_schema())  # as the service has it
        recommender = QueryRecommender(QUERIES, Opened(store, vectors, folder / "runs", lambda: words.encoder))
        recommender.refresh()
        print(f"{sample.products:,} products, {WIDTH} numbers a text, weights {run.manifest['weights']}")
        users = recommender.example_users(ANSWERS)
        typed = [("camping gear", f"warm {number} tent for rain") for number in range(ANSWERS)]
        asked = {
            "to a known user": [Request(user, reasons=False) for user in users],
            "with reasons": [Request(user) for user in users],
            "200 of them": [Request(user, k=200, reasons=False) for user in users],
            "to two queries, one new": [Request(queries=queries, reasons=False) for queries in typed],
        }
        for what, requests in asked.items():
            _report(what, requests, recommender, words)
        vectors.close()
        store.close()


def _report(what: str, requests: Sequence[Request], recommender: Asks, words: WordVectors) -> None:
    """CPU milliseconds of an answer, the encoding of new texts told apart."""
    answering, encoding = [], []
    for request in (*requests[:10], *requests):
        before, started = words.seconds, time.process_time()
        recommender(request)
        encoding.append(words.seconds - before)
        answering.append(time.process_time() - started - encoding[-1])
    p50, p95 = 1e3 * np.percentile(answering[10:], [50, 95])
    encoded = 1e3 * float(np.mean(encoding[10:]))
    print(
        f"  {what:<26} p50 {p50:5.2f} ms CPU, p95 {p95:5.2f} ms (anchor p50 ≤ 5); encoding beside it {encoded:.2f} ms"
    )
