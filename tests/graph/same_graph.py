"""What is compared of two graphs that should be one: what they hold, the tensors and the model made of them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch_geometric.data import HeteroData

from kindred.domain.ids import IdMap
from kindred.domain.schema import graph_schema
from kindred.gnn.hetero_data import read_hetero_data
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.training import GraphState, train_on
from kindred.training.fit import RunOptions
from tests.recommenders.conftest import SMALL

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


def assert_same_model(one: GraphStore, other: GraphStore, folder: Path) -> None:
    trained = [_train(store, folder / name) for store, name in ((one, "of one"), (other, "of other"))]
    assert trained[0] == trained[1]


def _train(store: GraphStore, folder: Path) -> tuple[dict[str, object], dict[str, bytes]]:
    """The manifest of a run, with its metrics, and the content of every file of tensors, by name."""
    config = SMALL.model_copy(update={"gnn": SMALL.gnn.model_copy(update={"epochs": 1})})
    folder.mkdir()
    state = GraphState("either", graph_statistics(store, SCHEMA).content_hash)
    run = train_on(read_interaction_graph(PRODUCTS, store), config, RunOptions(folder, seed=3, device="cpu"), state)
    assert run.manifest["gnn"]["best_score"] > 0
    made = {name: value for name, value in run.manifest.items() if name not in ("files", "hash")}
    return made, {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
