"""Product data for benchmarks, loaded, trained, published and asked as users do it.

A `Shop` is one embedded graph with its runs, versions and recommender; `ProductData` are the public reviews of 2014 or
the generated sample, of which a shop may hold a part.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.datasets import find_file
from kindred.domain.embeddings import TextEncoder
from kindred.domain.interactions import IntArray
from kindred.domain.records import Reviewed
from kindred.domain.schema import graph_schema
from kindred.features.text import open_text_encoder
from kindred.gnn.columns import edge_columns
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.sources import amazon
from kindred.recommenders.answering.recommender import Opened
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.recommends import Recommends
from kindred.recommenders.runs import Run, new_run_folder
from kindred.recommenders.systems import SYSTEMS
from kindred.recommenders.training import GraphState
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.store import VectorStore

TEXT_CACHE = Path.home() / ".cache" / "kindred" / "text"
_MODULE = SYSTEMS[PRODUCTS.name]


@dataclass(frozen=True)
class ProductLines:
    """Lines of Amazon's files of reviews and of metadata."""

    reviews: Sequence[str]
    metadata: Sequence[str] = ()


@dataclass(frozen=True)
class Shop:
    """A product graph in an embedded store, and where its versions are published.

    Attributes:
        folder: holds everything.
        store: the graph.
        vectors: where versions are published.
        encoder: of every text.
    """

    folder: Path
    store: GraphStore
    vectors: VectorStore
    encoder: TextEncoder

    def load(self, lines: ProductLines) -> None:
        """Ingests these lines."""
        files = []
        for name, rows, source in (
            ("metadata", lines.metadata, amazon.METADATA),
            ("reviews", lines.reviews, amazon.REVIEWS),
        ):
            if rows:
                path = self.folder / f"{name}.jsonl"
                path.write_text("\n".join(rows) + "\n", encoding="utf-8")
                files.append(SourceFile(path, source))
        options = IngestOptions(self.folder / "staging", self.folder / "quarantine")
        ingest_files(self.store, files, self.encoder, options)

    def train(self, config: ModelConfig, until: int | None = None) -> Run:
        """A finished run on the events up to a time; on stderr what it took."""
        start = time.process_time()
        options = RunOptions(folder=new_run_folder(self._runs))
        run = _MODULE.train(self.store, config, options, GraphState(self.store.url, "", until))
        seconds = time.process_time() - start
        print(f"trained on {run.manifest['events']:,} reviews in {seconds:.0f} CPU-s", file=sys.stderr, flush=True)
        return run

    def publish(self, run: Run) -> str:
        """Publishes a run with the graph as it is now; the name of the version."""
        return _MODULE.publish(run, self.store, self.vectors).version

    @cached_property
    def recommender(self) -> Recommends:
        """What answers users."""
        return _MODULE.open_recommender(Opened(self.store, self.vectors, self._runs, lambda: self.encoder))

    def read_graph(self) -> InteractionGraph:
        """Everything in it as arrays."""
        return read_interaction_graph(PRODUCTS, self.store)

    @property
    def _runs(self) -> Path:
        return self.folder / "runs"


@dataclass(frozen=True)
class ProductData:
    """A whole data set as arrays, as records and as lines of its files.

    Attributes:
        graph: the arrays.
        reviews: the record of each row of `graph.interactions`.
        lines: where each came from.
        metadata: line of each product that has one, by id.
    """

    graph: InteractionGraph
    reviews: Sequence[Reviewed]
    lines: Sequence[str]
    metadata: dict[str, str]

    def part(self, rows: IntArray, products: Collection[str]) -> ProductLines:
        """Lines of these reviews and of the metadata of these products."""
        metadata = [self.metadata[product] for product in products if product in self.metadata]
        return ProductLines([self.lines[row] for row in rows], metadata)


@contextmanager
def open_shop(lines: ProductLines, encoder: TextEncoder | None = None) -> Iterator[Shop]:
    """A shop of these lines in a temporary folder; the bundled encoder and its cache are used unless one is given."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_graph(f"ladybug:{folder / 'graph'}")
        vectors = open_vectors(f"qdrant-edge:{folder / 'vectors'}")
        try:
            store.create_schema(graph_schema())
            shop = Shop(folder, store, vectors, encoder or open_text_encoder(cache_folder=TEXT_CACHE))
            shop.load(lines)
            yield shop
        finally:
            vectors.close()
            store.close()


def reviews14_lines(data: Path) -> ProductLines:
    """Amazon Musical Instruments 2014: reviews with text, products without any."""
    path = find_file(data, "amazon_reviews_musical_instruments_2014", "reviews_Musical_Instruments_5.json.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return ProductLines(lines.read().splitlines())


def sample_lines() -> ProductLines:
    """The sample of `make demo`: reviews with text, products with titles and descriptions."""
    with tempfile.TemporaryDirectory() as name:
        files = generate_products(ProductSample(users=3000, products=800, reviews=24000, seed=7), Path(name) / "sample")
        reviews, metadata = (path.read_text(encoding="utf-8").splitlines() for path in (files.reviews, files.metadata))
        return ProductLines(reviews, metadata)


def read_product_data(lines: ProductLines, encoder: TextEncoder | None = None) -> ProductData:
    """The data set of these lines.

    Raises:
        ValueError: two lines are of the same user, product and second, or a line did not load.
    """
    with open_shop(lines, encoder) as shop:
        graph, reviews = shop.read_graph(), _read_reviews(shop.store)
    of_key = {_key_of(line): line for line in lines.reviews}
    if not len(of_key) == len(lines.reviews) == len(reviews):
        raise ValueError("each line must be the one review of its user, product and time")
    of_row = [of_key[review.source_id, review.target_id, review.at] for review in reviews]
    return ProductData(graph, reviews, of_row, {json.loads(line)["asin"]: line for line in lines.metadata})


def _key_of(line: str) -> tuple[str, str, int | None]:
    row = json.loads(line)
    return row["reviewerID"], row["asin"], row["unixReviewTime"]


def _read_reviews(store: GraphStore) -> list[Reviewed]:
    """Every review, in the order of the rows of an `InteractionGraph`."""
    batches = list(store.read_edges(PRODUCTS.edge))
    order, _ = edge_columns(PRODUCTS.edge, batches)
    names = [name for name in batches[0].schema.names if name in Reviewed.model_fields]
    rows = [row for batch in batches for row in batch.select(names).to_pylist()]
    return [Reviewed.model_validate(rows[position]) for position in order]


def external_ids(graph: InteractionGraph, label: str, positions: IntArray) -> list[str]:
    """Ids of these nodes of a label."""
    return [graph.ids[label].external(int(position)) for position in np.asarray(positions)]
