"""Search through Qdrant Edge, the engine of the Qdrant server inside the process, where comparing all is too slow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from kindred.domain.recommendation import Candidate
from kindred.vectorstore.exact import best_exact, rank
from kindred.vectorstore.folder_store import Question
from kindred.vectorstore.int8 import Codes, write_codes
from kindred.vectorstore.rows import INDEX_FOLDER, Rows, View

if TYPE_CHECKING:  # most collections have no index, and the engine takes a thirtieth of a short command to import
    from kindred.vectorstore.edge_index import EdgeIndex

_WARM_UP_SEARCHES = 8


@dataclass(frozen=True)
class IndexLimits:
    """Where an index pays.

    Attributes:
        exact_bytes: collections with fewer bytes of vectors (300,000 × 512) have none: comparing all takes 1 to 6 ms.
        rows_per_ef: rows that are compared as integers in the time that the index takes for one more candidate in
            view: 66 were measured in float32 at 41,000 × 512, which takes four times as long.
        codes_bytes: from here on vectors are compared as integers first.
    """

    exact_bytes: int = 600_000_000
    rows_per_ef: int = 270
    codes_bytes: int = 1_000_000


class EdgeSearch:
    """A graph index, its findings compared again with the vectors themselves.

    Rows that came after the index was built are compared one by one. Rows that must not come back are asked for in
    excess: as long as k others are among what the index found, no better one was passed over; where fewer are, or
    where so many are wanted that it is cheaper, all rows are compared.
    """

    def __init__(self, limits: IndexLimits, build: Callable[[Path], None] | None = None) -> None:
        self._limits = limits
        self._build = build or _build_in_child
        self._indexes: dict[Rows, EdgeIndex | None] = {}
        self._codes: dict[Rows, Codes | None] = {}
        self._lock = Lock()

    def prepare(self, rows: Rows) -> None:
        view = rows.view()
        if len(view) and view.vectors.nbytes >= self._limits.codes_bytes:
            write_codes(rows.folder, view.vectors)
        if len(view) and view.vectors.nbytes >= self._limits.exact_bytes:
            self._build(rows.folder)

    def best(self, rows: Rows, view: View, questions: Sequence[Question]) -> list[list[Candidate]]:
        index = self._index(rows)
        if index is None:
            return self._compare_all(rows, view, questions)
        return [self._by_index(index, rows, view, question) for question in questions]

    def _by_index(self, index: EdgeIndex, rows: Rows, view: View, question: Question) -> list[Candidate]:
        wanted = question.k + len(question.refused)
        is_cheaper = len(view) >= index.effort(wanted) * self._limits.rows_per_ef
        if wanted < index.num_rows and is_cheaper:
            found = np.concatenate([index.nearest(question.vector, wanted), np.arange(index.num_rows, len(view))])
            found = found[~np.isin(found, question.refused)]
            if len(found) >= question.k:
                return rank(view, found, question)
        return self._compare_all(rows, view, [question])[0]

    def close(self) -> None:
        with self._lock:
            for index in filter(None, self._indexes.values()):
                index.close()
            self._indexes.clear()
            self._codes.clear()

    def _compare_all(self, rows: Rows, view: View, questions: Sequence[Question]) -> list[list[Candidate]]:
        with self._lock:
            if rows not in self._codes:
                self._codes = {kept: codes for kept, codes in self._codes.items() if kept.is_current()}
                self._codes[rows] = Codes.load(rows.folder, rows.dimension)
            codes = self._codes[rows]
        if codes is None:
            return [best_exact(view, question) for question in questions]
        return codes.best(view, questions)

    def _index(self, rows: Rows) -> EdgeIndex | None:
        """The collection's index, loaded and warmed once; None where it has none."""
        with self._lock:
            if rows not in self._indexes:
                self._indexes = {kept: index for kept, index in self._indexes.items() if kept.is_current()}
                self._indexes[rows] = index = _load_index(rows.folder)
                if index is not None:
                    for vector in rows.view().vectors[:: -(-index.num_rows // _WARM_UP_SEARCHES)]:
                        index.nearest(vector, wanted=1)
            return self._indexes[rows]


def _build_in_child(collection: Path) -> None:
    from kindred.vectorstore.edge_index import build_in_child

    build_in_child(collection)


def _load_index(collection: Path) -> EdgeIndex | None:
    if not (collection / INDEX_FOLDER).is_dir():
        return None
    from kindred.vectorstore.edge_index import EdgeIndex

    return EdgeIndex.load(collection)
