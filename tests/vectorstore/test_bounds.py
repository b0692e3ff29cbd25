"""No product passes its bound, whatever the rows are like, and where few axes hold most it is hardly more."""

from __future__ import annotations

import numpy as np
import pytest

from kindred.vectorstore.bounds import Bounds


@pytest.mark.parametrize("num_rows", [1, 40, 20_000])
@pytest.mark.parametrize("dimension", [3, 128, 300])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.2, 3.0)])
def test_every_product_lies_within_its_bounds(num_rows: int, dimension: int, scales: tuple[float, float]) -> None:
    rng = np.random.default_rng(num_rows + dimension)
    rows = (rng.normal(size=(num_rows, dimension)) * rng.exponential(size=dimension)).astype(np.float32)
    rows[5:9] = 0
    vectors = [*rows[:3], *rng.normal(size=(3, dimension)).astype(np.float32), np.zeros(dimension, np.float32)]
    parts = [rows[:, : dimension // 3], rows[:, dimension // 3 :]]
    scaled = np.hstack([np.float32(scale) * part for scale, part in zip(scales, parts, strict=True)])
    some = rng.choice(num_rows, num_rows // 2 + 1, replace=False)
    bounds = Bounds.of(parts, scales)
    for vector in vectors:
        products = scaled @ vector
        of_products = bounds.of_products(vector)
        assert (of_products.at_most() >= products).all()
        least, most = of_products.within(some)
        assert ((least <= products[some]) & (products[some] <= most)).all()


def test_rows_along_few_axes_are_bounded_closely() -> None:
    rng = np.random.default_rng(1)
    rows = (rng.normal(size=(20_000, 40)) @ rng.normal(size=(40, 300)) / 80).astype(np.float32)
    most = Bounds.of([rows]).of_products(rows[0]).at_most()
    assert (most - rows @ rows[0]).max() < 0.1 * float(rows[0] @ rows[0])


def test_what_is_read_of_few_rows_says_more_than_what_is_read_of_all() -> None:
    rng = np.random.default_rng(2)
    rows = (rng.normal(size=(5_000, 400)) * 0.97 ** np.arange(400)).astype(np.float32)
    of_products = Bounds.of([rows]).of_products(rows[0])
    products, everyone = rows @ rows[0], np.arange(len(rows))
    closer = of_products.within(everyone)[1]
    assert (closer - products).mean() < 0.5 * (of_products.at_most() - products).mean()
