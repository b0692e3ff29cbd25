"""Graph to HeteroData: the tensors of a graph as of a moment, and the IdMaps that name their rows.

The result depends on what the graph holds, never on the order in which it was loaded or is read: nodes are sorted by
id, edges by (`at`, `event_id`), those of unknown time first.

Attributes follow from the schema's property kinds. Numbers, booleans, timestamps and vectors become tensors under the
name of the property; strings and texts are left out. Where a value may be missing, the tensor holds zero there and a
boolean `has_<property>` beside it tells. Every edge type has its reverse `rev_<TYPE>`, which shares all tensors but
`edge_index`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.ids import IdMap
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import KEY_COLUMNS, EdgeType, GraphSchema, NodeType, Property
from kindred.graph.store import GraphStore

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Triple = tuple[str, str, str]
Positions = NDArray[np.int64]

_DTYPES: dict[PropertyKind, type[np.generic]] = {
    PropertyKind.INTEGER: np.int64,
    PropertyKind.FLOAT: np.float32,
    PropertyKind.BOOLEAN: np.bool_,
    PropertyKind.TIMESTAMP: np.int64,
}
REVERSE_PREFIX = "rev_"


def reverse_of(triple: Triple) -> Triple:
    """The type of the same edges walked the other way."""
    source, relation, target = triple
    return (target, f"{REVERSE_PREFIX}{relation}", source)


def read_hetero_data(
    store: GraphStore, schema: GraphSchema, triples: Sequence[Triple] | None = None, until: int | None = None
) -> tuple[HeteroData, dict[str, IdMap]]:
    """The graph as tensors, validated, and an IdMap for each label.

    Nodes have no time: every node is there whatever `until` says, so that positions of two moments agree.

    Args:
        store: where the graph is.
        schema: what it may hold.
        triples: edge types to read, with the labels at their ends; all edge types and all labels where None.
        until: events up to this timestamp and those of unknown time only, seconds UTC.

    Raises:
        SchemaError: an edge ends at a node that is not there, or a type is not in the schema.
        StoreError: the graph changed while it was read.
    """
    edges = schema.edges if triples is None else tuple(schema.edge(triple) for triple in triples)
    ends = {label for edge in edges for label in (edge.source, edge.target)}
    nodes = tuple(node for node in schema.nodes if triples is None or node.label in ends)
    from torch_geometric.data import HeteroData  # its import takes seconds, which an answer must not cost

    data, ids = HeteroData(), {}
    for node in nodes:
        ids[node.label] = _read_nodes(store, node, data)
    for edge in edges:
        _read_edges(store, edge, data, ids, until)
    return data, ids


def _read_nodes(store: GraphStore, node: NodeType, data: HeteroData) -> IdMap:
    properties = _tensor_properties(node.properties)
    expected = store.count(node)
    batches = _read_whole(store.read_nodes(node, ["id", *(p.name for p in properties)]))
    column = _light_column(batches, "id", pa.string())
    _check_count(node, expected, len(column))
    ids = IdMap.sorted(column.to_pylist())
    data[node.label].num_nodes = len(ids)
    places = ids.positions_of_column(column)
    for name, tensor in _tensors(batches, properties, places):
        data[node.label][name] = tensor
    return ids


def _read_edges(store: GraphStore, edge: EdgeType, data: HeteroData, ids: dict[str, IdMap], until: int | None) -> None:
    properties = _tensor_properties(edge.properties)
    expected = store.count(edge)
    names = [*KEY_COLUMNS, *(p.name for p in properties)]
    batches = _read_whole(store.read_edges(edge, names, until))
    num_edges = sum(len(batch) for batch in batches)
    if until is None or not edge.is_event:
        _check_count(edge, expected, num_edges)
    order = _canonical_order(batches, edge)
    places = np.empty(num_edges, dtype=np.int64)
    places[order] = np.arange(num_edges)
    ends = [
        _positions(batches, edge, column, ids[label])[order]
        for column, label in (("source_id", edge.source), ("target_id", edge.target))
    ]
    forward, backward = data[edge.triple], data[reverse_of(edge.triple)]
    forward.edge_index = torch.from_numpy(np.stack(ends))
    backward.edge_index = forward.edge_index.flip(0)
    for name, tensor in _tensors(batches, properties, places):
        forward[name] = tensor
        backward[name] = tensor


def _read_whole(batches: Iterator[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """All non-empty batches; vectors in them may stay on disk where the engine maps them."""
    return [batch for batch in batches if len(batch)]


def _check_count(table: NodeType | EdgeType, expected: int, read: int) -> None:
    if read != expected:
        raise StoreError(
            f"the graph counts {expected} rows of {table.name} but {read} were read",
            "wait until loading ends; try again",
        )


def _light_column(batches: Sequence[pa.RecordBatch], name: str, empty_type: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([batch.column(name) for batch in batches], type=None if batches else empty_type)


def _canonical_order(batches: Sequence[pa.RecordBatch], edge: EdgeType) -> Positions:
    """Row of each edge in the order (`at`, `event_id`)."""
    import pyarrow.compute as pc

    keys = {"event_id": pa.string()} | ({"at": pa.int64()} if edge.is_event else {})
    table = pa.table({name: _light_column(batches, name, kind) for name, kind in keys.items()})
    if edge.is_event:
        table = table.set_column(1, "at", pc.fill_null(table["at"], 0))
    sort_keys = [(name, "ascending") for name in reversed(keys)]
    order: Positions = pc.sort_indices(table, sort_keys=sort_keys).to_numpy()
    return order.astype(np.int64)


def _positions(batches: Sequence[pa.RecordBatch], edge: EdgeType, column: str, ids: IdMap) -> Positions:
    externals = _light_column(batches, column, pa.string())
    positions = ids.positions_of_column(externals)
    if (positions < 0).any():
        first = int(np.flatnonzero(positions < 0)[0])
        raise SchemaError(
            f"{int((positions < 0).sum())} {edge.type} edges have no node at their {column}, "
            f"the first is {externals[first]}",
            "load the nodes, then read again",
        )
    return positions


def _tensor_properties(properties: Iterable[Property]) -> list[Property]:
    kinds = {*_DTYPES, PropertyKind.VECTOR}
    return [p for p in properties if p.kind in kinds]


def _tensors(
    batches: Sequence[pa.RecordBatch], properties: Sequence[Property], places: Positions
) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and tensor of each property, row r of the batches at `places[r]`; vectors never written are left out."""
    for prop in properties:
        present = [batch for batch in batches if prop.name in batch.schema.names]
        if len(present) != len(batches) or (not batches and prop.kind is PropertyKind.VECTOR):
            continue
        fill = _scatter_vectors if prop.kind is PropertyKind.VECTOR else _scatter_numbers
        values, known = fill(batches, prop, places)
        yield prop.name, torch.from_numpy(values)
        if not prop.required:
            yield f"has_{prop.name}", torch.from_numpy(known)


def _scatter_numbers(
    batches: Sequence[pa.RecordBatch], prop: Property, places: Positions
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    dtype = _DTYPES[prop.kind]
    values, known = np.zeros(len(places), dtype=dtype), np.zeros(len(places), dtype=np.bool_)
    for rows, batch in _with_rows(batches, places):
        column = batch.column(prop.name)
        known[rows] = column.is_valid().to_numpy(zero_copy_only=False)
        filled = column.fill_null(False if prop.kind is PropertyKind.BOOLEAN else 0)
        values[rows] = filled.to_numpy(zero_copy_only=False).astype(dtype)
    return values, known


def _scatter_vectors(
    batches: Sequence[pa.RecordBatch], prop: Property, places: Positions
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    length = batches[0].column(prop.name).type.list_size
    values = np.zeros((len(places), length), dtype=np.float16)
    for rows, batch in _with_rows(batches, places):
        column = batch.column(prop.name)
        flat = column.values.slice(column.offset * length, len(column) * length).to_numpy(zero_copy_only=False)
        values[rows] = flat.reshape(len(column), length)
        if column.null_count:
            values[rows[column.is_null().to_numpy(zero_copy_only=False)]] = 0
    # Bits are compared, many at a time: numpy converts float16 one by one.
    words = values.view(np.uint64 if length % 4 == 0 else np.uint16)
    return values, np.asarray(words.any(axis=1))


def _with_rows(batches: Sequence[pa.RecordBatch], places: Positions) -> Iterator[tuple[Positions, pa.RecordBatch]]:
    start = 0
    for batch in batches:
        yield places[start : start + len(batch)], batch
        start += len(batch)
