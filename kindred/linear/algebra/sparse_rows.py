"""Weighted sums of a few rows of a sparse matrix, as dense rows: what a product of sparse matrices takes longer for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

from kindred.domain.interactions import FloatArray


def sums_of_rows(weights: csr_matrix, matrix: csr_matrix) -> FloatArray:
    """The product of both, `[num_sums, num_columns]`.

    Args:
        weights: of the rows of the matrix in each sum, `[num_sums, num_rows]`.
        matrix: `[num_rows, num_columns]`.
    """
    sums: FloatArray = np.zeros((weights.shape[0], matrix.shape[1]), dtype=np.float32)
    for number in range(len(sums)):
        own = slice(weights.indptr[number], weights.indptr[number + 1])
        of_rows = dict(zip(weights.indices[own].tolist(), weights.data[own].tolist(), strict=True))
        sums[number] = sum_of_rows([(of_rows, matrix)])
    return sums


def sum_of_rows(weights: Sequence[tuple[Mapping[int, float], csr_matrix]]) -> FloatArray:
    """The sum of rows of some matrices of the same width, each times its weight, `[num_columns]`."""
    rows = [
        (weight, matrix, slice(matrix.indptr[row], matrix.indptr[row + 1]))
        for of_rows, matrix in weights
        for row, weight in of_rows.items()
    ]
    num_columns = weights[0][1].shape[1]
    if not rows:
        return np.zeros(num_columns, np.float32)
    chosen = csc_matrix(  # as columns: each of their numbers is read once
        (
            np.concatenate([matrix.data[values] for _, matrix, values in rows]),
            np.concatenate([matrix.indices[values] for _, matrix, values in rows]),
            np.cumsum([0, *(values.stop - values.start for _, _, values in rows)], dtype=np.int32),
        ),
        shape=(num_columns, len(rows)),
    )
    found: FloatArray = chosen @ np.array([weight for weight, _, _ in rows], np.float32)
    return found
