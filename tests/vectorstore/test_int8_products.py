"""Products of whole numbers are exact, whoever multiplies them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from kindred.vectorstore.int8_products import Products


@pytest.mark.parametrize("dimension", [1, 67, 128, 300])
@pytest.mark.parametrize("many", [10_000, 3])
def test_they_are_exact_from_the_first_scan_to_those_of_many(dimension: int, many: int) -> None:
    generator = np.random.default_rng(0)
    codes = generator.integers(-127, 128, (2_000, dimension)).astype(np.int8)
    codes[:2] = [[127], [-127]]  # what an engine that clips would get wrong
    queries = generator.integers(-127, 128, (3, dimension)).astype(np.int8)
    queries[:2] = [[127], [-127]]
    expected = queries.astype(np.int64) @ codes.T.astype(np.int64)
    products = Products(codes, many)
    for _ in range(3):
        assert (products(queries) == expected).all()
        assert (products(queries[:1]) == expected[:1]).all()
        for thread in threading.enumerate():
            if thread.name == "lay-out":
                thread.join()
