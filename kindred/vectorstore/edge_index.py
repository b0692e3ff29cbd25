"""The Qdrant Edge index of one collection: built by a process of its own, because building holds the GIL.

    python -m kindred.vectorstore.edge_index FOLDER

Best inner products are not nearest neighbours: a long vector is near to everything, and a graph built on inner
products leads nowhere once the best are excluded (recall .2 with 200 excluded, measured on factors of real
interactions). One more coordinate changes no product with a query, whose own is 0, but it decides which rows are
linked. Making all rows equally long ("Speeding Up the Xbox Recommender System Using a Euclidean Transformation for
Inner-Product Spaces", Bachrach et al., RecSys 2014) goes too far where rows are uneven: short ones become near to
everything, few links lead to the long ones that queries look for, and no effort finds them (recall .59 of gowalla's
best 70 at 560 candidates in view, .86 at 4,096). A tenth of that coordinate's square finds .999 of them. Where rows
are in clusters more of it is better; both are measured. int8 is not used: it costs recall where lengths differ much
(.98 → .6 on the same factors).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeVectorParams,
    HnswIndexConfig,
    Point,
    Query,
    SearchParams,
    SearchRequest,
    UpdateOperation,
)

from kindred.domain.embeddings import Vectors
from kindred.domain.errors import StoreError
from kindred.processes import child_environment
from kindred.vectorstore.rows import INDEX_FOLDER, Rows

MIN_RECALL = 0.995
"""Of what comparing all finds: a published ranking may lose half a per cent."""
_MANIFEST = "index.json"
_POINTS_PER_UPDATE = 2_000
_EVENNESS = (0.1, 0.5)
"""Shares of the square that would make all rows equally long, tried in turn."""
_EFFORTS = (256, 512, 1_024, 2_048, 4_096)
_EF_PER_WANTED = 8
_TUNING_QUERIES = 64
_TUNING_WANTED = (20, 70)
"""A list of 20, with none and with the 50 nearest excluded."""


class EdgeIndex:
    """A graph over the first `num_rows` rows of a collection; never written again once it is built.

    Attributes:
        min_ef: candidates kept in view by any search, enough for `MIN_RECALL` on the collection's own vectors.
    """

    def __init__(self, shard: EdgeShard, num_rows: int, min_ef: int) -> None:
        self.num_rows = num_rows
        self.min_ef = min_ef
        self._shard = shard

    @staticmethod
    def load(collection: Path) -> EdgeIndex:
        """The index of a collection that has one. Raises StoreError when it can't be read."""
        folder = collection / INDEX_FOLDER
        try:
            manifest = json.loads((folder / _MANIFEST).read_text())
            num_rows, min_ef = int(manifest["num_rows"]), int(manifest["min_ef"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _unreadable(folder, error) from error
        try:
            return EdgeIndex(EdgeShard.load(str(folder)), num_rows, min_ef)
        except Exception as error:  # the engine raises `Exception` itself, whatever it is that failed
            raise _unreadable(folder, error) from error

    def effort(self, wanted: int) -> int:
        """Candidates to keep in view when the best `wanted` are needed."""
        return max(self.min_ef, _EF_PER_WANTED * wanted)

    def nearest(self, vector: Vectors, wanted: int) -> NDArray[np.int64]:
        """Rows of the best `wanted` inner products or more, in no order that counts."""
        request = SearchRequest(
            Query.Nearest([*vector.tolist(), 0.0]),
            2 * wanted,
            params=SearchParams(hnsw_ef=self.effort(wanted)),
            with_payload=False,
            with_vector=False,
        )
        found = self._shard.search(request)
        return np.fromiter((int(point.id) for point in found), np.int64, len(found))

    def close(self) -> None:
        self._shard.close()


def _unreadable(folder: Path, error: Exception) -> StoreError:
    return StoreError(f"the index {folder} can't be read: {error}", "publish the run again")


def build_in_child(collection: Path) -> None:
    """Returns once the collection has an index over the rows it has now, or none that finds enough.

    Raises:
        StoreError: the building process failed.
    """
    command = [sys.executable, "-m", "kindred.vectorstore.edge_index", str(collection)]
    done = subprocess.run(command, env=child_environment(), capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise StoreError(f"no index of {collection.name}: {reason}", "see that memory and disk suffice, publish again")


def build(collection: Path) -> None:
    """Writes the index folder, which appears whole or not at all.

    The least effort that finds enough of what comparing all finds is noted in it; where no effort does, no index is
    kept, and all vectors are compared: slower, and right.
    """
    vectors = Rows(collection).view().vectors
    queries = _tuning_queries(collection, vectors.shape[1])
    temporary = collection / f".{INDEX_FOLDER}"
    for evenness in _EVENNESS:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        shard = EdgeShard.create(str(temporary), _config(vectors.shape[1] + 1))
        _insert(shard, vectors, evenness)
        shard.optimize()
        shard.flush()
        min_ef = _least_effort(shard, vectors, queries)
        shard.close()
        if min_ef is not None:
            EdgeShard.load(str(temporary)).close()  # rewrites its settings, now and never again: they are sealed next
            (temporary / _MANIFEST).write_text(json.dumps({"num_rows": len(vectors), "min_ef": min_ef}))
            temporary.rename(collection / INDEX_FOLDER)
            return
    shutil.rmtree(temporary)


def _least_effort(shard: EdgeShard, vectors: Vectors, queries: Sequence[Vectors]) -> int | None:
    """The fewest candidates in view that find enough; None where none do."""
    for ef in _EFFORTS:
        if _recall(EdgeIndex(shard, len(vectors), ef), vectors, queries) >= MIN_RECALL:
            return ef
    return None


def _config(dimension: int) -> EdgeConfig:
    """One segment. Without a write-ahead log there is no lock either, so any number of processes may read."""
    return EdgeConfig(
        vectors=EdgeVectorParams(size=dimension, distance=Distance.Dot),
        hnsw_config=HnswIndexConfig(m=32, ef_construct=256, full_scan_threshold=10),
        optimizers=EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1),
        max_search_threads=1,
        wal_enabled=False,
    )


def _insert(shard: EdgeShard, vectors: Vectors, evenness: float) -> None:
    """Adds the rows, their numbers as ids, each with the coordinate that makes them more equally long."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    extra = np.sqrt(evenness * (squares.max() - squares))[:, None]
    for start in range(0, len(vectors), _POINTS_PER_UPDATE):
        batch = slice(start, start + _POINTS_PER_UPDATE)
        rows = np.hstack([vectors[batch], extra[batch]]).tolist()
        points = [Point(start + offset, row) for offset, row in enumerate(rows)]
        shard.update(UpdateOperation.upsert_points(points))


def _tuning_queries(collection: Path, dimension: int) -> list[Vectors]:
    """Samples of the version's collections, this one included: whoever asks is embedded among them, one a batch."""
    collections = [Rows(path.parent).view().vectors for path in sorted(collection.parent.glob("*/collection.json"))]
    fitting = [vectors for vectors in collections if len(vectors) and vectors.shape[1] == dimension]
    return [vectors[:: -(-len(vectors) // _TUNING_QUERIES)] for vectors in fitting]


def _recall(index: EdgeIndex, vectors: Vectors, queries: Sequence[Vectors]) -> float:
    """Share of the best that is found, of the batch of queries and the number wanted that fare worst."""
    recalls = []
    for batch in queries:
        for wanted in {min(wanted, len(vectors)) for wanted in _TUNING_WANTED}:
            num_found = 0
            for query in batch:
                best = np.argpartition(-(vectors @ query), wanted - 1)[:wanted]
                num_found += int(np.isin(best, index.nearest(query, wanted)).sum())
            recalls.append(num_found / (wanted * len(batch)))
    return min(recalls)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
