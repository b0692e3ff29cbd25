"""Builds the Qdrant Edge index of one collection; run as a process of its own, because building holds the GIL.

python -m kindred.vectorstore.edge_index FOLDER
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import qdrant_edge

from kindred.domain.errors import StoreError
from kindred.vectorstore.rows import Rows

INDEX_FOLDER = "index"
INDEX_MANIFEST = "index.json"
_POINTS_PER_UPDATE = 2_000


def build_in_child(collection: Path) -> None:
    """Returns once the collection has an index over the rows it has now. Raises StoreError when that fails."""
    package = Path(__file__).resolve().parents[2]
    search_path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "kindred.vectorstore.edge_index", str(collection)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": search_path}, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise StoreError(
            f"the index of {collection.name} could not be built: {reason}", "check memory and disk, publish again"
        )


def build(collection: Path) -> None:
    """Writes the index folder: the shard, and how many rows it covers. It appears whole or not at all."""
    view = Rows(collection).view()
    temporary = collection / f".{INDEX_FOLDER}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    shard = qdrant_edge.EdgeShard.create(str(temporary), _config(view.vectors.shape[1]))
    for start in range(0, len(view), _POINTS_PER_UPDATE):
        block = view.vectors[start : start + _POINTS_PER_UPDATE].tolist()
        points = [qdrant_edge.Point(start + offset, vector) for offset, vector in enumerate(block)]
        shard.update(qdrant_edge.UpdateOperation.upsert_points(points))
    shard.optimize()
    shard.flush()
    shard.close()
    (temporary / INDEX_MANIFEST).write_text(json.dumps({"num_rows": len(view)}))
    shutil.rmtree(collection / INDEX_FOLDER, ignore_errors=True)
    temporary.rename(collection / INDEX_FOLDER)


def _config(dimension: int) -> qdrant_edge.EdgeConfig:
    """HNSW over int8, one segment. Without a write-ahead log there is no lock, so any number of processes may read."""
    return qdrant_edge.EdgeConfig(
        vectors=qdrant_edge.EdgeVectorParams(size=dimension, distance=qdrant_edge.Distance.Dot),
        hnsw_config=qdrant_edge.HnswIndexConfig(m=16, ef_construct=128, full_scan_threshold=10),
        quantization_config=qdrant_edge.ScalarQuantizationConfig(
            type=qdrant_edge.ScalarType.Int8, quantile=0.99, always_ram=True
        ),
        optimizers=qdrant_edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1),
        max_search_threads=1,
        wal_enabled=False,
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]))
