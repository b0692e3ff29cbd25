"""What a graph holds, in numbers, and the hash of its content."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from kindred.domain.content_hash import ContentHash
from kindred.domain.progress import Progress, silent
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import EdgeType, GraphSchema, NodeType, Table
from kindred.graph.store import GraphStore


@dataclass(frozen=True)
class GraphStatistics:
    """Counts and content of a graph.

    Attributes:
        nodes: number of nodes by label.
        edges: number of edges by `Source-TYPE-Target`.
        earliest: `at` of the first event, seconds UTC; None where there is no event.
        latest: `at` of the last event, seconds UTC.
        content_hash: equal for equal content, whatever the engine and the order of loading.
    """

    nodes: dict[str, int]
    edges: dict[str, int]
    earliest: int | None
    latest: int | None
    content_hash: str


def graph_statistics(store: GraphStore, schema: GraphSchema, progress: Progress = silent) -> GraphStatistics:
    """Reads every row once and sums it up."""
    content = ContentHash()
    nodes = {node.label: _add(content, store, node, progress)[0] for node in schema.nodes}
    edges: dict[str, int] = {}
    times: list[int] = []
    for edge in schema.edges:
        edges["-".join(edge.triple)], seen = _add(content, store, edge, progress)
        times += seen
    return GraphStatistics(
        nodes, edges, min(times, default=None), max(times, default=None), content_hash=content.hexdigest()
    )


def _add(content: ContentHash, store: GraphStore, table: Table, progress: Progress) -> tuple[int, list[int]]:
    """Number of rows, and the bounds of the times in them."""
    columns = [prop.name for prop in table.properties if prop.kind is not PropertyKind.VECTOR]
    batches = store.read_nodes(table, columns) if isinstance(table, NodeType) else store.read_edges(table, columns)
    num_rows = 0
    times: list[int] = []
    for batch in batches:
        content.add(table, batch)
        num_rows += batch.num_rows
        if isinstance(table, EdgeType) and table.is_event:
            times += _bounds(batch["at"])
        progress(f"reading {table.name}", num_rows, None)
    return num_rows, times


def _bounds(times: pa.Array) -> list[int]:
    found = pc.min_max(times).as_py()
    return [] if found["min"] is None else [found["min"], found["max"]]
