"""One small shop for the whole room: sample reviews in an embedded graph, trained once, published once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from kindred.domain.embeddings import TextEncoder, Vectors
from kindred.domain.recommendation import Answer
from kindred.domain.records import Reviewed
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.gnn.model import GnnConfig
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.loading.load import with_embeddings
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from kindred.linear.ensemble.fit import RankingConfig
from kindred.linear.ensemble.validation import WeightConfig
from kindred.recommenders.answering.recommender import Opened, Recommender
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.publishing import Published, publish
from kindred.recommenders.runs import Run, find_run
from kindred.recommenders.systems import SystemModule, find_system
from kindred.recommenders.training import GraphState
from kindred.recommenders.training import train as train_system
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.store import SystemVectors, VectorStore
from tests.made_once import made_once
from tests.small_scorers import SCORERS

QUICK = RankingConfig(scorers=SCORERS, weights=WeightConfig(rounds=1, folds=1, samples=1))
SMALL = ModelConfig(gnn=GnnConfig(epochs=3, hidden_dim=16, heads=2, text_dim=8), ranking=QUICK)
DIMENSION = 24
EDGE = edge_type_of(Reviewed)


def _word_vector(word: str) -> NDArray[np.float32]:
    digest = blake2b(word.encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "little")).standard_normal(DIMENSION).astype(np.float32)


def _encode(texts: Sequence[str]) -> NDArray[np.float16]:
    rows = np.zeros((len(texts), DIMENSION), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            row += _word_vector(word)
        row /= max(float(np.linalg.norm(row)), 1e-9)
    return rows.astype(np.float16)


ENCODER = TextEncoder("sum of word vectors", DIMENSION, _encode)


@dataclass(frozen=True)
class Shop:
    """Everything that a command would open."""

    folder: Path
    reviews: list[dict[str, Any]]
    store: GraphStore
    vectors: VectorStore
    run: Run
    recommender: Recommender


@dataclass(frozen=True)
class Trained:
    """A system on a graph of its own."""

    folder: Path
    store: GraphStore
    module: SystemModule
    run: Run


def load_files(folder: Path, files: Sequence[SourceFile]) -> GraphStore:
    """A graph in the folder with what the files hold."""
    store = open_graph(f"ladybug:{folder / 'graph'}")
    store.create_schema(graph_schema())
    ingest_files(store, files, ENCODER, IngestOptions(folder / "staging", folder / "quarantine"))
    return store


def load(folder: Path, reviews: Path, metadata: Path) -> GraphStore:
    return load_files(folder, product_files(reviews, metadata))


@contextmanager
def trained(system: str, folder: Path, files: Sequence[SourceFile], config: ModelConfig) -> Iterator[Trained]:
    """A graph with what the files hold, and a run of the system on it in `folder / "runs"`."""
    with closing(load_files(folder, files)) as store:
        options = RunOptions(folder / "runs" / RUN, seed=3, device="cpu")
        module = find_system(system)
        yield Trained(folder, store, module, module.train(store, config, options, GraphState(store.url, "test")))


@contextmanager
def publishing(made: Trained) -> Iterator[tuple[Opened, Published]]:
    """The same published, its stores open, and what was published."""
    with closing(open_vectors(f"exact:{made.folder / 'vectors'}")) as vectors:
        published = made.module.publish(made.run, made.store, vectors)
        yield Opened(made.store, vectors, made.folder / "runs", lambda: ENCODER), published


def train(store: GraphStore, folder: Path, config: ModelConfig = SMALL) -> Run:
    folder.mkdir(parents=True)
    options = RunOptions(folder, seed=3, device="cpu")
    return train_system(PRODUCTS, store, config, options, GraphState(store.url, "test"))


RUN = "20260101-000000-aaaaaa"
RUNS = Path("artifacts", "products")


def _make_shop(folder: Path, sample: ProductSample, vectors_url: str) -> None:
    files = generate_products(sample, folder / "sample")
    store = load(folder, files.reviews, files.metadata)
    run = train(store, folder / RUNS / RUN)
    vectors = open_vectors(f"{vectors_url}:{folder / 'vectors'}")
    publish(PRODUCTS, run, store, vectors)
    vectors.close()
    store.close()


def published_shop(factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop, published; nothing writes there."""
    sample = ProductSample(users=60, products=50, reviews=500, seed=5)
    return made_once(factory, "shop", lambda folder: _make_shop(folder, sample, "qdrant-edge"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A copy of it, opened, for tests that only read."""
    with closing_shop(
        published_shop(tmp_path_factory), tmp_path_factory.mktemp("opened") / "shop", "qdrant-edge"
    ) as opened:
        yield opened


@pytest.fixture(scope="session")
def smaller_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of another, smaller one."""
    sample = ProductSample(users=40, products=30, reviews=300, seed=6)
    return made_once(tmp_path_factory, "smaller shop", lambda folder: _make_shop(folder, sample, "exact"))


@pytest.fixture
def changing(smaller_shop: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of it, opened, for a test that writes into the graph."""
    with closing_shop(smaller_shop, tmp_path / "shop", "exact") as opened:
        yield opened


@contextmanager
def closing_shop(made: Path, folder: Path, vectors_url: str) -> Iterator[Shop]:
    """A copy in `folder` with its stores open."""
    copytree(made, folder)
    store = open_graph(f"ladybug:{folder / 'graph'}")
    store.create_schema(graph_schema())
    vectors = open_vectors(f"{vectors_url}:{folder / 'vectors'}")
    opened = Opened(store, vectors, folder / RUNS, lambda: ENCODER)
    reviews = reviews_of(folder)
    yield Shop(folder, reviews, store, vectors, find_run(folder / RUNS), Recommender(PRODUCTS, opened))
    vectors.close()
    store.close()


def reviews_of(folder: Path) -> list[dict[str, Any]]:
    """The reviews of a shop, as the file holds them."""
    text = (folder / "sample" / "reviews.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def write(store: GraphStore, *reviews: Reviewed) -> None:
    store.upsert_edges(EDGE, with_embeddings(to_table(EDGE, reviews), EDGE, ENCODER))


def write_product(store: GraphStore, product: str, title: str | None, description: str | None = None) -> None:
    node = graph_schema().node("Product")
    columns = {name: pa.array([text], pa.string()) for name, text in (("title", title), ("description", description))}
    row = pa.table({"id": [product], **columns})
    store.upsert_nodes(node, with_embeddings(row, node, ENCODER))


def latest(shop: Shop) -> int:
    times = [at for batch in shop.store.read_edges(EDGE, ["at"]) for at in batch.column("at").to_pylist()]
    return max(times)


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.recommendations]


def scores(answer: Answer) -> list[float]:
    return [item.score for item in answer.recommendations]


def published(vectors: SystemVectors, collection: str, item: str) -> Vectors:
    version = vectors.published()
    assert version is not None
    return vectors.fetch(version, collection, [item]).vectors[0]


def close(first: Vectors, second: Vectors) -> bool:
    return bool(np.allclose(first, second, atol=1e-5 * max(1.0, float(np.abs(second).max()))))
