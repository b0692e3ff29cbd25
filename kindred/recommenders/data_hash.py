"""The hash of what a system learns from, so that what other domains bring into the graph makes no training."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from kindred.domain.content_hash import ContentHash
from kindred.domain.properties import PropertyKind
from kindred.domain.records import User
from kindred.domain.schema import EdgeType, NodeType, edge_type_of, graph_schema
from kindred.graph.store import GraphStore
from kindred.recommenders.system import System


def data_hash(system: System, store: GraphStore) -> str:
    """A hash that is equal where a training of the system would read the same.

    Its events and other edges count, but for those that a run of its own predicted; its items, all of them; and of the
    users, and of what items lead to, those that such an edge joins: others belong to other domains.
    """
    content = ContentHash()
    joined: dict[str, set[str]] = defaultdict(set)
    for edge in _edges(system):
        for batch in store.read_edges(edge, _columns(edge)):
            own = _not_predicted(batch, system) if edge == system.edge else batch
            content.add(edge, own)
            joined[edge.source].update(own["source_id"].to_pylist())
            joined[edge.target].update(own["target_id"].to_pylist())
    whole = {system.user_label, system.item_label} - {User.label}
    for label in sorted(joined.keys() | whole):
        node = graph_schema().node(label)
        ids = None if label in whole else pa.array(sorted(joined[label]), pa.string())
        for batch in store.read_nodes(node, _columns(node)):
            content.add(node, batch if ids is None else batch.filter(pc.is_in(batch["id"], ids)))
    return content.hexdigest()


def _edges(system: System) -> tuple[EdgeType, ...]:
    return (*map(graph_schema().edge, system.triples), *map(edge_type_of, system.reads))


def _columns(table: NodeType | EdgeType) -> list[str]:
    return [prop.name for prop in table.properties if prop.kind is not PropertyKind.VECTOR]


def _not_predicted(batch: pa.RecordBatch, system: System) -> pa.RecordBatch:
    return batch if system.predicted is None else batch.filter(pc.is_null(batch[system.predicted]))
