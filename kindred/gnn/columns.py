"""Arrow batches of nodes or edges as numpy columns, in an order that depends on what they hold alone.

Numbers, booleans, timestamps and vectors become arrays under the name of the property; strings and texts are left out.
Where a value may be missing, the array holds zero there and a boolean `has_<property>` beside it tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kindred.domain.arrow_values import known_of, values_of
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import EdgeType, Property

Positions = NDArray[np.int64]
Column = NDArray[np.generic]

FEW_ROWS = 2_000
"""So many rows are sorted by Python before Arrow is worth loading."""
_DTYPES: dict[PropertyKind, type[np.generic]] = {
    PropertyKind.INTEGER: np.int64,
    PropertyKind.FLOAT: np.float32,
    PropertyKind.BOOLEAN: np.bool_,
    PropertyKind.TIMESTAMP: np.int64,
}


def edge_columns(
    edge: EdgeType, batches: Sequence[pa.RecordBatch], properties: Sequence[Property] | None = None
) -> tuple[Positions, dict[str, Column]]:
    """Row of each edge in the order (`at`, `event_id`), and these attributes in that order, `[num_edges, …]`.

    All attributes that the batches have where `properties` is None.
    """
    order = _canonical_order(batches, edge)
    positions = np.empty(len(order), dtype=np.int64)
    positions[order] = np.arange(len(order))
    wanted = column_properties(edge.properties) if properties is None else properties
    return order, dict(columns_of(batches, wanted, positions))


def joined_column(batches: Sequence[pa.RecordBatch], name: str, empty_type: pa.DataType) -> pa.ChunkedArray:
    """One column of all batches; of that type where there is no batch."""
    return pa.chunked_array([batch.column(name) for batch in batches], type=None if batches else empty_type)


def _canonical_order(batches: Sequence[pa.RecordBatch], edge: EdgeType) -> Positions:
    """Row of each edge in the order (`at`, `event_id`)."""
    ids = joined_column(batches, "event_id", pa.string())
    at = values_of(joined_column(batches, "at", pa.int64()))[0] if edge.is_event else np.zeros(len(ids), np.int64)
    if len(ids) <= FEW_ROWS:
        keys = list(zip(at.tolist(), ids.to_pylist(), strict=True))
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
    import pyarrow.compute as pc

    table = pa.table({"at": at, "event_id": ids})
    order: Positions = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in table.schema.names]).to_numpy()
    return order.astype(np.int64)


def column_properties(properties: Iterable[Property]) -> list[Property]:
    """The properties that become columns."""
    kinds = {*_DTYPES, PropertyKind.VECTOR}
    return [p for p in properties if p.kind in kinds]


def columns_of(
    batches: Sequence[pa.RecordBatch], properties: Sequence[Property], positions: Positions
) -> Iterator[tuple[str, Column]]:
    """Name and values of each property, row r of the batches at `positions[r]`; vectors never written are left out."""
    for prop in properties:
        present = [batch for batch in batches if prop.name in batch.schema.names]
        if len(present) != len(batches) or (not batches and prop.kind is PropertyKind.VECTOR):
            continue
        fill = _scatter_vectors if prop.kind is PropertyKind.VECTOR else _scatter_numbers
        values, known = fill(batches, prop, positions)
        yield prop.name, values
        if not prop.required:
            yield f"has_{prop.name}", known


def _scatter_numbers(
    batches: Sequence[pa.RecordBatch], prop: Property, positions: Positions
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    dtype = _DTYPES[prop.kind]
    values, known = np.zeros(len(positions), dtype=dtype), np.zeros(len(positions), dtype=np.bool_)
    for rows, batch in _with_rows(batches, positions):
        found, known[rows] = values_of(batch.column(prop.name))
        values[rows] = found.astype(dtype)
    return values, known


def _scatter_vectors(
    batches: Sequence[pa.RecordBatch], prop: Property, positions: Positions
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    length = batches[0].column(prop.name).type.list_size
    values = np.zeros((len(positions), length), dtype=np.float16)
    for rows, batch in _with_rows(batches, positions):
        column = batch.column(prop.name)
        flat, _ = values_of(column.values.slice(column.offset * length, len(column) * length))
        values[rows] = flat.reshape(len(column), length)
        if column.null_count:
            values[rows[~known_of(column)]] = 0
    # Bits are compared, many at a time: numpy converts float16 one by one.
    words = values.view(np.uint64 if length % 4 == 0 else np.uint16)
    return values, np.asarray(words.any(axis=1))


def _with_rows(batches: Sequence[pa.RecordBatch], positions: Positions) -> Iterator[tuple[Positions, pa.RecordBatch]]:
    start = 0
    for batch in batches:
        yield positions[start : start + len(batch)], batch
        start += len(batch)
