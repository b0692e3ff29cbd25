"""Weighted sums of a few rows of a sparse matrix, as dense rows: what a product of sparse matrices takes longer for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.sparse import csr_matrix

from kindred.domain.interactions import FloatArray


def sums_of_rows(weights: csr_matrix, matrix: csr_matrix) -> FloatArray:
    """The product of both, `[num_sums, num_columns]`.

    Args:
        weights: of the rows of the matrix in each sum, `[num_sums, num_rows]`.
        matrix: `[num_rows, num_columns]`, no column twice in a row.
    """
    sums: FloatArray = np.zeros((weights.shape[0], matrix.shape[1]), dtype=np.float32)
    for number, out in enumerate(sums):
        own = slice(weights.indptr[number], weights.indptr[number + 1])
        add_rows(out, zip(weights.indices[own], weights.data[own], strict=True), matrix)
    return sums


def add_rows(out: FloatArray, weights: Iterable[tuple[int, float]], matrix: csr_matrix) -> None:
    """Adds rows of the matrix, each times its weight, to `out`, `[num_columns]`."""
    for row, weight in weights:
        values = slice(matrix.indptr[row], matrix.indptr[row + 1])
        out[matrix.indices[values]] += np.float32(weight) * matrix.data[values]
