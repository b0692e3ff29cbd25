"""A random crowd of every label and edge type, with parallel edges and missing values, to compare engines on."""

from __future__ import annotations

import random

import pyarrow as pa

from kindred.domain.properties import PropertyKind
from kindred.domain.schema import KEY_COLUMNS, EdgeType, NodeType, Property, arrow_schema, graph_schema
from kindred.graph.store import GraphStore

NUM_EDGES = 60  # of each type: several between the same two nodes
FIRST_DAY = 1_325_376_000  # 2012-01-01
IDS = {node.label: [f"{node.label}-{n}" for n in range(8)] for node in graph_schema().nodes}
TEXTS = ("", "A headline that is long enough", "a HEADLINE that is long enough", "short", "purchase")


def build_crowd(store: GraphStore, seed: int) -> None:
    """Writes the crowd into an empty store; equal seeds make equal crowds."""
    rng = random.Random(seed)
    store.create_schema(graph_schema())
    for node in graph_schema().nodes:
        store.upsert_nodes(node, _table(node, [{"id": node_id, **_values(rng, node)} for node_id in IDS[node.label]]))
    for edge in graph_schema().edges:
        ends = [(rng.choice(IDS[edge.source]), rng.choice(IDS[edge.target])) for _ in range(NUM_EDGES)]
        rows = [
            {"event_id": f"{'-'.join(edge.triple)}-{n}", "source_id": source, "target_id": target, **_values(rng, edge)}
            for n, (source, target) in enumerate(ends)
        ]
        store.upsert_edges(edge, _table(edge, rows))


def _values(rng: random.Random, table: NodeType | EdgeType) -> dict[str, object]:
    return {p.name: _value(rng, p) for p in table.properties if p.name not in ("id", *KEY_COLUMNS)}


def _value(rng: random.Random, prop: Property) -> object:
    if not prop.required and rng.random() < 0.2 and prop.name not in ("action", "count"):
        return None
    return {
        PropertyKind.STRING: rng.choice(TEXTS),
        PropertyKind.TEXT: rng.choice(TEXTS),
        PropertyKind.INTEGER: rng.randint(1, 9),
        PropertyKind.FLOAT: float(rng.randint(1, 5)),
        PropertyKind.BOOLEAN: rng.random() < 0.5,
        PropertyKind.TIMESTAMP: FIRST_DAY + 86_400 * rng.randrange(0, 900, 30) + rng.randrange(3),
        PropertyKind.STRINGS: [],
        PropertyKind.VECTOR: None,
    }[prop.kind]


def _table(table: NodeType | EdgeType, rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(table))
