"""Comparing all vectors as 8-bit integers, and the best of them again in full: a quarter of the memory to read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import simsimd
from numpy.typing import NDArray

from kindred.domain.embeddings import Vectors
from kindred.domain.recommendation import Candidate
from kindred.vectorstore.exact import best_exact, rank
from kindred.vectorstore.folder_store import Question
from kindred.vectorstore.rows import View

CODES_FILE, SCALES_FILE = "codes.i8", "scales.f32"
_MOST = 127
_DEVIATIONS = 5.0
"""Rounding errors of a product are normal; one of some million passes so many standard deviations."""
_MAX_COMPARED, _MAX_RESCORED = 0.3, 0.1
_BATCH_ROWS = 16_384
_GROUP = 32


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
    def load(collection: Path, dimension: int) -> Codes | None:
        """The codes of a collection; None where it has none."""
        path = collection / CODES_FILE
        if not path.exists():
            return None
        codes = np.asarray(np.memmap(path, np.int8, mode="r")).reshape(-1, dimension)
        return Codes(codes, np.fromfile(collection / SCALES_FILE, np.float32).reshape(2, len(codes)))

    def best(self, view: View, question: Question) -> list[Candidate]:
        """The best k rows of the view; rows that came after the codes are compared in full."""
        length, step = float(np.linalg.norm(question.vector)), float(np.abs(question.vector).max()) / _MOST or 1.0
        scores = self._scores(view, question.vector, step)
        scores[question.refused] = -np.inf
        if question.allowed is not None:
            scores[~question.allowed] = -np.inf
        enough = _reached_by(scores, question.k) - 2 * float(_off(length / step, self._largest)[0])
        rows = np.flatnonzero(scores >= max(enough, float(np.finfo(np.float32).min)))
        if len(rows) > _MAX_COMPARED * len(view):
            return best_exact(view, question)
        coded = np.searchsorted(rows, len(self.codes))
        found, off = scores[rows], np.zeros(len(rows), np.float32)
        off[:coded] = _off(length / step, self.scales[:, rows[:coded]])
        enough = _reached_by(found - off, question.k)
        rows = rows[found + off + 1e-5 * np.abs(found) >= enough]
        return best_exact(view, question) if len(rows) > _MAX_RESCORED * len(view) else rank(view, rows, question)

    def _scores(self, view: View, vector: Vectors, step: float) -> Vectors:
        """Products with each row in units of `step`, one step of the query, `[num_rows]`."""
        num_codes = len(self.codes)
        query = np.round(vector / step).astype(np.int8)
        products = np.asarray(simsimd.cdist(query[None], self.codes, metric="dot", out_dtype="float32")).reshape(-1)
        products *= self.scales[0]
        if len(view) == num_codes:
            return products
        later = np.einsum("ij,j->i", view.vectors[num_codes:], vector) / np.float32(step)
        return np.concatenate([products, later])

    @cached_property
    def _largest(self) -> Vectors:
        """The largest step and the largest length, `[2, 1]`."""
        largest: Vectors = self.scales.max(axis=1, initial=0, keepdims=True)
        return largest


def _off(ratio: float, scales: Vectors) -> Vectors:
    """How far products may be off, in steps of the query, `[num_rows]`; `ratio` is the query's length in those."""
    steps, lengths = scales
    off: Vectors = np.float32(_DEVIATIONS / np.sqrt(12.0)) * (np.float32(ratio) * steps + lengths)
    return off


def _reached_by(scores: Vectors, k: int) -> float:
    """A value that k of the scores reach, and few more: the k-th best of what is best of each group."""
    num_groups = len(scores) // _GROUP
    best = scores[: num_groups * _GROUP].reshape(_GROUP, num_groups).max(axis=0) if num_groups >= k else scores
    place = max(0, len(best) - k)
    return float(np.partition(best, place)[place]) if len(best) else -np.inf


def write_codes(collection: Path, vectors: Vectors) -> None:
    """Writes the codes of a collection that is about to be sealed."""
    scales = np.empty((2, len(vectors)), np.float32)
    with (collection / CODES_FILE).open("wb") as file:
        for start in range(0, len(vectors), _BATCH_ROWS):
            batch = np.asarray(vectors[start : start + _BATCH_ROWS])
            steps = np.maximum(np.abs(batch).max(axis=1) / _MOST, np.finfo(np.float32).tiny)
            scales[0, start : start + len(batch)] = steps
            scales[1, start : start + len(batch)] = np.sqrt(np.einsum("ij,ij->i", batch, batch))
            file.write(np.round(batch / steps[:, None]).astype(np.int8).tobytes())
    (collection / SCALES_FILE).write_bytes(scales.tobytes())
