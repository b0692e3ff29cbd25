"""An exported graph runs through the layers, transforms and loaders of PyTorch Geometric as it comes."""

from __future__ import annotations

import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.nn import GraphSAGE, HeteroConv, HGTConv, TransformerConv, to_hetero
from torch_geometric.transforms import RandomLinkSplit

from kindred.domain.schema import graph_schema
from kindred.gnn.graph_arrays import read_graph_arrays, write_graph_arrays
from kindred.gnn.hetero_data import read_hetero_data, reverse_of
from kindred.gnn.hetero_files import read_back
from kindred.gnn.layer_input import layer_input
from kindred.graph.open import open_graph
from tests.gnn.graphs import REVIEWED, TableStore
from tests.gnn.test_hetero_data import tables
from tests.graph.town import build_town


@pytest.fixture(scope="module", params=["texts", "all domains"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HeteroData:
    """A shop with embeddings on nodes and edges, or every domain without any; written and read as a user does."""
    folder = tmp_path_factory.mktemp("exported")
    if request.param == "texts":
        arrays = read_graph_arrays(TableStore(tables()), graph_schema())
    else:
        with closing(open_graph(f"ladybug:{folder / 'graph'}")) as store:
            build_town(store)
            arrays = read_graph_arrays(store, graph_schema())
    write_graph_arrays(*arrays, folder / "export")
    return read_back(str(folder / "export"))[0]


def test_it_runs_through_to_hetero_graph_sage(exported: HeteroData) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # a type that no message reaches
        model = to_hetero(GraphSAGE((-1, -1), 8, num_layers=2), exported.metadata())
        found = model(exported.x_dict, exported.edge_index_dict)
    assert_embeddings(found, exported)


def test_it_runs_through_hgt_conv(exported: HeteroData) -> None:
    found = HGTConv(-1, 8, exported.metadata(), heads=2)(exported.x_dict, exported.edge_index_dict)
    assert_embeddings(found, exported)


def test_it_runs_through_transformer_conv_with_its_edge_features(exported: HeteroData) -> None:
    layers, features = {}, {}
    for triple in exported.edge_types:
        floats = [v for v in exported[triple].values() if v.is_floating_point() and v.dim() == 2]
        features[triple] = torch.cat([*floats, torch.ones(exported[triple].num_edges, 1)], dim=1)
        layers[triple] = TransformerConv((-1, -1), 8, edge_dim=features[triple].shape[1])
    found = HeteroConv(layers)(exported.x_dict, exported.edge_index_dict, features)
    assert_embeddings(found, exported)


def assert_embeddings(found: dict[str, torch.Tensor], exported: HeteroData) -> None:
    assert set(found) == set(exported.node_types)
    for label, embeddings in found.items():
        assert embeddings.shape == (exported[label].num_nodes, 8) and bool(embeddings.isfinite().all())


def test_random_link_split_parts_the_reviews_and_what_they_carry(exported: HeteroData) -> None:
    split = RandomLinkSplit(0.2, 0.2, edge_types=[REVIEWED], rev_edge_types=[reverse_of(REVIEWED)])
    train, validation, test = split(exported)
    num_edges = exported[REVIEWED].num_edges
    held_out = int(0.2 * num_edges)
    for part, known in ((train, num_edges - 2 * held_out), (validation, num_edges - 2 * held_out)):
        for triple in (REVIEWED, reverse_of(REVIEWED)):
            assert {len(part[triple][name]) for name in ("at", "time", "rating")} == {known}
    assert test[REVIEWED].edge_label.sum() == held_out


def test_it_is_float32_with_times_and_nothing_empty(exported: HeteroData) -> None:
    assert exported.validate() and exported.num_node_features
    for store in exported.stores:
        assert {v.dtype for v in store.values() if isinstance(v, torch.Tensor) and v.is_floating_point()} <= {
            torch.float32
        }
    assert all(exported[label].num_nodes == len(exported[label].x) > 0 for label in exported.node_types)
    assert all(exported[triple].num_edges for triple in exported.edge_types)
    for triple in (REVIEWED, reverse_of(REVIEWED)):
        assert torch.equal(exported[triple].time, exported[triple]["at"]) and exported[triple].time.dtype == torch.int64


def test_features_are_embeddings_then_numbers_with_flags_where_some_are_unknown() -> None:
    data = HeteroData()
    data["User"].num_nodes = 4
    data["User"].embedding = torch.tensor([[1.0, 2.0], [0.0, 0.0], [3.0, 4.0], [5.0, 6.0]]).half()
    data["User"].has_embedding = torch.tensor([True, False, True, True])
    data["User"].age = torch.tensor([10, 0, 30, 20])
    data["User"].has_age = torch.tensor([True, False, True, True])
    data["User"].member = torch.tensor([True, True, False, False])
    data["User"].same = torch.full((4,), 7.0)
    data["User"].unknown = torch.zeros(4)
    data["User"].has_unknown = torch.zeros(4, dtype=torch.bool)
    spread = float(np.std([10, 30, 20]))
    x = layer_input(data)["User"].x
    assert x.dtype == torch.float32
    expected = torch.tensor([
        [1, 2, 1, -10 / spread, 1, 1],
        [0, 0, 0, 0, 0, 1],
        [3, 4, 1, 10 / spread, 1, -1],
        [5, 6, 1, 0, 1, -1],
    ])  # fmt: skip
    assert torch.allclose(x, expected)


def test_a_type_without_features_gets_ones_and_an_unreached_one_keeps_its_edge_types() -> None:
    data, _ = read_hetero_data(TableStore(tables()), graph_schema(), until=0)
    ready = layer_input(data)
    assert ready["User"].x.tolist() == [[1.0]] * 3
    # No review was written yet, so that users have no edges; categories are joined to products all the same.
    assert "Brand" not in ready.node_types and REVIEWED in ready.edge_types
    assert_embeddings(HGTConv(-1, 8, ready.metadata())(ready.x_dict, ready.edge_index_dict), ready)


def test_reverse_types_share_what_they_carry() -> None:
    data, _ = read_hetero_data(TableStore(tables()), graph_schema())
    ready = layer_input(data)
    for name in ("text_embedding", "rating", "time"):
        assert ready[REVIEWED][name].data_ptr() == ready[reverse_of(REVIEWED)][name].data_ptr()


def test_the_files_can_be_read_by_who_may_look_into_the_folder(tmp_path: Path) -> None:
    arrays = read_graph_arrays(TableStore(tables()), graph_schema())
    write_graph_arrays(*arrays, tmp_path / "export")
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "export").iterdir()}
    assert modes == {(tmp_path / "export").stat().st_mode & 0o666}
