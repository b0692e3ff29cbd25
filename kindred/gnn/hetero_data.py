"""Graph to HeteroData: the tensors of a graph as of a time, and the IdMaps that name their rows.

The result depends on what the graph holds, never on the order in which it was loaded or is read: nodes are sorted by
id, edges by (`at`, `event_id`), those of unknown time first.

Attributes follow from the schema's property kinds (`columns.py`). Every edge type has its reverse `rev_<TYPE>`, which
shares all tensors but `edge_index`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.ids import IdMap
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import KEY_COLUMNS, EdgeType, GraphSchema, NodeType, Property
from kindred.gnn.columns import Positions, column_properties, columns_of, edge_columns, light_column
from kindred.graph.store import GraphStore

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Triple = tuple[str, str, str]

REVERSE_PREFIX = "rev_"


def reverse_of(triple: Triple) -> Triple:
    """The type of the same edges walked the other way."""
    source, relation, target = triple
    return (target, f"{REVERSE_PREFIX}{relation}", source)


def read_hetero_data(
    store: GraphStore,
    schema: GraphSchema,
    triples: Sequence[Triple] | None = None,
    until: int | None = None,
    *,
    vectors: bool = True,
) -> tuple[HeteroData, dict[str, IdMap]]:
    """The graph as tensors, validated, and an IdMap for each label.

    Nodes have no time: every node is there whatever `until` says, so that positions of two times agree.

    Args:
        store: where the graph is.
        schema: what it may hold.
        triples: edge types to read, with the labels at their ends; all edge types and all labels where None.
        until: events up to this timestamp and those of unknown time only, seconds UTC.
        vectors: whether those of texts are read too, which take most of the memory.

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
        ids[node.label] = _read_nodes(store, node, data, _columns(node.properties, vectors))
    for edge in edges:
        _read_edges(store, edge, (data, ids), until, _columns(edge.properties, vectors))
    return data, ids


def _columns(properties: Iterable[Property], vectors: bool) -> list[Property]:
    return [p for p in column_properties(properties) if vectors or p.kind is not PropertyKind.VECTOR]


def _read_nodes(store: GraphStore, node: NodeType, data: HeteroData, properties: Sequence[Property]) -> IdMap:
    expected = store.count(node)
    batches = _read_whole(store.read_nodes(node, ["id", *(p.name for p in properties)]))
    column = light_column(batches, "id", pa.string())
    _check_count(node, expected, len(column))
    ids = IdMap.sorted(column.to_pylist())
    data[node.label].num_nodes = len(ids)
    positions = ids.positions_of_column(column)
    for name, values in columns_of(batches, properties, positions):
        data[node.label][name] = torch.from_numpy(values)
    return ids


def _read_edges(
    store: GraphStore,
    edge: EdgeType,
    read: tuple[HeteroData, dict[str, IdMap]],
    until: int | None,
    properties: Sequence[Property],
) -> None:
    data, ids = read
    expected = store.count(edge)
    names = [*KEY_COLUMNS, *(p.name for p in properties)]
    batches = _read_whole(store.read_edges(edge, names, until))
    num_edges = sum(len(batch) for batch in batches)
    if until is None or not edge.is_event:
        _check_count(edge, expected, num_edges)
    order, columns = edge_columns(edge, batches, properties)
    ends = [
        _positions(batches, edge, column, ids[label])[order]
        for column, label in (("source_id", edge.source), ("target_id", edge.target))
    ]
    forward, backward = data[edge.triple], data[reverse_of(edge.triple)]
    forward.edge_index = torch.from_numpy(np.stack(ends))
    backward.edge_index = forward.edge_index.flip(0)
    for name, values in columns.items():
        forward[name] = backward[name] = torch.from_numpy(values)


def _read_whole(batches: Iterator[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """All non-empty batches; vectors in them may stay on disk where the engine maps them."""
    return [batch for batch in batches if len(batch)]


def _check_count(table: NodeType | EdgeType, expected: int, read: int) -> None:
    if read != expected:
        raise StoreError(
            f"the graph counts {expected} rows of {table.name} but {read} were read",
            "wait until loading ends; try again",
        )


def _positions(batches: Sequence[pa.RecordBatch], edge: EdgeType, column: str, ids: IdMap) -> Positions:
    externals = light_column(batches, column, pa.string())
    positions = ids.positions_of_column(externals)
    if (positions < 0).any():
        first = int(np.flatnonzero(positions < 0)[0])
        raise SchemaError(
            f"{int((positions < 0).sum())} {edge.type} edges have no node at their {column}, "
            f"the first is {externals[first]}",
            "load the nodes, then read again",
        )
    return positions
