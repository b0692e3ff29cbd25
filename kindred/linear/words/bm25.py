"""BM25: how well the words of a query match the words of documents, as one sparse matrix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kindred.domain.interactions import FloatArray, IntArray
from kindred.domain.queries import query_id
from kindred.linear.algebra.sparse_rows import sums_of_rows

_WORDS = re.compile(r"\w+")
_CHARACTERS_READ = 2_000  # of a text: typed queries are shorter, and a pasted book must not cost more
_SHORTEST_PLURAL = 4


def words_of(text: str) -> list[str]:
    """The words of a text in one form: NFKC, case folded, and English plurals as their singular (Harman's s-stemmer).

    Harman, "How Effective Is Suffixing?", 1991. Longer texts are read up to a limit.
    """
    return [_singular(word) for word in _WORDS.findall(query_id(text[:_CHARACTERS_READ]))]


def _singular(word: str) -> str:
    if len(word) < _SHORTEST_PLURAL or not word.endswith("s"):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]


@dataclass(frozen=True)
class Bm25:
    """An index of documents.

    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.

    Attributes:
        vocabulary: word → row of `matrix`.
        matrix: what each word adds to the score of each document, `[num_words, num_documents]`.
    """

    vocabulary: Mapping[str, int]
    matrix: csr_matrix

    def scores(self, texts: Sequence[str]) -> FloatArray:
        """Scores of every document for each query as a share of what a document with all its words can get.

        A word that no document has counts as the rarest there is; 0 for queries without words; `[num_texts,
        num_documents]`, from 0 to about 1.
        """
        return sums_of_rows(self.rows(texts), self.matrix)

    @cached_property
    def most(self) -> FloatArray:
        """The most that each word adds to any document, `[num_words]`."""
        most: FloatArray = np.asarray(self.matrix.max(axis=1).todense(), dtype=np.float32).ravel()
        return most

    def rows(self, texts: Sequence[str]) -> csr_matrix:
        """`shares` of each query, `[num_texts, num_words]`."""
        indices: list[int] = []
        data: list[float] = []
        indptr = [0]
        for text in texts:
            shares = self.shares(words_of(text))
            indices += shares
            data += shares.values()
            indptr.append(len(indices))
        shape = (len(texts), len(self.vocabulary))
        return csr_matrix((np.array(data, np.float32), np.array(indices, np.int32), np.array(indptr)), shape=shape)

    def shares(self, words: Sequence[str]) -> dict[int, float]:
        """How often a query has each word by its row, divided by the most that all its words can add."""
        counts = Counter(words)
        known = {self.vocabulary[word]: n for word, n in counts.items() if word in self.vocabulary}
        unknown = sum(n for word, n in counts.items() if word not in self.vocabulary)
        possible = sum(n * float(self.most[word]) for word, n in known.items()) + unknown * self._highest
        return {word: n / possible for word, n in known.items()}

    @cached_property
    def _highest(self) -> float:
        """The most that any word adds."""
        return float(self.most.max()) if len(self.most) else 1.0


def fit_bm25(documents: Sequence[str], k1: float = 1.5, b: float = 0.75) -> Bm25:
    """The index of these documents.

    Args:
        documents: their texts.
        k1: how soon repetitions of a word stop to count.
        b: how much long documents are held back, from 0 to 1.
    """
    vocabulary: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    counts: list[int] = []
    lengths = np.zeros(len(documents))
    for column, document in enumerate(documents):
        words = Counter(words_of(document))
        lengths[column] = words.total()
        for word, count in words.items():
            rows.append(vocabulary.setdefault(word, len(vocabulary)))
            columns.append(column)
            counts.append(count)
    terms, documents_of, times = (np.array(part, np.int64) for part in (rows, columns, counts))
    return Bm25(vocabulary, _weighted(terms, documents_of, times, lengths, (k1, b)))


def _weighted(
    rows: IntArray, columns: IntArray, counts: IntArray, lengths: NDArray[np.float64], shape_of: tuple[float, float]
) -> csr_matrix:
    k1, b = shape_of
    num_words = int(rows.max()) + 1 if len(rows) else 0
    num_documents = len(lengths)
    in_documents = np.bincount(rows, minlength=num_words)
    idf = np.log1p((num_documents - in_documents + 0.5) / (in_documents + 0.5))
    relative = lengths / max(float(lengths.mean()), 1.0) if num_documents else lengths
    held_back = k1 * (1 - b + b * relative[columns]) if len(columns) else 0.0
    values = idf[rows] * counts * (k1 + 1) / (counts + held_back) if len(rows) else np.zeros(0)
    return csr_matrix((values.astype(np.float32), (rows, columns)), shape=(num_words, num_documents))
