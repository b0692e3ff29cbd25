"""The graph as a NetworkX MultiDiGraph, and as the files that NetworkX and its kin read.

A node is `(label, id)`, an edge's key is `TYPE:event_id`, since event ids are unique within a type only. Both carry
their light properties (all but texts and vectors); one that is unknown is absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kindred.domain.errors import StoreError
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import EdgeType, GraphSchema, NodeType
from kindred.graph.store import GraphStore

if TYPE_CHECKING:
    import networkx as nx

_HEAVY = (PropertyKind.TEXT, PropertyKind.VECTOR)
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_networkx(store: GraphStore, schema: GraphSchema, until: int | None = None) -> nx.MultiDiGraph:
    """The whole graph, in memory: about 1 kB an edge.

    Args:
        store: where the graph is.
        schema: what it may hold.
        until: events up to this moment only, seconds UTC; nodes have no time, so all are there.
    """
    import networkx as nx  # its import takes a quarter of a second

    graph = nx.MultiDiGraph()
    for node in schema.nodes:
        for row in _rows(store.read_nodes(node, _light_columns(node))):
            graph.add_node((node.label, row["id"]), label=node.label, **row)
    for edge in schema.edges:
        for row in _rows(store.read_edges(edge, _light_columns(edge), until)):
            source, target = (edge.source, row.pop("source_id")), (edge.target, row.pop("target_id"))
            graph.add_edge(source, target, f"{edge.type}:{row['event_id']}", type=edge.type, **row)
    return graph


def write_graphml(graph: nx.MultiDiGraph, path: Path) -> None:
    """Writes GraphML for Gephi, yEd, igraph and others: nodes are `Label:id`, lists become JSON.

    Characters that XML can't hold become U+FFFD.

    Raises:
        StoreError: the file can't be written.
    """
    import networkx as nx

    plain = nx.MultiDiGraph()
    for (label, node_id), properties in graph.nodes(data=True):
        plain.add_node(_name(label, node_id), **_plain(properties))
    for source, target, key, properties in graph.edges(keys=True, data=True):
        plain.add_edge(_name(*source), _name(*target), _xml_text(key), **_plain(properties))
    try:
        nx.write_graphml(plain, path)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_node_link(graph: nx.MultiDiGraph, path: Path) -> None:
    """Writes JSON that `networkx.node_link_graph(document, name="node")` turns back into an equal graph.

    Raises:
        StoreError: the file can't be written.
    """
    import networkx as nx

    document = nx.node_link_data(graph, name="node", edges="edges")  # `id`, the usual name, is a property of ours
    try:
        path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _light_columns(table: NodeType | EdgeType) -> list[str]:
    return [prop.name for prop in table.properties if prop.kind not in _HEAVY]


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        for row in batch.to_pylist():
            yield {name: value for name, value in row.items() if value is not None}


def _plain(properties: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """The properties with types that GraphML knows."""
    found: dict[str, str | int | float | bool] = {}
    for name, value in properties.items():
        plain = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
        found[name] = _xml_text(plain) if isinstance(plain, str) else plain
    return found


def _name(label: str, node_id: str) -> str:
    return _xml_text(f"{label}:{node_id}")


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"can't write {path}: {error.strerror}", "name another file")
