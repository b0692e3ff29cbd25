"""Nodes and edges of a graph as whole tables, for those who need all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from kindred.domain.ids import IdMap
from kindred.domain.schema import EdgeType, NodeType
from kindred.graph.store import GraphStore


def edge_table(store: GraphStore, edge: EdgeType, columns: Sequence[str], until: int | None = None) -> pa.Table | None:
    """The edges of one type up to a time, None where there are none."""
    batches = [batch for batch in store.read_edges(edge, columns, until) if len(batch)]
    return pa.Table.from_batches(batches) if batches else None


def node_table(store: GraphStore, node: NodeType, columns: Sequence[str]) -> pa.Table:
    """The nodes of one label; the same columns, of no type, where there are none."""
    batches = [batch for batch in store.read_nodes(node, columns) if len(batch)]
    return pa.Table.from_batches(batches) if batches else pa.table({name: [] for name in columns})


def ids_of_nodes(store: GraphStore, node: NodeType) -> IdMap:
    """The id of every node of one label, sorted."""
    return IdMap.sorted(i for batch in store.read_nodes(node, ["id"]) for i in batch.column("id").to_pylist())


def texts_of_nodes(store: GraphStore, node: NodeType, name: str) -> dict[str, str]:
    """This property of every node that has it and where it is not empty, by id."""
    found: dict[str, str] = {}
    for batch in store.read_nodes(node, ["id", name]):
        rows = zip(batch.column("id").to_pylist(), batch.column(name).to_pylist(), strict=True)
        found.update((node_id, value) for node_id, value in rows if value)
    return found


def numbers_of_nodes(store: GraphStore, node: NodeType, names: Iterable[str]) -> dict[str, dict[str, float]]:
    """These properties, numbers or true or false, of every node that has them: name → id → value, true as 1."""
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    if not found:
        return found
    for batch in store.read_nodes(node, ["id", *found]):
        ids = batch.column("id").to_pylist()
        for name, values in found.items():
            rows = zip(ids, batch.column(name).to_pylist(), strict=True)
            values.update((node_id, float(value)) for node_id, value in rows if value is not None)
    return found
