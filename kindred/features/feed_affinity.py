"""How alike a post is to what a reader liked of late, or was shown first, and unlike the rest they were shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.features.feed_log import LABEL_SECONDS, FeedLog

DEPTH = 256
"""Views of a reader that are looked back at."""
_WEIGHT = 16.0
"""Views of no worth that are added to a reader's, so that few views make a short profile."""
_ROWS = 4096
_ITERATIONS = 10  # of subspace iteration


class Affinity:
    """Reader profiles as of a time in a space of posts: what was shown, weighted by its worth less the mean.

    Args:
        log: the views.
        vectors: of each post, `[num_posts, dim]`.
        worth: of each view, such as 1 where it was liked and 0 elsewhere; known when its label is, `[num_views]`.
    """

    def __init__(self, log: FeedLog, vectors: NDArray[np.float32], worth: NDArray[np.float32]) -> None:
        self.vectors = vectors
        order = np.lexsort((log.at, log.reader))
        self._span = int(log.at.max(initial=0)) + LABEL_SECONDS + 2
        self._known = log.reader[order] * self._span + log.at[order] + LABEL_SECONDS
        self._starts = np.searchsorted(log.reader[order], np.arange(log.num_readers + 1))
        self._post, self._worth = log.post[order], worth[order]

    def of_posts(self, reader: IntArray, post: IntArray, at: IntArray) -> DoubleArray:
        """The affinity of each row, `[num_rows]`."""
        found = np.zeros(len(reader))
        for start in range(0, len(reader), _ROWS):
            rows = slice(start, start + _ROWS)
            profile = self.profiles(reader[rows], at[rows])
            found[rows] = np.einsum("nd,nd->n", profile, self.vectors[post[rows]])
        return found

    def of_all_posts(self, reader: int, at: int) -> DoubleArray:
        """The affinity of every post for one reader at one time, `[num_posts]`."""
        affinity: DoubleArray = (self.vectors @ self.profiles(np.array([reader]), np.array([at]))[0]).astype(np.float64)
        return affinity

    def profiles(self, reader: IntArray, at: IntArray) -> NDArray[np.float32]:
        """The profile of each reader before a time, zeros where nothing is known, `[num_rows, dim]`."""
        if not len(self._post):
            return np.zeros((len(reader), self.vectors.shape[1]), dtype=np.float32)
        end = np.searchsorted(self._known, reader * self._span + np.minimum(at, self._span - 1))
        rows = end[:, None] - 1 - np.arange(DEPTH)[None, :]  # [num_rows, DEPTH]
        known = rows >= self._starts[reader][:, None]
        rows = np.where(known, rows, 0)
        num = known.sum(axis=1, keepdims=True)
        worth = self._worth[rows] * known
        weight = (worth - worth.sum(axis=1, keepdims=True) / (num + _WEIGHT)) * known
        profile: NDArray[np.float32] = np.einsum("nk,nkd->nd", weight / (num + _WEIGHT), self.vectors[self._post[rows]])
        return profile.astype(np.float32)


@dataclass(frozen=True)
class Axes:
    """What vectors are reduced by, so that one that comes later is reduced as those of the training were.

    Attributes:
        mean: of the vectors, `[wide]`.
        axes: the first principal ones, `[wide, dim]`.
        spread: what each axis is divided by, `[dim]`.
        scale: what all are divided by, `[1]`.
    """

    mean: NDArray[np.floating[Any]]
    axes: NDArray[np.floating[Any]]
    spread: NDArray[np.floating[Any]]
    scale: NDArray[np.floating[Any]]

    def of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors on these axes, `[num_rows, dim]`; rows of zeros stay zeros."""
        there = np.abs(vectors).sum(axis=1) > 0
        centred = np.where(there[:, None], vectors - self.mean, 0.0)
        result: NDArray[np.float32] = (centred @ self.axes / self.spread / float(self.scale[0])).astype(np.float32)
        return result


def axes_of(vectors: NDArray[np.float32], dim: int, equal: float = 0.0) -> Axes:
    """The first principal axes of vectors, on which their mean squared length is 1; rows of zeros do not count.

    Args:
        vectors: `[num_rows, wide]`.
        dim: how many axes.
        equal: the power of its spread that each axis is divided by: 0 leaves spreads as they are, 1 makes them equal.
            What tells posts apart a little may be what readers care about a lot.
    """
    there = np.abs(vectors).sum(axis=1) > 0
    mean = vectors[there].mean(axis=0) if there.any() else np.zeros(vectors.shape[1], vectors.dtype)
    centred = np.where(there[:, None], vectors - mean, 0.0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dim]
    small = centred @ axes
    num = max(int(there.sum()), 1)
    spread = np.maximum(np.sqrt((small**2).sum(axis=0) / num), 1e-6) ** equal
    scale = float(np.sqrt(((small / spread) ** 2).sum() / num)) or 1.0
    return Axes(mean, axes, spread, np.array([scale]))


def reduced(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Vectors on their own first principal axes, `[num_rows, dim]`."""
    return axes_of(vectors, dim).of(vectors)


def reader_space(log: FeedLog, worth: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Post vectors of the graph of readers and posts: posts of worth to the same readers are close, `[num_posts, dim]`.

    See `graph_space`; an edge weighs its worth less the mean.
    """
    return graph_space(log.reader, log.post, worth - (worth.mean() if len(worth) else 0.0), log.num_posts, dim)


def graph_space(
    reader: IntArray, post: IntArray, weight: NDArray[np.floating[Any]], num_posts: int, dim: int
) -> NDArray[np.float32]:
    """Post vectors of a graph of readers and posts, `[num_posts, dim]`.

    The leading singular vectors of the matrix reader × post of the weights, each side divided by the root of its
    degree, as spectral methods do; by subspace iteration (Halko, Martinsson, Tropp, 2011, arXiv 0909.4061).
    """
    from scipy.sparse import coo_matrix

    dim = min(dim, num_posts)
    if not np.any(weight):
        return np.zeros((num_posts, max(dim, 1)), dtype=np.float32)
    readers = np.sqrt(np.bincount(reader) + 1.0)
    posts = np.sqrt(np.bincount(post, minlength=num_posts) + 1.0)
    value = weight / readers[reader] / posts[post]
    matrix = coo_matrix((value, (reader, post)), shape=(len(readers), num_posts)).tocsr()
    basis = np.random.default_rng(0).normal(size=(num_posts, min(dim + 8, num_posts)))
    for _ in range(_ITERATIONS):
        basis, _ = np.linalg.qr(matrix.T @ (matrix @ basis))
    _, scale, axes = np.linalg.svd(matrix @ basis, full_matrices=False)
    return reduced((basis @ axes.T * scale)[:, :dim].astype(np.float32), dim)
