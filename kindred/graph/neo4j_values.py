"""Values on their way to Neo4j and back: Arrow columns to parameters, lists to Arrow columns, answers to tables.

Vectors are bytes in Neo4j, float16 little endian: a list of numbers would cost 30 times as much on the wire.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kindred.domain.errors import SchemaError
from kindred.domain.schema import EdgeType, NodeType, arrow_schema

HALF = np.dtype("<f2")


def vector_lengths(rows: pa.Table) -> dict[str, int]:
    """Length of each vector column that holds at least one vector."""
    return {
        field.name: field.type.list_size
        for field in rows.schema
        if pa.types.is_fixed_size_list(field.type) and rows[field.name].null_count < len(rows)
    }


def fitted(table: NodeType | EdgeType, rows: pa.Table) -> pa.Table:
    """The rows with exactly the types of the schema; optional columns may be missing and stay so.

    Raises:
        SchemaError: a column that is unknown, missing, of another type, or null where it must not be.
    """
    schema = arrow_schema(table, 1)
    fields = []
    for name in rows.schema.names:
        position = schema.get_field_index(name)
        if position < 0:
            raise SchemaError(f"{table.name} has no property {name!r}", f"its properties are {', '.join(schema.names)}")
        kind = schema.field(position).type
        if pa.types.is_fixed_size_list(kind):
            kind = rows.schema.field(name).type
            if not pa.types.is_fixed_size_list(kind):
                raise SchemaError(f"{table.name}.{name} must be vectors of one length, got {kind}", "encode it again")
            kind = pa.list_(pa.float16(), kind.list_size)
        fields.append(pa.field(name, kind))
    for prop in table.properties:
        if prop.required and (prop.name not in rows.schema.names or rows[prop.name].null_count):
            raise SchemaError(f"{table.name} rows need a value for {prop.name!r}", "leave incomplete rows out")
    try:
        return rows.cast(pa.schema(fields))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaError(f"{table.name} rows do not fit: {error}", "give the types of the schema") from error


def parameters_of(rows: pa.Table) -> dict[str, list[Any]]:
    """The rows as columns of values that Bolt can carry."""
    return {
        name: _vector_bytes(column) if pa.types.is_fixed_size_list(column.type) else column.to_pylist()
        for name, column in zip(rows.schema.names, rows.columns, strict=True)
    }


def _vector_bytes(column: pa.ChunkedArray) -> list[bytes | None]:
    length = column.type.list_size
    vectors: list[bytes | None] = []
    for chunk in column.chunks:
        values = chunk.values.slice(chunk.offset * length, len(chunk) * length)
        packed = values.to_numpy(zero_copy_only=False).astype(HALF).tobytes()
        width = length * HALF.itemsize
        valid = chunk.is_valid().to_numpy(zero_copy_only=False)
        vectors.extend(packed[i * width : (i + 1) * width] if valid[i] else None for i in range(len(chunk)))
    return vectors


def batch_of(columns: Sequence[list[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Lists as they came from the server, as one record batch of that schema."""
    arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values, type=kind)
    blank = bytes(kind.list_size * HALF.itemsize)
    flat = np.frombuffer(b"".join(blank if value is None else value for value in values), HALF)
    missing = np.fromiter((value is None for value in values), np.bool_, len(values))
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), type=kind, mask=pa.array(missing))


def answer_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """What a query answered, a column an expression: scalars and lists of them as they are, all else as JSON text."""
    columns = [[_plain(row[position]) for row in rows] for position in range(len(names))]
    return pa.Table.from_arrays([_column(values) for values in columns], names=list(names))


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # values of several types in one column
        return pa.array([value if value is None or isinstance(value, str) else _json(value) for value in values])


def _plain(value: Any) -> Any:
    """A value of the driver as one that Arrow knows; nodes, relationships, paths and maps as JSON text."""
    shown = _shown(value)
    if isinstance(shown, dict) or (isinstance(shown, list) and any(isinstance(v, (dict, list)) for v in shown)):
        return _json(shown)
    return shown


def _shown(value: Any) -> Any:
    from neo4j.graph import Node, Path, Relationship

    if isinstance(value, Path):
        return {"nodes": [_shown(n) for n in value.nodes], "relationships": [_shown(r) for r in value.relationships]}
    if isinstance(value, Node):
        return {"labels": sorted(value.labels), **_properties(value)}
    if isinstance(value, Relationship):
        return {"type": value.type, **_properties(value)}
    if isinstance(value, Mapping):
        return {str(key): _shown(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "srid"):
        return [_shown(inner) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    iso = getattr(value, "iso_format", None)
    if iso is not None:
        return iso()
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _properties(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of a node or relationship; vectors are for machines and left out."""
    return {name: _shown(value) for name, value in sorted(entity.items()) if not isinstance(value, (bytes, bytearray))}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
