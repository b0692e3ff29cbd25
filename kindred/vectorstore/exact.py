"""Exact search: every vector is compared. The reference for the others, and the fastest below some 100,000 vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.recommendation import Candidate, best_first
from kindred.vectorstore.folder_store import Question
from kindred.vectorstore.rows import Rows, View

# Relative error of a float32 dot product, with room to spare: rows this close to the last place are compared again.
_ROUNDING = 3e-5
_FEW = 3
"""From so many times k rows on it is cheaper to choose among them in single precision first."""


@dataclass(frozen=True)
class ExactSearch:
    """One matrix-vector product over all rows."""

    def prepare(self, rows: Rows) -> None:
        """Nothing: the vectors are the index."""

    def best(self, rows: Rows, view: View, questions: Sequence[Question]) -> list[list[Candidate]]:
        return [best_exact(view, question) for question in questions]

    def close(self) -> None:
        """Nothing to free."""


def best_exact(view: View, question: Question) -> list[Candidate]:
    """The best k rows of the whole view."""
    if not len(view):
        return []
    # Not `@`: its threads wait for one another wherever cores are shared, and cost more than they bring at this size.
    # A product a row begins none, and takes half of what `einsum` does.
    scores = np.vecdot(view.vectors, question.vector)
    slack = _ROUNDING * np.abs(scores).max()
    scores[question.refused] = -np.inf
    place = max(0, len(scores) - question.k)
    last_score = np.partition(scores, place)[place]
    rows = np.flatnonzero((scores >= last_score - slack) & (scores > -np.inf))
    return rank(view, rows, question)


def rank(view: View, rows: NDArray[np.int64], question: Question) -> list[Candidate]:
    """The best k of the given rows, summed in double precision so that equal vectors tie wherever they are."""
    import numkong

    if not len(rows):
        return []
    if len(rows) > _FEW * question.k:
        rows = _near_the_best(view, rows, question)
    products = numkong.cdist(question.vector[None], view.vectors[rows], metric="dot", out_dtype="float64")
    scores = np.asarray(products)[0].astype(np.float32)
    place = max(0, len(rows) - question.k)
    if place:
        in_reach = scores >= np.partition(scores, place)[place]
        rows, scores = rows[in_reach], scores[in_reach]
    ids = view.ids
    return best_first(map(Candidate, [ids[row] for row in rows.tolist()], scores.tolist()), question.k)


def _near_the_best(view: View, rows: NDArray[np.int64], question: Question) -> NDArray[np.int64]:
    """Those of the rows that may be among the best k, by their products in single precision."""
    scores = np.vecdot(view.vectors[rows], question.vector)
    place = len(rows) - question.k
    near: NDArray[np.int64] = rows[scores >= np.partition(scores, place)[place] - _ROUNDING * np.abs(scores).max()]
    return near
