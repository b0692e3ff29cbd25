"""The best products for one history, out of very many: every score is estimated in eight bits, few are worked out.

An estimate comes with how far it may be off, so the products that are among the best for certain, or may be, are known
before a single one is compared in full. What comes out are the best by `ProductIndex.scores`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray
from kindred.recommenders.searching.product_index import (
    FEEDBACK_DEPTH,
    AskedQueries,
    ProductIndex,
    Weights,
    rows_of_best,
    slot_shares,
    trust,
)
from kindred.vectorstore.int8 import reached_by

_ROUNDING = 1e-5
"""Of a sum in single precision."""


@dataclass(frozen=True)
class BestProducts:
    """The best products for a history.

    Attributes:
        rows: their positions, best first, ties by position.
        scores: of each, `[num_found]`.
        by_words: which of them are among as many best by their words alone, `[num_found]`.
        by_vectors: and which by all that is no word, `[num_found]`.
    """

    rows: IntArray
    scores: FloatArray
    by_words: NDArray[np.bool_]
    by_vectors: NDArray[np.bool_]


@dataclass(frozen=True)
class _Sum:
    """A score of every product.

    Attributes:
        near: about what it is, `[num_products]`.
        off: how far that may be off.
        exact: what it is, of products by position.
    """

    near: FloatArray
    off: float
    exact: Callable[[IntArray], FloatArray]

    def plus(self, near: FloatArray, off: float, exact: Callable[[IntArray], FloatArray]) -> _Sum:
        """The sum with another score."""
        return _Sum(self.near + near, self.off + off, lambda rows: self.exact(rows) + exact(rows))

    def best(self, k: int, allowed: NDArray[np.bool_] | None = None) -> tuple[IntArray, FloatArray]:
        """Positions of the k best that are allowed, and the score of each; best first, ties by position."""
        near = self.near if allowed is None else np.where(allowed, self.near, -np.inf)
        floor = reached_by(near, min(k, len(near))) - 2 * (self.off + _ROUNDING)
        rows = np.flatnonzero(near >= max(floor, float(np.finfo(np.float32).min)))
        if not len(rows):
            return rows, np.zeros(0, np.float32)
        scores = self.exact(rows)
        best = rows_of_best(scores, k)
        return rows[best], scores[best]


def best_products(
    index: ProductIndex, asked: AskedQueries, weights: Weights, allowed: NDArray[np.bool_], k: int
) -> BestProducts:
    """The k best products that are allowed, of `index.scores`.

    Args:
        index: every product.
        asked: one history.
        weights: what each score counts.
        allowed: which products may be among them, `[num_products]`.
        k: how many, at least one.
    """
    words = index.parts(asked, weights, ["words"])["words"][0]
    vectors = _with_feedback(index, _by_vectors(index, asked, weights), words, weights)
    weighted = np.float32(weights.words) * words
    rows, scores = vectors.plus(weighted, 0.0, lambda some: weighted[some]).best(k, allowed)
    if not len(rows):
        nothing = np.zeros(0, np.bool_)
        return BestProducts(rows, scores, nothing, nothing)
    positive = words[words > 0]
    least = float(np.partition(positive, -len(rows))[-len(rows)]) if len(positive) > len(rows) else 0.0
    by_words = (words[rows] > 0) & (words[rows] >= least)
    return BestProducts(rows, scores, by_words, vectors.exact(rows) >= vectors.best(len(rows))[1][-1])


def _by_vectors(index: ProductIndex, asked: AskedQueries, weights: Weights) -> _Sum:
    """The score by vectors and by popularity, without feedback."""
    text = np.einsum("s,sd->d", slot_shares(asked, weights.decay)[0], asked.vectors[0]).astype(np.float32)
    popularity = np.float32(weights.popularity) * index.popularity
    found = _Sum(popularity, 0.0, lambda rows: popularity[rows])
    vectors = {"title": text, "text": text} | ({} if asked.tower is None else {"tower": asked.tower[0]})
    for name, vector in vectors.items():
        if getattr(weights, name) and name in index.vectors:
            found = _with_products(found, index, name, np.float32(getattr(weights, name)) * vector)
    return found


def _with_products(found: _Sum, index: ProductIndex, name: str, vector: FloatArray) -> _Sum:
    """The sum with the products of the vectors that a score compares with and a vector."""
    vectors = index.vectors[name]
    return found.plus(*index.codes(name).estimates(vector), lambda rows: np.einsum("ij,j->i", vectors[rows], vector))


def _with_feedback(index: ProductIndex, vectors: _Sum, words: FloatArray, weights: Weights) -> _Sum:
    """The sum with how alike each is to the best products so far, in title and in groups."""
    if not (weights.feedback or weights.groups):
        return vectors
    weighted = np.float32(weights.words) * words
    best, scores = vectors.plus(weighted, 0.0, lambda rows: weighted[rows]).best(FEEDBACK_DEPTH)
    chances = trust(scores[None])[0]
    if weights.feedback:
        centre = np.float32(weights.feedback) * (chances @ index.title_vectors[best])
        vectors = _with_products(vectors, index, "title", centre)
    if weights.groups:
        shared = np.float32(weights.groups) * index.sharing_groups(best[None], chances[None])[0]
        vectors = vectors.plus(shared, 0.0, lambda rows: shared[rows])
    return vectors
