"""Message passing as an exact sparse-dense product on `F.embedding_bag`, forward and backward.

On CPU `embedding_bag` gathers and sums rows without ever holding the messages `[num_edges, embedding_dim]`, which is
what makes the scatter-based layers slow. Its own gradient is slow too, so the backward pass here is another
`embedding_bag`, on the transpose.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from kindred.domain.interactions import IntArray, Interactions

ROWS_A_PART = 4_096
"""Rows that are worked on together: what is made of them stays in the cache instead of being had anew each time."""


@dataclass(frozen=True)
class CompressedRows:
    """A sparse matrix by rows: row r holds `weights[offsets[r]:offsets[r + 1]]` in `columns[...]`."""

    offsets: Tensor
    columns: Tensor
    weights: Tensor

    @classmethod
    def of(cls, rows: Tensor, columns: Tensor, weights: Tensor, num_rows: int) -> CompressedRows:
        """Sort `[num_edges]` triples by row; an entry given twice counts twice."""
        order = torch.argsort(rows, stable=True)
        offsets = torch.zeros(num_rows + 1, dtype=torch.long, device=rows.device)
        offsets[1:] = torch.bincount(rows, minlength=num_rows).cumsum(0)
        return cls(offsets, columns[order], weights[order])

    def weighted(self, weights: Tensor) -> CompressedRows:
        """The same entries with other weights, `[num_edges]` in the order of this matrix."""
        return CompressedRows(self.offsets, self.columns, weights)

    def parts(self) -> Iterator[tuple[slice, CompressedRows]]:
        """Which rows, and these alone, `ROWS_A_PART` from the first on; nothing is copied but offsets."""
        num_rows = len(self.offsets) - 1
        for start in range(0, num_rows, ROWS_A_PART):
            rows = slice(start, min(start + ROWS_A_PART, num_rows))
            first, last = int(self.offsets[rows.start]), int(self.offsets[rows.stop])
            offsets = self.offsets[rows.start : rows.stop + 1] - first
            yield rows, CompressedRows(offsets, self.columns[first:last], self.weights[first:last])

    def dots(self, of_rows: Tensor, of_columns: Tensor) -> Tensor:
        """Dot product of its row's and its column's vector for each entry, `[num_edges]`.

        Args:
            of_rows: `[num_rows, dim]`.
            of_columns: `[num_columns, dim]`.
        """
        size = (len(self.offsets) - 1, len(of_columns))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that such tensors are new to PyTorch
            entries = torch.sparse_csr_tensor(
                self.offsets, self.columns, torch.zeros(len(self.columns)), size, check_invariants=False
            )
        # no gathered vector is ever written down, which is a tenth of the time
        products: Tensor = torch.sparse.sampled_addmm(entries, of_rows, of_columns.T, beta=0.0).values()
        return products

    def multiply(self, x: Tensor) -> Tensor:
        """The product with `x`, `[num_columns, dim]` -> `[num_rows, dim]`; a row without entries gives zeros."""
        return F.embedding_bag(
            self.columns,
            x,
            self.offsets,
            mode="sum",
            per_sample_weights=self.weights.to(x.dtype),
            include_last_offset=True,
        )


@dataclass(frozen=True)
class SparseMatrix:
    """A sparse matrix with its transpose at hand, `[num_rows, num_columns]`."""

    forward: CompressedRows
    backward: CompressedRows
    shape: tuple[int, int]

    @classmethod
    def of(cls, rows: Tensor, columns: Tensor, weights: Tensor, shape: tuple[int, int]) -> SparseMatrix:
        """Build both directions from parallel `[num_edges]` rows, columns and weights."""
        forward = CompressedRows.of(rows, columns, weights, shape[0])
        return cls(forward, CompressedRows.of(columns, rows, weights, shape[1]), shape)

    @classmethod
    def of_scipy(cls, matrix: sp.spmatrix) -> SparseMatrix:
        """The same matrix, in single precision."""
        known = matrix.tocoo()
        ends = torch.from_numpy(known.row.astype(np.int64)), torch.from_numpy(known.col.astype(np.int64))
        return cls.of(*ends, torch.from_numpy(known.data.astype(np.float32)), known.shape)

    @property
    def transpose(self) -> SparseMatrix:
        """The same matrix the other way round; nothing is copied."""
        return SparseMatrix(self.backward, self.forward, (self.shape[1], self.shape[0]))

    def __matmul__(self, x: Tensor) -> Tensor:
        """Differentiable product with `x`, `[num_columns, dim]` -> `[num_rows, dim]`."""
        if x.shape[0] != self.shape[1]:
            raise ValueError(f"a matrix of shape {self.shape} can't multiply {tuple(x.shape)}")
        product: Tensor = _Propagate.apply(x, self)  # type: ignore[no-untyped-call]
        return product


class _Propagate(torch.autograd.Function):
    """y = A x with gradient Aᵀ dy; A itself is constant."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, matrix: SparseMatrix) -> Tensor:
        ctx.matrix = matrix  # type: ignore[attr-defined]
        return matrix.forward.multiply(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        matrix: SparseMatrix = ctx.matrix  # type: ignore[attr-defined]
        return matrix.backward.multiply(gradients[0].contiguous()), None


def interaction_matrix(
    interactions: Interactions, user_exponent: float = 0.0, item_exponent: float = 0.0
) -> SparseMatrix:
    """Users by items, 1 / (user degree ^ user_exponent · item degree ^ item_exponent), `[num_users, num_items]`.

    Exponents of ½ and ½ give the symmetric normalisation of LightGCN (He et al., 2020, arXiv 2002.02126). Repeated
    events of a pair add up.
    """
    users, items = interactions.user_index, interactions.item_index
    by_user = _inverse_power(users, interactions.num_users, user_exponent)
    scaled = by_user * _inverse_power(items, interactions.num_items, item_exponent)
    return SparseMatrix.of(
        torch.from_numpy(users),
        torch.from_numpy(items),
        torch.from_numpy(scaled.astype(np.float32)),
        (interactions.num_users, interactions.num_items),
    )


def _inverse_power(positions: IntArray, size: int, exponent: float) -> np.ndarray:
    """degree ^ −exponent of each event's node, `[num_events]`."""
    degree = np.bincount(positions, minlength=size).astype(np.float64)
    result: np.ndarray = degree[positions] ** -exponent
    return result
