"""What can be said of every product for a search history without any training: words, text vectors, categories."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import norm

from kindred.domain.interactions import FloatArray, IntArray
from kindred.linear.algebra.sparse_rows import sum_of_rows, sums_of_rows
from kindred.linear.words.bm25 import Bm25, fit_bm25, words_of
from kindred.linear.words.spelling import Spelling, fit_spelling
from kindred.models.two_tower import HISTORY
from kindred.recommenders.searching.search_log import Products
from kindred.vectorstore.bounds import Bounds

FEATURES = ("words", "title", "text", "feedback", "groups", "tower", "popularity")
"""Scores that are added up, each by its weight."""
FEEDBACK_DEPTH = 10
_SHARPNESS = 8.0  # of the weights of the products that feedback reads


@dataclass(frozen=True)
class Weights:
    """What each score counts, and how much less an earlier query counts than the one after it.

    The defaults answer where there is nothing to fit them on; they were chosen by hand on the judged queries of ESCI.
    """

    words: float = 0.6
    title: float = 1.0
    text: float = 0.0
    feedback: float = 0.5
    groups: float = 0.2
    tower: float = 0.0
    popularity: float = 0.0
    decay: float = 0.5


@dataclass(frozen=True)
class AskedQueries:
    """Histories of queries by their texts, the latest first; at most `HISTORY` of each.

    Attributes:
        texts: each a `query_id`.
        vectors: zeros where a query is missing, `[num_rows, HISTORY, text_dim]`.
        tower: vector of each history by the query tower, `[num_rows, width]`, or None where there are no towers.
    """

    texts: Sequence[Sequence[str]]
    vectors: FloatArray
    tower: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def row(self, number: int) -> AskedQueries:
        """One of the histories."""
        rows = slice(number, number + 1)
        return AskedQueries(self.texts[rows], self.vectors[rows], None if self.tower is None else self.tower[rows])


@dataclass(frozen=True)
class ProductIndex:
    """Every product, ready to be scored.

    Attributes:
        title_words, all_words: BM25 of titles, and of all text with brand and categories.
        title_vectors, text_vectors: `[num_products, text_dim]`.
        groups: categories and brands as rows of length 1, rare ones weighing more, `[num_products, num_groups]`.
        popularity: log of how often each was ordered, from 0 to 1, `[num_products]`.
        towers: vectors by the item tower, `[num_products, width]`, or None.
        spelling: what queries with unknown words mean, or None to take them as they were typed.
    """

    title_words: Bm25
    all_words: Bm25
    title_vectors: FloatArray
    text_vectors: FloatArray
    groups: csr_matrix
    popularity: FloatArray
    towers: FloatArray | None = None
    spelling: Spelling | None = None

    def __len__(self) -> int:
        return len(self.popularity)

    @cached_property
    def members(self) -> csr_matrix:
        """The products of each group, weighted as in `groups`, `[num_groups, num_products]`."""
        return self.groups.T.tocsr()

    @property
    def vectors(self) -> Mapping[str, FloatArray]:
        """What scores by vectors compare with, by name of the score, `[num_products, …]` each."""
        vectors = {"title": self.title_vectors, "text": self.text_vectors}
        return vectors if self.towers is None else vectors | {"tower": self.towers}

    def bounds(self, scales: Mapping[str, float]) -> Bounds:
        """Of the vectors of these scores side by side, each times its scale; made when they are first asked for."""
        key = tuple(scales.items())
        if key not in self._bounds:
            self._bounds[key] = Bounds.of([self.vectors[name] for name in scales], list(scales.values()))
        return self._bounds[key]

    @cached_property
    def _bounds(self) -> dict[tuple[tuple[str, float], ...], Bounds]:
        return {}

    @cached_property
    def longest_title(self) -> float:
        """Length of the longest of the title vectors."""
        return float(np.sqrt(np.einsum("ij,ij->i", self.title_vectors, self.title_vectors).max(initial=0)))

    def meant(self, query: str) -> str:
        """The words that a query is read as."""
        return query if self.spelling is None else self.spelling.meant(query)

    def scores(self, asked: AskedQueries, weights: Weights) -> FloatArray:
        """Scores of every product, `[num_rows, num_products]`."""
        return sum_of(self.parts(asked, weights, [name for name in FEATURES if getattr(weights, name)]), weights)

    def parts(
        self,
        asked: AskedQueries,
        weights: Weights,
        wanted: Collection[str] = FEATURES,
    ) -> dict[str, FloatArray]:
        """Each of the scores that are added up, unweighted.

        Args:
            asked: the histories.
            weights: by which feedback finds the best products, and how much earlier queries count.
            wanted: names of scores; those of weight 0 too where weights are to be fitted.
        """
        share = slot_shares(asked, weights.decay)
        vectors = np.einsum("rs,rsd->rd", share, asked.vectors).astype(np.float32)
        parts: dict[str, FloatArray] = {}
        if "words" in wanted:
            parts["words"] = self._word_scores(asked, share)
        if "title" in wanted:
            parts["title"] = vectors @ self.title_vectors.T
        if "text" in wanted:
            parts["text"] = vectors @ self.text_vectors.T
        if "popularity" in wanted:
            parts["popularity"] = np.broadcast_to(self.popularity, (len(asked), len(self)))
        if "tower" in wanted and self.towers is not None and asked.tower is not None:
            parts["tower"] = asked.tower @ self.towers.T
        if "feedback" in wanted or "groups" in wanted:
            best, chances = _best(sum_of(parts, weights, (len(asked), len(self))))
            if "feedback" in wanted:
                parts["feedback"] = self._resembling(best, chances)
            if "groups" in wanted:
                parts["groups"] = self.sharing_groups(best, chances)
        return parts

    def _word_scores(self, asked: AskedQueries, share: FloatArray) -> FloatArray:
        """BM25 on titles and on all text, evenly, summed over the queries of each history as they were meant."""
        words = {text: words_of(self.meant(text)) for texts in asked.texts for text in texts}
        indexes = (self.title_words, self.all_words)
        told = [{text: index.shares(own) for text, own in words.items()} for index in indexes]
        scores = np.empty((len(asked), len(self)), np.float32)
        for out, texts, counts in zip(scores, asked.texts, share.tolist(), strict=True):
            weights: list[dict[int, float]] = [{} for _ in indexes]
            for shares, of_words in zip(told, weights, strict=True):
                for text, count in zip(texts, counts, strict=False):
                    for word, of_word in shares[text].items():
                        of_words[word] = of_words.get(word, 0.0) + count * of_word / 2
            out[:] = sum_of_rows([(w, index.matrix) for w, index in zip(weights, indexes, strict=True)])
        return scores

    def _resembling(self, best: np.ndarray, chances: FloatArray) -> FloatArray:
        """How alike each product's title is to those of the best products (pseudo-relevance feedback, Rocchio)."""
        centre = np.einsum("rk,rkd->rd", chances, self.title_vectors[best]).astype(np.float32)
        scores: FloatArray = centre @ self.title_vectors.T
        return scores

    def sharing_groups(self, best: np.ndarray, chances: FloatArray) -> FloatArray:
        """How much each product shares categories and brands with the best products."""
        where = (np.repeat(np.arange(len(best)), best.shape[1]), best.ravel())
        mixed = csr_matrix((chances.ravel(), where), shape=(len(best), len(self)))
        return sums_of_rows(mixed @ self.groups, self.members)


def sum_of(parts: Mapping[str, FloatArray], weights: Weights, shape: tuple[int, ...] | None = None) -> FloatArray:
    """The weighted sum of those parts that count, `[num_rows, num_products]`; `shape` is needed where there is none."""
    total: FloatArray = np.zeros(shape or next(iter(parts.values())).shape, dtype=np.float32)
    for name, part in parts.items():
        weight = getattr(weights, name)
        if weight:
            total += np.float32(weight) * part
    return total


def slot_shares(asked: AskedQueries, decay: float) -> FloatArray:
    """What each query of a history counts, summing to 1, `[num_rows, HISTORY]`."""
    counts = np.array([len(texts) for texts in asked.texts])
    share = np.where(np.arange(HISTORY) < counts[:, None], np.power(decay, np.arange(HISTORY)), 0.0)
    shares: FloatArray = (share / np.maximum(share.sum(1, keepdims=True), 1e-9)).astype(np.float32)
    return shares


def _best(scores: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """The best products of each row and how much feedback trusts each, summing to 1."""
    best = np.stack([rows_of_best(row, FEEDBACK_DEPTH) for row in scores])
    return best, trust(np.take_along_axis(scores, best, 1))


def rows_of_best(scores: FloatArray, k: int) -> IntArray:
    """Positions of the k best, best first, ties by position."""
    k = min(k, len(scores))
    rows = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    best: IntArray = rows[np.argsort(-scores[rows], kind="stable")][:k]
    return best


def trust(scores: FloatArray) -> FloatArray:
    """How much feedback trusts products with these scores, best first, summing to 1 in each row."""
    chances = np.exp(_SHARPNESS * (scores - scores.max(1, keepdims=True)))
    trusted: FloatArray = (chances / chances.sum(1, keepdims=True)).astype(np.float32)
    return trusted


def build_index(
    products: Products, popularity: FloatArray, towers: FloatArray | None = None, queries: Sequence[str] | None = None
) -> ProductIndex:
    """The index of a catalogue.

    Args:
        products: the catalogue.
        popularity: how often each was ordered, `[num_products]`.
        towers: vectors by the item tower.
        queries: those known, to read slips by; None to take queries as they were typed.
    """
    index = ProductIndex(
        fit_bm25(products.titles),
        fit_bm25(products.documents),
        products.title_vectors,
        products.text_vectors,
        rare_first(products.groups),
        popularity,
        towers,
    )
    return index_as_of(index, popularity, queries)


def index_as_of(index: ProductIndex, popularity: FloatArray, queries: Sequence[str] | None) -> ProductIndex:
    """The index of the same products with what was ordered, `[num_products]`, and searched for up to another time."""
    logs = np.log1p(popularity)
    shares = (logs / max(float(logs.max(initial=0)), 1.0)).astype(np.float32)
    spelling = None if queries is None else fit_spelling(index.all_words, queries)
    return replace(index, popularity=shares, spelling=spelling)


def rare_first(groups: csr_matrix) -> csr_matrix:
    """Memberships weighted by how rare each group is, rows of length 1."""
    sizes = np.asarray(groups.sum(axis=0)).ravel()
    weighted = (groups @ diags(np.log1p(groups.shape[0] / np.maximum(sizes, 1)))).tocsr()
    lengths = np.maximum(norm(weighted, axis=1), 1e-9) if weighted.nnz else np.ones(groups.shape[0])
    return (diags(1 / lengths) @ weighted).tocsr().astype(np.float32)
