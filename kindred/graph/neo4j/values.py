"""Values on their way to Neo4j and back: Arrow columns to parameters, lists to Arrow columns, answers to plain values.

Vectors are bytes in Neo4j, float16 little endian: a list of numbers would cost 30 times as much on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kindred.graph.rows import is_vector, vector_matrix

HALF = np.dtype("<f2")


def parameters_of(rows: pa.Table) -> dict[str, list[Any]]:
    """The rows as columns of values that Bolt can carry."""
    return {
        name: _vector_bytes(column) if is_vector(column.type) else column.to_pylist()
        for name, column in zip(rows.schema.names, rows.columns, strict=True)
    }


def _vector_bytes(column: pa.ChunkedArray) -> list[bytes | None]:
    vectors, known = vector_matrix(column)
    packed = vectors.astype(HALF).tobytes()  # [num_rows * length]
    width = vectors.shape[1] * HALF.itemsize
    return [packed[i * width : (i + 1) * width] if there else None for i, there in enumerate(known)]


def batch_of(columns: Sequence[list[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Lists as they came from the server, as one record batch of that schema."""
    arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not is_vector(kind):
        return pa.array(values, type=kind)
    blank = bytes(kind.list_size * HALF.itemsize)
    flat = np.frombuffer(b"".join(blank if value is None else value for value in values), HALF)
    missing = np.fromiter((value is None for value in values), np.bool_, len(values))
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), type=kind, mask=pa.array(missing))


def plain(value: Any) -> Any:
    """A value of the driver as scalars, lists and maps; vectors are for machines and left out of nodes and edges."""
    from neo4j.graph import Node, Path, Relationship

    if isinstance(value, Path):
        return {"nodes": [plain(n) for n in value.nodes], "relationships": [plain(r) for r in value.relationships]}
    if isinstance(value, Node):
        return {"label": ":".join(sorted(value.labels)), **_properties(value)}
    if isinstance(value, Relationship):
        return {"label": value.type, **_properties(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "srid"):
        return [plain(inner) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    iso = getattr(value, "iso_format", None)
    if iso is not None:
        return iso()
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _properties(entity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in sorted(entity.items()) if not isinstance(value, (bytes, bytearray))}
