"""Many weighted blocks become one pair of matrices: the score of the sum, in at most `width` dimensions.

The sum of all blocks is one linear map per user feature, F = Σ feature · map. Its best approximation of a given rank
in the users' own terms (reduced-rank regression; Izenman, 1975) projects the scores on their leading right singular
vectors V: items become V, and a feature's rows become map · V. No block keeps dimensions of its own, so a further
block costs nothing at serving time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from kindred.domain.interactions import FloatArray
from kindred.gnn.blocks import Block
from kindred.gnn.spectral import leading_eigenvectors
from kindred.gnn.user_features import Feature

ITERATIONS = 4


def compress_blocks(
    blocks: Sequence[tuple[Block, float]], features: dict[str, Feature], width: int, seed: int
) -> tuple[dict[str, FloatArray], FloatArray]:
    """The rows of each feature, `[feature_dim, width]`, and the items, `[num_items, width]`; fewer where they suffice.

    Args:
        blocks: each with the factor of its scores.
        features: of the users that the approximation is to serve best, normally those of the training data.
        width: most dimensions allowed.
        seed: of the randomised eigenvectors.
    """
    if any(block.right is None and block.left.shape[0] > 1 for block, _ in blocks):
        return _compress_dense(blocks, features, width, seed)
    return _compress_factors(blocks, features, width)


class _Map:
    """The sum of the weighted maps that read one feature, `[feature_dim, num_items]`: a matrix, and factors beside."""

    def __init__(self) -> None:
        self.matrix: FloatArray | None = None
        self.factors: list[tuple[FloatArray, FloatArray]] = []

    def add(self, block: Block, factor: np.float32) -> None:
        """One block more."""
        if block.right is not None:
            self.factors.append((factor * block.left, block.right))
        elif self.matrix is None:
            self.matrix = factor * block.left
        else:
            self.matrix += factor * block.left

    def times(self, x: FloatArray) -> FloatArray:
        """The product with `x`, `[num_items, columns]` -> `[feature_dim, columns]`."""
        parts = [] if self.matrix is None else [self.matrix @ x]
        product: FloatArray = np.sum([*parts, *(left @ (right.T @ x) for left, right in self.factors)], axis=0)
        return product

    def transposed_times(self, x: FloatArray) -> FloatArray:
        """The product of the other way round, `[feature_dim, columns]` -> `[num_items, columns]`."""
        parts = [] if self.matrix is None else [self.matrix.T @ x]
        product: FloatArray = np.sum([*parts, *(right @ (left.T @ x) for left, right in self.factors)], axis=0)
        return product


def _compress_dense(
    blocks: Sequence[tuple[Block, float]], features: dict[str, Feature], width: int, seed: int
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Blocks as maps to the catalogue, summed by feature; only for catalogues that allow items by items."""
    maps: dict[str, _Map] = {}
    for block, factor in blocks:
        maps.setdefault(block.feature, _Map()).add(block, np.float32(factor))
    block, _ = blocks[0]
    num_items = len(block.right) if block.right is not None else block.left.shape[1]
    if width >= num_items:
        items = np.eye(num_items, dtype=np.float32)
        return {name: full.times(items) for name, full in maps.items()}, items

    def product(x: Tensor) -> Tensor:
        columns = x.numpy()
        scores = sum(np.asarray(features[name] @ full.times(columns)) for name, full in maps.items())
        return torch.from_numpy(
            sum(full.transposed_times(np.asarray(features[name].T @ scores)) for name, full in maps.items())
        )

    _, vectors = leading_eigenvectors(product, num_items, width, seed, ITERATIONS)
    items = vectors.numpy()
    return {name: np.ascontiguousarray(full.times(items)) for name, full in maps.items()}, items


def _compress_factors(
    blocks: Sequence[tuple[Block, float]], features: dict[str, Feature], width: int
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Blocks as factors side by side, then reduced to `width` where they are more.

    Errors count alike for every user, and per item by one over the root of how many know it: what is measured is a mean
    over users, and the scores of popular items are large enough to be kept anyway.
    """
    rights: list[FloatArray] = []
    starts: list[int] = []
    num_columns = 0
    parts = []
    for block, factor in blocks:
        left = block.left if block.right is not None else np.ones((1, 1), dtype=np.float32)
        right = block.right if block.right is not None else block.left.T
        shared = next((start for start, known in zip(starts, rights, strict=True) if known is right), None)
        if shared is None:  # blocks with one and the same right side share its columns
            shared = num_columns
            rights.append(right)
            starts.append(shared)
            num_columns += right.shape[1]
        parts.append((block.feature, np.float32(factor) * left, shared))
    rows: dict[str, FloatArray] = {}
    for feature, left, start in parts:
        columns = rows.setdefault(feature, np.zeros((left.shape[0], num_columns), dtype=np.float32))
        columns[:, start : start + left.shape[1]] += left
    items = np.concatenate(rights, axis=1)
    if items.shape[1] <= width:
        return rows, items
    known_by = np.maximum(sp.csr_matrix(features["items"]).getnnz(axis=0), 1).astype(np.float32)[:, None]
    items *= known_by**-0.5
    item_gram = items.T.astype(np.float64) @ items
    users = np.sum([np.asarray(features[name] @ part) for name, part in rows.items()], axis=0)
    lengths = np.sqrt(np.maximum(((users @ item_gram.astype(np.float32)) * users).sum(1, keepdims=True), 0.0))
    users /= np.maximum(lengths, 1e-6 * max(float(lengths.max()), 1e-12))
    user_gram = users.T.astype(np.float64) @ users
    # items = Q Lᵀ with orthonormal Q: the leading right singular vectors of users · itemsᵀ are Q times those of users
    # · L
    lower = np.linalg.cholesky(item_gram + np.eye(len(item_gram)) * (1e-9 * item_gram.trace() / len(item_gram)))
    _, rotation = np.linalg.eigh(lower.T @ user_gram @ lower)
    rotation = rotation[:, ::-1][:, :width]
    to_items = np.linalg.solve(lower.T, rotation).astype(np.float32)
    to_users = (lower @ rotation).astype(np.float32)
    return {name: part @ to_users for name, part in rows.items()}, (items @ to_items) * known_by**0.5
