"""Sums of rows are the product of both matrices."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, random

from kindred.linear.algebra.sparse_rows import sum_of_rows, sums_of_rows


def test_sums_are_the_product_of_the_matrices() -> None:
    weights = random(7, 40, 0.2, "csr", np.float32, np.random.default_rng(1))
    matrix = random(40, 90, 0.3, "csr", np.float32, np.random.default_rng(2))
    sums = sums_of_rows(weights, matrix)
    assert sums.dtype == np.float32 and sums.any()
    np.testing.assert_allclose(sums, (weights @ matrix).toarray(), rtol=1e-5)
    assert not sums_of_rows(csr_matrix((1, 40), dtype=np.float32), matrix).any()


def test_rows_of_several_matrices_are_summed() -> None:
    first, other = (random(9, 30, 0.3, "csr", np.float32, np.random.default_rng(seed)) for seed in (3, 4))
    found = sum_of_rows([({2: 0.5, 7: 2.0}, first), ({2: 1.5}, other)])
    wanted = 0.5 * first[2] + 2 * first[7] + 1.5 * other[2]
    np.testing.assert_allclose(found, wanted.toarray()[0], rtol=1e-6)
    assert not sum_of_rows([({}, first), ({}, other)]).any()
