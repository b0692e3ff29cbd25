"""Vectors of items by what they lead to in the graph: categories, makers, genres, tags.

Two items are as alike as the nodes they share are rare: term frequency times inverse document frequency (Spärck Jones,
"A statistical interpretation of term specificity and its application in retrieval", 1972), and its leading directions
where there are many such nodes (latent semantic analysis: Deerwester et al., 1990).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray

if TYPE_CHECKING:  # an answer loads a model, and needs neither
    import scipy.sparse as sp

MOST_DIMENSIONS = 256


@dataclass(frozen=True)
class ContextMap:
    """From how often an item leads to each node to its vector.

    Attributes:
        rarity: how much it says to share each node, 0 for one that all items or one alone lead to, `[num_nodes]`.
        directions: what each node adds to a vector, `[num_nodes, dim]`, dim at most `MOST_DIMENSIONS`.
    """

    rarity: FloatArray
    directions: FloatArray

    def vectors(self, counts: sp.csr_matrix) -> FloatArray:
        """One row an item, of length 1 before it was narrowed, zeros where nothing is known, `[num_items, dim]`.

        Args:
            counts: how often each item leads to each node, `[num_items, num_nodes]`.
        """
        rows: FloatArray = np.asarray(_scaled(counts, self.rarity) @ self.directions, dtype=np.float32)
        return rows


def context_counts(
    items: IntArray, nodes: IntArray, likely: FloatArray | None, shape: tuple[int, int]
) -> sp.csr_matrix:
    """How often each item leads to each node, `[num_items, num_nodes]`; a predicted edge as much as it is likely.

    Args:
        items: where each edge begins, `[num_edges]`.
        nodes: where it ends, `[num_edges]`.
        likely: its probability, 0 to 1, NaN where no model predicted it, `[num_edges]`; None where none is predicted.
        shape: number of items and of nodes.
    """
    import scipy.sparse as sp

    weights = np.ones(len(items), dtype=np.float32) if likely is None else np.nan_to_num(likely, nan=1.0)
    counts = sp.csr_matrix((weights, (items, nodes)), shape=shape)
    counts.eliminate_zeros()
    return counts


def fit_context(counts: sp.csr_matrix, seed: int) -> ContextMap | None:
    """The map learned from these items; None where no two share what not all share.

    Args:
        counts: how often each item leads to each node, `[num_items, num_nodes]`.
        seed: of the randomised decomposition.
    """
    from kindred.linear.algebra.one_thread import one_thread
    from kindred.linear.algebra.propagation import SparseMatrix
    from kindred.linear.algebra.spectral import truncated_svd

    described, of_node = int((counts.getnnz(axis=1) > 0).sum()), counts.getnnz(axis=0)
    telling = np.flatnonzero((of_node > 1) & (of_node < described))
    if not len(telling):
        return None
    rarity = np.zeros(counts.shape[1], dtype=np.float32)
    rarity[telling] = np.log(described / of_node[telling])
    directions = np.zeros((len(rarity), min(len(telling), MOST_DIMENSIONS)), dtype=np.float32)
    if len(telling) <= MOST_DIMENSIONS:
        directions[telling, np.arange(len(telling))] = 1
        return ContextMap(rarity, directions)
    with one_thread():
        matrix = SparseMatrix.of_scipy(_scaled(counts, rarity)[:, telling])
        directions[telling] = truncated_svd(matrix, MOST_DIMENSIONS, seed)[2].numpy()
    return ContextMap(rarity, directions)


def _scaled(counts: sp.csr_matrix, rarity: FloatArray) -> sp.csr_matrix:
    """Rows of length 1: counts, of which many say little more than one, times rarity."""
    import scipy.sparse as sp

    scaled = counts.astype(np.float64)
    scaled.data = np.where(scaled.data > 1, 1 + np.log(np.maximum(scaled.data, 1)), scaled.data)
    scaled = scaled @ sp.diags(rarity.astype(np.float64))
    lengths = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    return (sp.diags(1 / np.maximum(lengths, 1e-12)) @ scaled).tocsr()
