"""The leading eigenvectors of the item graph: a low-pass filter over what is bought together.

Randomised subspace iteration: Halko, Martinsson and Tropp, "Finding Structure with Randomness", 2009, arXiv 0909.4061.
As a recommender: Shen et al., "How Powerful is Graph Convolution for Recommendation?" (GF-CF), 2021, arXiv 2108.07567.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from kindred.linear.algebra.dense import dense_product
from kindred.linear.algebra.propagation import SparseMatrix

SymmetricProduct = Callable[[Tensor], Tensor]
"""x `[size, columns]` -> S x of the same shape, for a symmetric S."""


def leading_eigenvectors(
    product: SymmetricProduct, size: int, rank: int, seed: int, iterations: int = 4
) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues of a symmetric matrix, best first, `[rank]`, and their vectors, `[size, rank]`.

    The same seed gives the same vectors; the largest entry of each is positive. More iterations come closer to the
    exact vectors.

    Args:
        product: multiplies the matrix with columns.
        size: rows of the matrix.
        rank: number of vectors, at most `size`.
        seed: of the random start.
        iterations: passes of subspace iteration.
    """
    rank = min(rank, size)
    width = min(rank + max(16, rank // 10), size)
    basis = orthonormal(torch.randn(size, width, generator=torch.Generator().manual_seed(seed)))
    for _ in range(iterations):
        basis = orthonormal(product(basis))
    small = dense_product(basis.T, product(basis))  # [width, width]
    values, rotation = torch.linalg.eigh(((small + small.T) / 2).double())
    values, rotation = values.flip(0)[:rank], rotation.flip(1)[:, :rank]
    vectors = dense_product(basis, rotation.to(basis.dtype))
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return values.to(basis.dtype), vectors * torch.where(largest < 0, -1.0, 1.0)


def item_spectrum(
    matrix: SparseMatrix, rank: int, seed: int, iterations: int = 4, diagonal: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Leading eigenvectors of the item graph Aᵀ A, values `[rank]`, vectors `[num_items, rank]`.

    The diagonal is how much an item goes with itself. That is no news for a recommender, yet a truncated spectrum
    spends much of its rank on it; without it the same rank holds more of what links one item to another.

    Args:
        matrix: A, users by items, usually degree-normalised.
        rank: number of vectors.
        seed: of the random start.
        iterations: passes of subspace iteration.
        diagonal: share of the diagonal that stays; 1 as in published filters.
    """
    by_item = matrix.transpose
    rows = by_item.forward
    item_of_entry = torch.repeat_interleave(torch.arange(matrix.shape[1]), rows.offsets.diff())
    removed = (1 - diagonal) * torch.zeros(matrix.shape[1]).index_add(0, item_of_entry, rows.weights**2)[:, None]
    return leading_eigenvectors(lambda x: by_item @ (matrix @ x) - removed * x, matrix.shape[1], rank, seed, iterations)


def truncated_svd(matrix: SparseMatrix, rank: int, seed: int, iterations: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """Left vectors `[num_rows, rank]`, singular values `[rank]`, best first, right vectors `[num_columns, rank]`."""
    by_column = matrix.transpose
    rank = min(rank, *matrix.shape)
    squares, right = leading_eigenvectors(lambda x: by_column @ (matrix @ x), matrix.shape[1], rank, seed, iterations)
    values = squares.clamp(min=0).sqrt()
    return (matrix @ right) / values.clamp(min=1e-9), values, right


def orthonormal(x: Tensor) -> Tensor:
    """An orthonormal basis of the columns of `x`, `[size, columns]` with size ≥ columns.

    Cholesky QR where the columns are far from dependent, as they are in large graphs: a fifth of the time of
    Householder QR, which takes over for the rest.
    """
    rows = x.numpy()
    gram = torch.from_numpy((rows.T @ rows).astype(np.float64))
    factor, failed = torch.linalg.cholesky_ex(gram)
    diagonal = factor.diagonal()
    if int(failed) or float(diagonal.min()) < 1e-3 * float(diagonal.max()):
        basis: Tensor = torch.linalg.qr(x)[0]
        return basis
    # of the transpose the solution lies by rows of `x`: where they are scattered, products with a sparse matrix, which
    # gather them, take three times as long
    solved = scipy.linalg.solve_triangular(factor.numpy().astype(rows.dtype), rows.T, lower=True, check_finite=False)
    return torch.from_numpy(solved.T)
