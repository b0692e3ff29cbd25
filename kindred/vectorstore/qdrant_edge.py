"""Search through Qdrant Edge, the engine of the Qdrant server inside the process, where comparing all is too slow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from qdrant_edge import EdgeShard, QuantizationSearchParams, Query, SearchParams, SearchRequest

from kindred.domain.embeddings import Vectors
from kindred.domain.errors import StoreError
from kindred.domain.recommendation import Candidate
from kindred.vectorstore.edge_index import INDEX_FOLDER, INDEX_MANIFEST, build_in_child
from kindred.vectorstore.exact import best_exact, rank
from kindred.vectorstore.folder_store import Question
from kindred.vectorstore.rows import Rows, View

_MIN_EF = 128
_EF_PER_WANTED = 8
_WARM_UP_SEARCHES = 8


@dataclass(frozen=True)
class IndexLimits:
    """Where an index starts to pay.

    Attributes:
        exact_bytes: collections with fewer bytes of vectors have no index: comparing all takes 1 to 3 ms.
        bytes_per_ef: bytes that are compared in the time that the index takes for one more candidate kept in view.
    """

    exact_bytes: int = 50_000_000
    bytes_per_ef: int = 60_000


@dataclass(frozen=True)
class _Index:
    shard: EdgeShard
    num_rows: int


class EdgeSearch:
    """HNSW over int8 vectors, its findings compared again in full precision.

    The index of a collection is built once, when its version is sealed, and never written again; its points are row
    numbers. Rows that came later are compared one by one, rows that must not come back are asked for in excess: as
    long as k are left of what the index found, no better one was passed over, and where fewer are left, all rows are
    compared.
    """

    def __init__(self, limits: IndexLimits) -> None:
        self._limits = limits
        self._indexes: dict[Rows, _Index | None] = {}
        self._lock = Lock()

    def prepare(self, rows: Rows) -> None:
        view = rows.view()
        if len(view) and view.vectors.nbytes >= self._limits.exact_bytes:
            build_in_child(rows.folder)

    def best(self, rows: Rows, view: View, question: Question) -> list[Candidate]:
        index = self._index(rows)
        if index is None:
            return best_exact(view, question)
        wanted = question.k + len(question.refused)
        if question.allowed is not None:
            share_allowed = question.allowed.mean()
            wanted = int(wanted / share_allowed) if share_allowed else len(view)
        ef = max(_MIN_EF, _EF_PER_WANTED * wanted)
        if view.vectors.nbytes < ef * self._limits.bytes_per_ef or wanted >= index.num_rows:
            return best_exact(view, question)
        nearest = _nearest(index.shard, question.vector, limit=2 * wanted, ef=ef)
        found = np.concatenate([nearest, np.arange(index.num_rows, len(view))])
        found = found[~np.isin(found, question.refused)]
        if question.allowed is not None:
            found = found[question.allowed[found]]
        if len(found) < question.k:
            return best_exact(view, question)
        return rank(view, found, question)

    def close(self) -> None:
        with self._lock:
            for index in filter(None, self._indexes.values()):
                index.shard.close()
            self._indexes.clear()

    def _index(self, rows: Rows) -> _Index | None:
        """The collection's index, loaded and warmed once; None where it has none."""
        with self._lock:
            if rows not in self._indexes:
                self._indexes = {kept: index for kept, index in self._indexes.items() if kept.is_current()}
                self._indexes[rows] = _load(rows)
            return self._indexes[rows]


def _load(rows: Rows) -> _Index | None:
    folder = rows.folder / INDEX_FOLDER
    if not folder.is_dir():
        return None
    try:
        num_rows = int(json.loads((folder / INDEX_MANIFEST).read_text())["num_rows"])
        shard = EdgeShard.load(str(folder))
        for vector in rows.view().vectors[:: max(1, num_rows // _WARM_UP_SEARCHES)]:
            _nearest(shard, vector, limit=_MIN_EF, ef=_MIN_EF)
    except Exception as error:  # the engine raises nothing narrower
        raise StoreError(f"the index {folder} can't be read: {error}", "publish the run again") from error
    return _Index(shard, num_rows)


def _nearest(shard: EdgeShard, vector: Vectors, limit: int, ef: int) -> NDArray[np.int64]:
    """Row numbers of about the `limit` best by the int8 vectors, in no order that counts."""
    quantized = QuantizationSearchParams(rescore=False)
    found = shard.search(
        SearchRequest(
            Query.Nearest(vector.tolist()),
            limit,
            params=SearchParams(hnsw_ef=max(ef, limit), quantization=quantized),
            with_payload=False,
            with_vector=False,
        )
    )
    return np.fromiter((int(point.id) for point in found), np.int64, len(found))
