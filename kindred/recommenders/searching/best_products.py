"""The best products for one history, out of very many: every score is bounded, few are worked out.

What the likeliest products score says how much the best have at least; all that may have as much are compared in full.
What comes out are the best by `ProductIndex.scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from kindred.vectorstore.int8 import kth_best, reached_by

_ROUNDING = 1e-5
"""Of a sum in single precision."""
_LIKELY = 64
"""Products that are worked out first, beside twice as many as are asked for."""


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
        most: what it does not pass, `[num_products]`.
        exact: what it is, of products by position.
    """

    most: FloatArray
    exact: Callable[[IntArray], FloatArray]

    def plus(self, score: FloatArray) -> _Sum:
        """The sum with another score that is known of every product, `[num_products]`."""
        return _Sum(self.most + score, lambda rows: self.exact(rows) + score[rows])

    def best(self, k: int, allowed: NDArray[np.bool_] | None = None) -> tuple[IntArray, FloatArray]:
        """Positions of the k best that are allowed, and the score of each; best first, ties by position."""
        most = self.most if allowed is None else np.where(allowed, self.most, -np.inf)
        likely = self._reaching(most, reached_by(most, _LIKELY + 2 * k))
        reached = np.partition(self.exact(likely), -k)[-k] if len(likely) >= k else -np.inf
        rows = self._reaching(most, float(reached) - _ROUNDING)
        if not len(rows):
            return rows, np.zeros(0, np.float32)
        scores = self.exact(rows)
        best = rows_of_best(scores, k)
        return rows[best], scores[best]

    @staticmethod
    def _reaching(most: FloatArray, floor: float) -> IntArray:
        """Positions of the allowed ones that may reach a score."""
        rows: IntArray = np.flatnonzero(most >= max(floor, float(np.finfo(np.float32).min)))
        return rows


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
    weighted = np.float32(weights.words) * words
    vectors = _by_vectors(index, asked, weights, weighted)
    rows, scores = vectors.plus(weighted).best(k, allowed)
    if not len(rows):
        nothing = np.zeros(0, np.bool_)
        return BestProducts(rows, scores, nothing, nothing)
    by_words = (words[rows] > 0) & (words[rows] >= kth_best(words, len(rows)))
    return BestProducts(rows, scores, by_words, vectors.exact(rows) >= vectors.best(len(rows))[1][-1])


def _by_vectors(index: ProductIndex, asked: AskedQueries, weights: Weights, words: FloatArray) -> _Sum:
    """All of the score that is no word, by which feedback is told the best products.

    The products of all vectors are bounded together, by one scan: with the weighted queries first, then with what
    feedback adds to them.
    """
    text = np.einsum("s,sd->d", slot_shares(asked, weights.decay)[0], asked.vectors[0]).astype(np.float32)
    queries = {"title": text, "text": text} | ({} if asked.tower is None else {"tower": asked.tower[0]})
    queries = {
        name: np.float32(getattr(weights, name)) * vector
        for name, vector in queries.items()
        if name in index.vectors and (getattr(weights, name) or (name == "title" and weights.feedback))
    }
    popularity = np.float32(weights.popularity) * index.popularity
    found = _products(index, queries).plus(popularity)
    if not (weights.feedback or weights.groups):
        return found
    best, scores = found.plus(words).best(FEEDBACK_DEPTH)
    chances = trust(scores[None])[0]
    if weights.feedback:
        centre = np.float32(weights.feedback) * (chances @ index.title_vectors[best])
        found = _products(index, queries | {"title": queries["title"] + centre}).plus(popularity)
    if weights.groups:
        found = found.plus(np.float32(weights.groups) * index.sharing_groups(best[None], chances[None])[0])
    return found


def _products(index: ProductIndex, queries: Mapping[str, FloatArray]) -> _Sum:
    """The products of the vectors of some scores with a query each, summed up."""
    if not queries:
        return _Sum(np.zeros(len(index), np.float32), lambda rows: np.zeros(len(rows), np.float32))

    def exact(rows: IntArray) -> FloatArray:
        parts = [np.einsum("ij,j->i", index.vectors[name][rows], query) for name, query in queries.items()]
        summed: FloatArray = np.sum(parts, axis=0)
        return summed

    return _Sum(index.bounds(tuple(queries)).at_most(np.concatenate([*queries.values()])), exact)
