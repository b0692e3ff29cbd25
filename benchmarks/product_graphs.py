"""Product graphs for benchmarks: the public reviews of 2014, and the generated sample, loaded as users load them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.datasets import find_file
from kindred.domain.schema import graph_schema
from kindred.features.text import open_text_encoder
from kindred.graph.open import open_graph
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.pipeline import IngestOptions, SourceFile, ingest_files
from kindred.ingest.products import product_files
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.products import PRODUCTS

TEXT_CACHE = Path.home() / ".cache" / "kindred" / "text"


def reviews14_graph(data: Path) -> InteractionGraph:
    """Amazon Musical Instruments 2014: reviews with text, products without any."""
    path = find_file(data, "amazon_reviews_musical_instruments_2014", "reviews_Musical_Instruments_5.json.gz")
    with tempfile.TemporaryDirectory() as folder:
        return _load(product_files(path), Path(folder))


def sample_graph() -> InteractionGraph:
    """The sample of `make demo`: reviews with text, products with titles and descriptions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = generate_products(ProductSample(users=3000, products=800, reviews=24000, seed=7), folder / "sample")
        return _load(product_files(files.reviews, files.metadata), folder)


def _load(files: list[SourceFile], folder: Path) -> InteractionGraph:
    store = open_graph(f"ladybug:{folder / 'graph'}")
    store.create_schema(graph_schema())
    encoder = open_text_encoder(cache_folder=TEXT_CACHE)
    ingest_files(store, files, encoder, IngestOptions(folder / "staging", folder / "quarantine"))
    graph = read_interaction_graph(PRODUCTS, store)
    store.close()
    return graph
