"""The best products for one history, out of very many: every score is bounded, few are worked out.

What the likeliest products score says how much the best have at least; all that may have as much are compared in full.
What comes out are the best by `ProductIndex.scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache

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
_MOST_LOOKED_AT = 1 / 32
"""Of all products: where more than so many may be among the best, a scan of all is cheaper."""


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
        most: with `beside` what it does not pass, `[num_products]`.
        within: what it is at least and at most, closer, of products by position.
        exact: what it is, of products by position.
        beside: what is to be added to `most`.
        anew: the same with `most` worked out for it alone; None where it was.
    """

    most: FloatArray
    within: Callable[[IntArray], tuple[FloatArray, FloatArray]]
    exact: Callable[[IntArray], FloatArray]
    beside: float = 0.0
    anew: Callable[[], _Sum] | None = None

    def plus(self, score: FloatArray) -> _Sum:
        """The sum with another score that is known of every product, `[num_products]`."""
        anew = self.anew

        def within(rows: IntArray) -> tuple[FloatArray, FloatArray]:
            (least, most), own = self.within(rows), score[rows]
            return least + own, most + own

        return _Sum(
            self.most + score,
            within,
            lambda rows: self.exact(rows) + score[rows],
            self.beside,
            None if anew is None else lambda: anew().plus(score),
        )

    def best(self, k: int, allowed: NDArray[np.bool_] | None = None) -> tuple[IntArray, FloatArray]:
        """Positions of the k best that are allowed, and the score of each; best first, ties by position."""
        most = self.most if allowed is None else np.where(allowed, self.most, -np.inf)
        likely = self._reaching(most, reached_by(most, _LIKELY + 2 * k))
        if not len(likely):
            return likely, np.zeros(0, np.float32)
        rows = self._reaching(most, _enough(self.within(likely)[0], k) - self.beside)
        if self.anew is not None and len(rows) > _MOST_LOOKED_AT * len(most):
            return self.anew().best(k, allowed)
        least, at_most = self.within(rows)
        rows = rows[at_most >= _enough(least, k)]
        scores = self.exact(rows)
        best = rows_of_best(scores, k)
        return rows[best], scores[best]

    @staticmethod
    def _reaching(most: FloatArray, floor: float) -> IntArray:
        """Positions of the allowed ones that may reach a score."""
        rows: IntArray = np.flatnonzero(most >= max(floor, float(np.finfo(np.float32).min)))
        return rows


def _enough(least: FloatArray, k: int) -> float:
    """What the k-th best has at least, given what some products have at least."""
    return float(np.partition(least, -k)[-k]) - _ROUNDING if len(least) >= k else -np.inf


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

    The products of all vectors are bounded together, by one scan. What feedback adds to them passes for no product the
    length of what it looks for, so only those that may be among the best with it are looked at once more.
    """
    text = np.einsum("s,sd->d", slot_shares(asked, weights.decay)[0], asked.vectors[0]).astype(np.float32)
    vectors = {"title": text, "text": text} | ({} if asked.tower is None else {"tower": asked.tower[0]})
    counting = _counting(index, weights, vectors)
    queries = {name: np.float32(weight) * vectors[name] for name, weight in counting.items()}
    popularity = np.float32(weights.popularity) * index.popularity
    products = _products(index, counting, queries)
    found = products.plus(popularity)
    if not (weights.feedback or weights.groups):
        return found
    best, scores = found.plus(words).best(FEEDBACK_DEPTH)
    chances = trust(scores[None])[0]
    if weights.feedback:
        centre = np.float32(weights.feedback) * (chances @ index.title_vectors[best])
        moved = queries | {"title": queries["title"] + centre}
        beside = float(np.linalg.norm(centre)) * index.longest_title
        anew = cache(lambda: _products(index, counting, moved))
        found = replace(_products(index, counting, moved, products.most), beside=beside, anew=anew).plus(popularity)
    if weights.groups:
        found = found.plus(np.float32(weights.groups) * index.sharing_groups(best[None], chances[None])[0])
    return found


def prepare(index: ProductIndex, weights: Weights) -> None:
    """Makes what answers with these weights go by, which takes seconds where products are very many."""
    if counting := _counting(index, weights, index.vectors):
        index.bounds(_scales(counting))


def _counting(index: ProductIndex, weights: Weights, names: Collection[str]) -> dict[str, float]:
    """What each of these scores by vectors counts; titles stand there with 0 where feedback alone compares them."""
    counted = {name: float(getattr(weights, name)) for name in names if name in index.vectors}
    return {name: weight for name, weight in counted.items() if weight or (name == "title" and weights.feedback)}


def _scales(counting: Mapping[str, float]) -> dict[str, float]:
    """What bounds multiply the vectors of each score by: its weight, because axes are to hold most of the sum."""
    return {name: weight or 1.0 for name, weight in counting.items()}


def _products(
    index: ProductIndex, weights: Mapping[str, float], queries: Mapping[str, FloatArray], most: FloatArray | None = None
) -> _Sum:
    """The products of the vectors of some scores with a query each, summed up.

    Args:
        index: every product.
        weights: what each score counts.
        queries: by name of the score, weighted.
        most: what no sum passes, if that is known.
    """
    if not queries:
        nothing = np.zeros(len(index), np.float32)
        return _Sum(nothing, lambda rows: (nothing[rows], nothing[rows]), lambda rows: nothing[rows])
    scales = _scales(weights)
    vector = np.concatenate([query / np.float32(scales[name]) for name, query in queries.items()])
    bounds = index.bounds(scales).of_products(vector)

    def exact(rows: IntArray) -> FloatArray:
        of_rows = (index.vectors[name].take(rows, axis=0) for name in queries)
        parts = [np.vecdot(some, query) for some, query in zip(of_rows, queries.values(), strict=True)]
        summed: FloatArray = np.sum(parts, axis=0)
        return summed

    return _Sum(bounds.at_most() if most is None else most, bounds.within, exact)
