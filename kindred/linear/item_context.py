"""Vectors of items by what they lead to in the graph: categories, makers, genres, tags.

Two items are as alike as the nodes they share are rare: term frequency times inverse document frequency (Spärck Jones,
"A statistical interpretation of term specificity and its application in retrieval", 1972), and its leading directions
where there are many such nodes (latent semantic analysis: Deerwester et al., 1990).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from kindred.domain.interactions import FloatArray
from kindred.linear.one_thread import one_thread
from kindred.linear.propagation import SparseMatrix
from kindred.linear.spectral import truncated_svd

MOST_DIMENSIONS = 256


@one_thread()
def context_vectors(counts: sp.csr_matrix, seed: int) -> FloatArray | None:
    """One row an item, of length 1 before it is narrowed, zeros without context; None where no two items share any.

    Args:
        counts: how often each item leads to each node, `[num_items, num_nodes]`.
        seed: of the randomised decomposition.

    Returns:
        `[num_items, dim]`, dim at most `MOST_DIMENSIONS`.
    """
    counts = counts.tocsr()
    described = int((counts.getnnz(axis=1) > 0).sum())
    of_node = counts.getnnz(axis=0)
    telling = np.flatnonzero((of_node > 1) & (of_node < described))
    if not len(telling):
        return None
    matrix = counts[:, telling].astype(np.float64)
    matrix.data = np.where(matrix.data > 1, 1 + np.log(np.maximum(matrix.data, 1)), matrix.data)
    matrix = matrix @ sp.diags(np.log(described / of_node[telling]))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix = (sp.diags(1 / np.maximum(lengths, 1e-12)) @ matrix).astype(np.float32)
    if len(telling) <= MOST_DIMENSIONS:
        return np.asarray(matrix.todense(), dtype=np.float32)
    entries = matrix.tocoo()
    ends = torch.from_numpy(entries.row.astype(np.int64)), torch.from_numpy(entries.col.astype(np.int64))
    sparse = SparseMatrix.of(*ends, torch.from_numpy(entries.data), entries.shape)
    left, values, _ = truncated_svd(sparse, MOST_DIMENSIONS, seed)
    vectors: FloatArray = (left * values).numpy().astype(np.float32)
    return vectors
