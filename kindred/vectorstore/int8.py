"""Comparing all vectors as 8-bit integers, and the best of them again in full: a quarter of the memory to read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import Vectors
from kindred.domain.recommendation import Candidate
from kindred.vectorstore.exact import best_exact, rank
from kindred.vectorstore.folder_store import Question
from kindred.vectorstore.int8_products import Products, products_of
from kindred.vectorstore.rows import MAPPED_FROM_BYTES, View

Size = TypeVar("Size", float, Vectors)

CODES_FILE, SCALES_FILE = "codes.i8", "scales.f32"
_MOST = 127
_DEVIATIONS = 5.0
"""Rounding errors of a product are normal; one of some million passes so many standard deviations."""
_MAX_COMPARED, _MAX_RESCORED = 0.3, 0.1
_ROWS_A_PLACE = 20
"""Of fewer rows for each of the k wanted, too many are in reach: they are compared in full at once."""
_FEW = 8
"""So many times k rows are compared in full sooner than each one's own error is looked at."""
_BATCH_ROWS = 16_384
_GROUP = 32
_LOWEST = float(np.finfo(np.float32).min)
_AT_ONCE = 16
"""Queries of one scan; 100,000 rows have 6 MB of products with so many."""


@dataclass(frozen=True)
class CodedVector:
    """A vector as integers.

    Attributes:
        codes: `[1, dimension]`.
        step: what one step of them is worth.
        length: of the vector, in steps.
    """

    codes: NDArray[np.int8]
    step: float
    length: float

    @staticmethod
    def of(vector: Vectors) -> CodedVector:
        """The codes of a vector, `[dimension]`."""
        step = max(float(np.abs(vector).max()) / _MOST, float(np.finfo(np.float32).tiny))
        return CodedVector(np.round(vector / step).astype(np.int8)[None], step, float(np.linalg.norm(vector)) / step)


@dataclass(frozen=True)
class Codes:
    """The first rows of a collection as integers.

    Attributes:
        codes: `[num_rows, dimension]`, each row scaled so that its largest value is 127.
        scales: `[2, num_rows]`, what one step of a row is worth, and the length of the row.
    """

    codes: NDArray[np.int8]
    scales: Vectors

    @staticmethod
    def of(vectors: Vectors) -> Codes:
        """The codes of vectors in memory."""
        scales = np.empty((2, len(vectors)), np.float32)
        codes = np.empty(vectors.shape, np.int8)
        for rows, some, of_some in _coded(vectors):
            codes[rows], scales[:, rows] = some, of_some
        return Codes(codes, scales)

    @staticmethod
    def load(collection: Path, dimension: int) -> Codes | None:
        """The codes of a collection; None where it has none."""
        path = collection / CODES_FILE
        if not path.exists():
            return None
        is_mapped = path.stat().st_size >= MAPPED_FROM_BYTES
        codes = np.asarray(np.memmap(path, np.int8, mode="r")) if is_mapped else np.fromfile(path, np.int8)
        codes = codes.reshape(-1, dimension)
        return Codes(codes, np.fromfile(collection / SCALES_FILE, np.float32).reshape(2, len(codes)))

    def best(self, view: View, questions: Sequence[Question]) -> list[list[Candidate]]:
        """The best k rows of the view for each question; rows that came after the codes are compared in full."""
        if all(len(view) < _ROWS_A_PLACE * question.k for question in questions):
            return [best_exact(view, question) for question in questions]
        batches = (questions[start : start + _AT_ONCE] for start in range(0, len(questions), _AT_ONCE))
        return [found for batch in batches for found in self._best(view, batch)]

    def _best(self, view: View, questions: Sequence[Question]) -> Iterator[list[Candidate]]:
        """The same for questions that share a scan; what rows score is weighed in one place, which stays in the cache.

        Scores are in units of each query's step; rows that fill up the last group stand at the end.
        """
        vectors = np.stack([question.vector for question in questions])
        steps = np.maximum(np.abs(vectors).max(axis=1) / _MOST, np.finfo(np.float32).tiny)
        products = self._products(np.round(vectors / steps[:, None]).astype(np.int8))
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors)) / steps
        num_codes, late = len(self.codes), view.vectors[len(self.codes) :]
        scores = np.empty(-(-len(view) // _GROUP) * _GROUP, np.float32)
        for own, step, length, question in zip(products, steps, lengths.tolist(), questions, strict=True):
            np.multiply(own, self.scales[0], out=scores[:num_codes], dtype=np.float32, casting="unsafe")
            if len(late):
                scores[num_codes : len(view)] = np.vecdot(late, question.vector) / step
            scores[len(view) :] = -np.inf
            scores[question.refused] = -np.inf
            rows = self._in_reach(scores, scores.reshape(_GROUP, -1).max(axis=0), length, question.k)
            too_many = len(rows) > _MAX_RESCORED * len(view)
            yield best_exact(view, question) if too_many else rank(view, rows, question)

    def estimates(self, query: CodedVector) -> tuple[Vectors, float]:
        """About the product of every row with a vector, `[num_rows]`, and how far any of them may be off."""
        about = np.multiply(self._products(query.codes)[0], self.scales[0], dtype=np.float32, casting="unsafe")
        about *= np.float32(query.step)
        return about, query.step * _off(query.length, *self._largest)

    def estimates_of(self, rows: NDArray[np.int64], query: CodedVector) -> tuple[Vectors, Vectors]:
        """The same of some rows, and how far each may be off, `[num_chosen]`."""
        steps, lengths = self.scales.take(rows, axis=1)
        about = products_of(query.codes, self.codes.take(rows, axis=0))[0] * (np.float32(query.step) * steps)
        return about, np.float32(query.step) * _off(query.length, steps, lengths)

    def _in_reach(self, scores: Vectors, best: Vectors, length: float, k: int) -> NDArray[np.int64]:
        """Rows that may be among the best k, given what each of them scores and what is best of each group."""
        enough = _kth(best if len(best) >= k else scores, k) - 2 * _off(length, *self._largest)
        groups = np.flatnonzero(best >= max(enough, _LOWEST))
        rows: NDArray[np.int64]
        if len(groups) > _MAX_COMPARED * len(best):  # one long row makes the largest error larger than most scores
            rows = np.flatnonzero(scores >= max(enough, _LOWEST))
        else:
            rows = (groups + len(best) * np.arange(_GROUP)[:, None]).ravel()
            rows = rows[scores[rows] >= max(enough, _LOWEST)]
        if len(rows) <= _FEW * k:
            return rows
        found, off = scores[rows], np.zeros(len(rows), np.float32)
        is_coded = rows < len(self.codes)
        off[is_coded] = _off(length, *self.scales[:, rows[is_coded]])
        enough = _kth(found - off, k)
        return rows[found + off + 1e-5 * np.abs(found) >= enough]

    @cached_property
    def _products(self) -> Products:
        """Whole numbers, of queries and codes."""
        return Products(self.codes)

    @cached_property
    def _largest(self) -> tuple[float, float]:
        """The largest step and the largest length."""
        step, length = self.scales.max(axis=1, initial=0).tolist()
        return step, length


def _off(ratio: float, steps: Size, lengths: Size) -> Size:
    """How far the product of a row may be off, in steps of the query; `ratio` is the query's length in those."""
    return _DEVIATIONS / math.sqrt(12.0) * (ratio * steps + lengths)


def reached_by(scores: Vectors, k: int) -> float:
    """A value that k of the scores reach, or all where they are fewer, and not many more than k do."""
    whole = len(scores) // _GROUP * _GROUP
    best = scores[:whole].reshape(_GROUP, -1).max(axis=0)
    return _kth(best if len(best) >= k else scores, k)


def kth_best(scores: Vectors, k: int) -> float:
    """The k-th best of very many scores, the lowest where they are fewer."""
    return _kth(scores[scores >= reached_by(scores, k)], k)


def _kth(scores: Vectors, k: int) -> float:
    """A value that k of the scores reach: the k-th best of them, the lowest where they are fewer."""
    place = max(0, len(scores) - k)
    return float(np.partition(scores, place)[place]) if len(scores) else -np.inf


def write_codes(collection: Path, vectors: Vectors) -> None:
    """Writes the codes of a collection that is about to be sealed."""
    scales = np.empty((2, len(vectors)), np.float32)
    with (collection / CODES_FILE).open("wb") as file:
        for rows, codes, of_rows in _coded(vectors):
            scales[:, rows] = of_rows
            file.write(codes.tobytes())
    (collection / SCALES_FILE).write_bytes(scales.tobytes())


def _coded(vectors: Vectors) -> Iterator[tuple[slice, NDArray[np.int8], Vectors]]:
    """So many rows at a time, their codes, and what one step of each is worth and its length, `[2, num_rows]`."""
    for start in range(0, len(vectors), _BATCH_ROWS):
        batch = np.asarray(vectors[start : start + _BATCH_ROWS])
        steps = np.maximum(np.abs(batch).max(axis=1) / _MOST, np.finfo(np.float32).tiny)
        lengths = np.sqrt(np.einsum("ij,ij->i", batch, batch))
        codes = np.round(batch / steps[:, None]).astype(np.int8)
        yield slice(start, start + len(batch)), codes, np.stack([steps, lengths]).astype(np.float32)
