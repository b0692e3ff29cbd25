"""A small product data set for the benchmarks that ask the recommender."""

from __future__ import annotations

import pytest

from benchmarks.product_graphs import ProductData, ProductLines, read_product_data
from kindred.ingest.generate.products import ProductSample, generate_products
from tests.recommenders.conftest import ENCODER


@pytest.fixture(scope="session")
def lines(tmp_path_factory: pytest.TempPathFactory) -> ProductLines:
    folder = tmp_path_factory.mktemp("lines")
    files = generate_products(ProductSample(users=60, products=50, reviews=700, seed=8), folder)
    reviews, metadata = (path.read_text(encoding="utf-8").splitlines() for path in (files.reviews, files.metadata))
    return ProductLines(reviews, metadata)


@pytest.fixture(scope="session")
def data(lines: ProductLines) -> ProductData:
    return read_product_data(lines, ENCODER)
