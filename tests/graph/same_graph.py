"""What is compared of two graphs that should be one: what they hold, and the tensors made of them."""

from __future__ import annotations

import torch
from torch_geometric.data import HeteroData

from kindred.domain.ids import IdMap
from kindred.domain.schema import graph_schema
from kindred.gnn.hetero_data import read_hetero_data
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore

SCHEMA = graph_schema()


def assert_same_graph(one: GraphStore, other: GraphStore) -> None:
    assert graph_statistics(one, SCHEMA) == graph_statistics(other, SCHEMA)
    assert one.read_metadata() == other.read_metadata()
    assert_same_tensors(*read_hetero_data(one, SCHEMA), *read_hetero_data(other, SCHEMA))


def assert_same_tensors(one: HeteroData, ids: dict[str, IdMap], other: HeteroData, other_ids: dict[str, IdMap]) -> None:
    assert {label: known.ids for label, known in ids.items()} == {
        label: known.ids for label, known in other_ids.items()
    }
    assert one.node_types == other.node_types and one.edge_types == other.edge_types
    for kind in (*one.node_types, *one.edge_types):
        values, others = one[kind].to_dict(), other[kind].to_dict()
        assert values.keys() == others.keys(), kind
        for name, value in values.items():
            same = torch.equal(value, others[name]) if isinstance(value, torch.Tensor) else value == others[name]
            assert same and getattr(value, "dtype", None) == getattr(others[name], "dtype", None), (kind, name)
