"""Weighted sums of rows by group: what a product with a sparse matrix gives."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray


def weighted_sums(
    weights: FloatArray, groups: IntArray, positions: IntArray, num_groups: int, rows: FloatArray
) -> FloatArray:
    """Sum of `weights · rows[positions]` by group, `[num_groups, dim]`.

    Where no group has two, nothing is added up, and SciPy is not loaded: that takes longer than the rest of an answer.

    Args:
        weights: of each member, `[num_members]`.
        groups: the group of each member, `[num_members]`.
        positions: which row it adds, `[num_members]`.
        num_groups: how many groups there are.
        rows: `[num_rows, dim]`.
    """
    if np.bincount(groups, minlength=1).max() <= 1:
        alone: FloatArray = np.zeros((num_groups, rows.shape[1]), dtype=np.float32)
        alone[groups] = weights[:, None] * rows[positions]
        return alone
    import scipy.sparse as sp

    gather = sp.csr_matrix((weights, (groups, positions)), shape=(num_groups, len(rows)))
    total: FloatArray = np.asarray(gather @ rows, dtype=np.float32)
    return total
