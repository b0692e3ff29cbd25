"""The nearest rows to each row of a sparse matrix of zeros and ones, by cosine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import IntArray

PAIRS_A_PART = 20_000_000
"""Products of two entries that are added up at a time: in all there can be hundreds for each entry of the matrix."""


def nearest_rows(rows: sp.csr_matrix, neighbours: int, shrinkage: float) -> sp.csr_matrix:
    """Cosines of each row and those nearest to it, itself left out; of equal ones the first, `[num_rows, num_rows]`.

    Args:
        rows: zeros and ones, `[num_rows, num_columns]`.
        neighbours: so many are kept of each row.
        shrinkage: what is added to the product of both lengths, so that what has little in common by chance comes last.
    """
    columns = rows.T.tocsr()
    lengths = np.sqrt(np.asarray(rows.sum(1)).ravel())
    nearest = []
    for part in _parts(np.asarray(rows @ np.diff(columns.indptr))):
        shared = (rows[part] @ columns).tocoo()
        near = shared.data / (lengths[part][shared.row] * lengths[shared.col] + shrinkage)
        other = shared.row + part.start != shared.col
        found = (near[other], (shared.row[other], shared.col[other]))
        nearest.append(_largest(sp.csr_matrix(found, shape=shared.shape, dtype=np.float32), neighbours))
    return sp.vstack(nearest, format="csr") if nearest else sp.csr_matrix((0, 0), dtype=np.float32)


def _parts(pairs: IntArray) -> Iterator[slice]:
    """Rows that follow one another, with at most `PAIRS_A_PART` pairs of entries together, or one row with more."""
    until, start = np.cumsum(pairs), 0
    while start < len(pairs):
        before = until[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(until, before + PAIRS_A_PART, side="right")))
        yield slice(start, end)
        start = end


def _largest(matrix: sp.csr_matrix, count: int) -> sp.csr_matrix:
    """Each row with its largest entries only, of equal ones the first."""
    matrix.sort_indices()
    kept = np.ones(matrix.nnz, dtype=np.bool_)
    for row in np.flatnonzero(np.diff(matrix.indptr) > count):
        own = slice(matrix.indptr[row], matrix.indptr[row + 1])
        values = matrix.data[own]
        least = np.partition(values, -count)[-count]
        kept[own] = values > least
        equal = np.flatnonzero(values == least)
        kept[own.start + equal[: count - int(kept[own].sum())]] = True
    matrix.data[~kept] = 0
    matrix.eliminate_zeros()
    return matrix
