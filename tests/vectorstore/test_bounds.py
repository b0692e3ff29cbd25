"""No product passes its bound, whatever the rows are like, and where few axes hold most it is hardly more."""

from __future__ import annotations

import numpy as np
import pytest

from kindred.vectorstore.bounds import Bounds


@pytest.mark.parametrize("num_rows", [1, 40, 20_000])
@pytest.mark.parametrize("dimension", [3, 128, 200])
def test_no_product_passes_its_bound(num_rows: int, dimension: int) -> None:
    rng = np.random.default_rng(num_rows + dimension)
    rows = (rng.normal(size=(num_rows, dimension)) * rng.exponential(size=dimension)).astype(np.float32)
    rows[5:9] = 0
    vectors = [*rows[:3], *rng.normal(size=(3, dimension)).astype(np.float32), np.zeros(dimension, np.float32)]
    bounds = Bounds.of([rows[:, : dimension // 3], rows[:, dimension // 3 :]])
    for vector in vectors:
        assert (bounds.at_most(vector) >= rows @ vector).all()


def test_rows_along_few_axes_are_bounded_closely() -> None:
    rng = np.random.default_rng(1)
    rows = (rng.normal(size=(20_000, 40)) @ rng.normal(size=(40, 300)) / 80).astype(np.float32)
    most = Bounds.of([rows]).at_most(rows[0])
    assert (most - rows @ rows[0]).max() < 0.1 * float(rows[0] @ rows[0])
