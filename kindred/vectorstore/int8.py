"""Comparing all vectors as 8-bit integers, and the best of them again in full: a quarter of the memory to read."""

from __future__ import annotations

from dataclasses import dataclass
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
_MAX_RESCORED = 0.1
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
        scores, errors = self._scores(view, question.vector)
        scores[question.refused] = -np.inf
        if question.allowed is not None:
            scores[~question.allowed] = -np.inf
        enough = _reached_by(scores - errors, question.k)
        rows = np.flatnonzero((scores + errors >= enough) & (scores > -np.inf))
        return best_exact(view, question) if len(rows) > _MAX_RESCORED * len(view) else rank(view, rows, question)

    def _scores(self, view: View, vector: Vectors) -> tuple[Vectors, Vectors]:
        """Products with each row, and how far each may be off, `[num_rows]` both."""
        step = float(np.abs(vector).max()) / _MOST or 1.0
        query = np.round(vector / step).astype(np.int8)
        num_codes = len(self.codes)
        scores, errors = np.zeros((2, len(view)), np.float32)
        products = simsimd.cdist(self.codes, query[None], metric="dot", out_dtype="float32")
        steps, lengths = self.scales
        np.multiply(np.asarray(products).ravel(), steps * np.float32(step), out=scores[:num_codes])
        spread = _DEVIATIONS / np.sqrt(12.0)
        by_row, by_query = np.float32(spread * np.linalg.norm(vector)), np.float32(spread * step)
        np.add(by_row * steps, by_query * lengths, out=errors[:num_codes])
        scores[num_codes:] = np.einsum("ij,j->i", view.vectors[num_codes:], vector)
        errors[num_codes:] = 1e-5 * np.abs(scores[num_codes:])
        return scores, errors


def _reached_by(scores: Vectors, k: int) -> float:
    """A value that k of the scores reach, and few more: the k-th best of what is best of each group."""
    groups = scores[: len(scores) // _GROUP * _GROUP].reshape(-1, _GROUP).max(axis=1)
    best = groups if len(groups) >= k else scores
    place = max(0, len(best) - k)
    return float(np.partition(best, place)[place])


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
