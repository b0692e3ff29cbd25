"""Weighted matrix factorisation by conjugate gradients, as a linear scorer.

What a user knows counts more than what they don't, yet both count: Hu, Koren and Volinsky, "Collaborative Filtering for
Implicit Feedback Datasets", 2008. Its few dimensions are learned, where those of the spectrum are given, and the two
err on different items. Each side in its turn is solved by a few steps of conjugate gradients, all rows at once (Takács,
Pilászy and Tikk, "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering", 2011).
"""

from __future__ import annotations

import torch
from torch import Tensor

from kindred.linear.algebra.conjugate_gradients import conjugate_gradients
from kindred.linear.algebra.dense import dense_product
from kindred.linear.algebra.propagation import CompressedRows, SparseMatrix
from kindred.linear.scorers.scorer_config import FactorConfig


def weighted_factors(matrix: SparseMatrix, config: FactorConfig, seed: int) -> tuple[Tensor, Tensor]:
    """Users `[num_users, dim]` and items `[num_items, dim]`; their products come near 1 for known pairs, else 0.

    The factorisations stand side by side, dim is the sum of their ranks, and the products are the mean of theirs.

    Args:
        matrix: for each known pair of a user and an item its confidence, 1 on average, `[num_users, num_items]`.
        config: see there.
        seed: of the random starts.
    """
    generator = torch.Generator().manual_seed(seed)
    ranks = config.large_ranks if len(matrix.forward.columns) >= config.large else config.ranks
    sides = zip(*(_factorise(matrix, rank, config, generator) for rank in ranks), strict=True)
    users, items = (torch.cat(side, dim=1) / len(ranks) ** 0.5 for side in sides)
    return users, items


def _factorise(
    matrix: SparseMatrix, rank: int, config: FactorConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Both sides of one factorisation, `[num_users, rank]` and `[num_items, rank]`."""
    users, items = (torch.randn(size, rank, generator=generator) * 0.01 for size in matrix.shape)
    for _ in range(config.rounds):
        users = _solve_side(users, items, matrix, config)
        items = _solve_side(items, users, matrix.transpose, config)
    return users, items


def _solve_side(rows: Tensor, others: Tensor, matrix: SparseMatrix, config: FactorConfig) -> Tensor:
    """The rows nearer to their optimum with the other side fixed, `[num_rows, rank]`."""
    gram = dense_product(others.T, others)
    counts = matrix.forward.offsets.diff()
    of_mean = counts / counts[counts > 0].float().mean()
    ridge = config.ridge * of_mean[:, None].clamp(min=1e-3) ** config.ridge_growth
    parts = matrix.forward.parts()
    return torch.cat([_solve(known, rows[part], others, gram, ridge[part], config) for part, known in parts])


def _solve(
    known: CompressedRows, rows: Tensor, others: Tensor, gram: Tensor, ridge: Tensor, config: FactorConfig
) -> Tensor:
    """The same of some rows, whose equations are their own."""

    def product(x: Tensor) -> Tensor:
        scores = known.dots(x, others)
        confidence = known.weighted((config.confidence * known.weights - 1) * scores)
        return dense_product(x, gram) + ridge * x + confidence.multiply(others)

    residual = config.confidence * known.multiply(others) - product(rows)
    return rows + conjugate_gradients(product, residual, config.steps)
