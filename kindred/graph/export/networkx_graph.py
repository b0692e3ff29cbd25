"""The graph as a NetworkX MultiDiGraph, and as the JSON that NetworkX reads.

A node is `(label, id)`, an edge's key is `TYPE:event_id`, since event ids are unique within a type only. Both carry
their light properties (all but texts and vectors); one that is unknown is absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from kindred.domain.progress import Progress, silent
from kindred.domain.schema import EdgeType, GraphSchema, NodeType
from kindred.files import whole_file
from kindred.graph.export.light_tables import Exported, read_light, rows_of
from kindred.graph.store import GraphStore

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(store: GraphStore, schema: GraphSchema, until: int | None = None) -> nx.MultiDiGraph:
    """The whole graph, in memory: about 1 kB an edge.

    Args:
        store: where the graph is.
        schema: what it may hold.
        until: events up to this timestamp and those of unknown time only, seconds UTC; nodes have no time.
    """
    import networkx as nx  # its import takes a quarter of a second

    graph = nx.MultiDiGraph()
    for node in schema.nodes:
        for batch in read_light(store, node):
            for row in _nodes(node, batch):
                graph.add_node(tuple(row.pop("id")), **row)
    for edge in schema.edges:
        for batch in read_light(store, edge, until):
            for row in _edges(edge, batch):
                ends = tuple(row.pop("source")), tuple(row.pop("target"))
                graph.add_edge(*ends, row.pop("key"), **row)
    return graph


def write_node_link(
    store: GraphStore, schema: GraphSchema, path: Path, until: int | None = None, progress: Progress = silent
) -> None:
    """Writes JSON that `networkx.node_link_graph(document)` turns into the graph of `to_networkx`, batch by batch.

    Raises:
        StoreError: the file can't be written.
    """
    exported = Exported(store, schema, until, progress)
    nodes = [table for table in exported.tables if isinstance(table, NodeType)]
    edges = [table for table in exported.tables if isinstance(table, EdgeType)]
    with whole_file(path) as part, part.open("wb") as file:
        file.write(b'{"directed":true,"multigraph":true,"graph":{},"nodes":[')
        file.writelines(
            _listed(row for node in nodes for batch in exported.batches(node) for row in _nodes(node, batch))
        )
        file.write(b'],"edges":[')
        file.writelines(
            _listed(row for edge in edges for batch in exported.batches(edge) for row in _edges(edge, batch))
        )
        file.write(b"]}\n")


def _listed(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """The rows as the elements of a JSON list, one a line."""
    separator = b"\n"
    for row in rows:
        yield separator + orjson.dumps(row)
        separator = b",\n"


def _nodes(node: NodeType, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Nodes as node-link data has them: what NetworkX calls `id` is label and id."""
    for row in rows_of(batch):
        yield row | {"id": [node.label, row["id"]], "label": node.label}


def _edges(edge: EdgeType, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Edges as node-link data has them."""
    for row in rows_of(batch):
        source, target = [edge.source, row.pop("source_id")], [edge.target, row.pop("target_id")]
        key = f"{edge.type}:{row['event_id']}"
        yield {"source": source, "target": target, "key": key, "type": edge.type} | row
