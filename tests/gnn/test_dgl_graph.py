"""HeteroData and the DGL graph made of it are the same graph."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
import torch
from torch_geometric.data import HeteroData

from kindred.domain.errors import RecordError, SettingsError, StoreError
from kindred.gnn.dgl_graph import to_dgl, write_dgl
from kindred.gnn.layer_input import layer_input
from tests.gnn.graphs import REVIEWED, checkerboard

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "dgl_convolution.py"
needs_dgl = pytest.mark.skipif(sys.version_info >= (3, 12), reason="NOT TESTED: DGL has no wheel for this Python")


def graph() -> HeteroData:
    """A checkerboard with a type of node and of edge that is empty, and tensors of every kind."""
    data = checkerboard()
    data["Brand"].num_nodes = 0
    data["Product", "MADE_BY", "Brand"].edge_index = torch.empty(2, 0, dtype=torch.int64)
    data["Product"].title_embedding = torch.randn(data["Product"].num_nodes, 4).half()
    data[REVIEWED].verified = torch.arange(data[REVIEWED].num_edges) % 2 == 0
    return data


@needs_dgl
def test_types_order_and_tensors_are_equal() -> None:
    data = graph()
    made = to_dgl(data)
    assert set(made.ntypes) == set(data.node_types) and set(made.canonical_etypes) == set(data.edge_types)
    for label in data.node_types:
        assert made.num_nodes(label) == data[label].num_nodes
    for triple in data.edge_types:
        assert torch.equal(torch.stack(made.edges(etype=triple, order="eid")), data[triple].edge_index)
        tensors = {name: value for name, value in data[triple].items() if name != "edge_index"}
        assert set(made.edges[triple].data) == set(tensors)
        assert all(torch.equal(made.edges[triple].data[name], value) for name, value in tensors.items())
    assert torch.equal(made.nodes["Product"].data["title_embedding"], data["Product"].title_embedding)


@needs_dgl
def test_a_file_reads_back(tmp_path: Path) -> None:
    import dgl

    data = graph()
    write_dgl(data, tmp_path / "graph.dgl")
    (back,), _ = dgl.load_graphs(str(tmp_path / "graph.dgl"))
    assert torch.equal(torch.stack(back.edges(etype=REVIEWED, order="eid")), data[REVIEWED].edge_index)
    assert torch.equal(back.edges[REVIEWED].data["verified"].bool(), data[REVIEWED].verified)
    assert [path.name for path in tmp_path.iterdir()] == ["graph.dgl"]
    for place in (tmp_path, tmp_path / "no" / "folder", tmp_path / "graph.dgl" / "below", Path("/dev/full")):
        with pytest.raises(StoreError, match="can't write"):
            write_dgl(data, place)
    with pytest.raises(RecordError, match="without edges"):
        write_dgl(HeteroData(User={"num_nodes": 2}), tmp_path / "empty.dgl")


@needs_dgl
def test_features_ready_for_layers_come_with_the_graph(tmp_path: Path) -> None:
    import dgl
    from dgl.nn.pytorch import SAGEConv

    write_dgl(layer_input(graph()), tmp_path / "graph.dgl")
    (back,), _ = dgl.load_graphs(str(tmp_path / "graph.dgl"))
    assert "Brand" not in back.ntypes and back.edges[REVIEWED].data["time"].dtype == torch.int64
    reviews = back.edge_type_subgraph([REVIEWED])
    features = reviews.nodes["User"].data["x"], reviews.nodes["Product"].data["x"]
    layer = SAGEConv((features[0].shape[1], features[1].shape[1]), 8, "mean")
    assert layer(reviews, features).shape == (back.num_nodes("Product"), 8)


@needs_dgl
def test_one_layer_gives_the_same_answer_in_both_libraries() -> None:
    example = runpy.run_path(str(EXAMPLE))
    assert example["largest_difference"](graph()) < 1e-5


def test_without_dgl_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dgl", None)
    with pytest.raises(SettingsError, match=r"pip install .*\[dgl\]"):
        to_dgl(graph())
