from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from kindred.domain.errors import SchemaError
from kindred.domain.interactions import IntArray
from kindred.gnn.inductive import (
    NewEdges,
    encode_new_sources,
    load_states,
    save_states,
    with_new_nodes,
)
from kindred.gnn.model import GnnConfig, GnnEmbeddings
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.gnn.trained import NodeStates, TrainedGnn
from kindred.training.fit import RunOptions
from tests.gnn.graphs import REVIEWED, checkerboard

NUM_USERS, NUM_PRODUCTS = 40, 24


@pytest.fixture(scope="module")
def data() -> HeteroData:
    graph = checkerboard(NUM_USERS, NUM_PRODUCTS)
    rng = np.random.default_rng(3)
    graph["Product"].title_embedding = torch.from_numpy(rng.normal(size=(NUM_PRODUCTS, 6)).astype(np.float16))
    graph["Product"].has_title_embedding = torch.arange(NUM_PRODUCTS) % 5 > 0
    graph["Product"].num_nodes = NUM_PRODUCTS
    return graph


@pytest.fixture(scope="module", params=["transformer", "gat"])
def trained(request: pytest.FixtureRequest, data: HeteroData, tmp_path_factory: pytest.TempPathFactory) -> TrainedGnn:
    config = GnnConfig(conv=request.param, hidden_dim=16, heads=4, text_dim=4, epochs=3, rating_bias=True)
    rows = np.arange(data[REVIEWED].edge_index.shape[1])
    split = EdgeSplit(rows, rows[:0])
    return train_gnn(data, REVIEWED, split, config, RunOptions(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def kept(trained: TrainedGnn, data: HeteroData) -> NodeStates:
    return trained.states(data)


@pytest.fixture(scope="module")
def whole(trained: TrainedGnn, kept: NodeStates) -> GnnEmbeddings:
    return trained.embed(kept)


def reviews_of(data: HeteroData, users: list[int], order: IntArray | None = None) -> NewEdges:
    """All reviews of these users as reviews of new users 0, 1, …, shuffled by `order` where it is given."""
    edge_index = data[REVIEWED].edge_index.numpy()
    rows = np.concatenate([np.flatnonzero(edge_index[0] == user) for user in users])
    new = np.concatenate([np.full((edge_index[0] == user).sum(), place) for place, user in enumerate(users)])
    if order is not None:
        rows, new = rows[order], new[order]
    columns = {name: value[rows] for name, value in data[REVIEWED].items() if name != "edge_index"}
    return NewEdges(REVIEWED, new, edge_index[1, rows], columns)


def test_equals_the_whole_graph(trained: TrainedGnn, data: HeteroData, kept: NodeStates, whole: GnnEmbeddings) -> None:
    users = list(range(NUM_USERS))
    new = encode_new_sources(trained, kept, reviews_of(data, users), NUM_USERS)
    assert np.allclose(new.ranking, whole.source_ranking, atol=1e-5)
    assert np.allclose(new.rating, whole.source_rating, atol=1e-5)
    assert np.allclose(new.bias, whole.source_bias, atol=1e-5)


def test_alone_in_any_batch_and_in_any_order(trained: TrainedGnn, data: HeteroData, kept: NodeStates) -> None:
    users = [7, 0, 31, 12]
    edges = reviews_of(data, users)
    together = encode_new_sources(trained, kept, edges, len(users))
    shuffled = reviews_of(data, users, np.random.default_rng(0).permutation(len(edges.new_index)))
    again = encode_new_sources(trained, kept, shuffled, len(users))
    assert np.allclose(together.ranking, again.ranking, atol=1e-5)
    for place, user in enumerate(users):
        alone = encode_new_sources(trained, kept, reviews_of(data, [user]), 1)
        assert np.allclose(alone.ranking[0], together.ranking[place], atol=1e-5)
        assert np.allclose(alone.rating[0], together.rating[place], atol=1e-5)
    assert not np.allclose(together.ranking[0], together.ranking[1], atol=1e-2)


def test_a_new_user_moves_with_what_they_wrote(trained: TrainedGnn, data: HeteroData, kept: NodeStates) -> None:
    edges = reviews_of(data, [3])
    other = replace(edges, columns={**edges.columns, "rating": edges.columns["rating"] - 2})
    ranking = [encode_new_sources(trained, kept, reviews, 1).ranking for reviews in (edges, other)]
    assert np.abs(ranking[0] - ranking[1]).max() > 1e-3


def test_without_reviews_all_are_alike(trained: TrainedGnn, data: HeteroData, kept: NodeStates) -> None:
    none = NewEdges(REVIEWED, np.zeros(0, np.int64), np.zeros(0, np.int64), {})
    ranking = encode_new_sources(trained, kept, none, 2).ranking
    assert np.isfinite(ranking).all() and np.array_equal(ranking[0], ranking[1])


def test_a_product_gets_its_states_from_its_text(trained: TrainedGnn, data: HeteroData, kept: NodeStates) -> None:
    """As the same product in a graph where nobody reviewed it."""
    graph = data.clone()
    text = torch.linspace(-1, 1, 6, dtype=torch.float16).unsqueeze(0)
    graph["Product"].title_embedding = torch.cat([graph["Product"].title_embedding, text])
    graph["Product"].has_title_embedding = torch.cat(
        [graph["Product"].has_title_embedding, torch.ones(1, dtype=torch.bool)]
    )
    graph["Product"].num_nodes = NUM_PRODUCTS + 1
    columns = {"title_embedding": text, "has_title_embedding": torch.ones(1, dtype=torch.bool)}
    new = with_new_nodes(trained, kept, "Product", columns, 1)
    for layer, expected in zip(new, trained.states(graph), strict=True):
        assert torch.allclose(layer["Product"][-1], expected["Product"][-1], atol=1e-5)
    without = with_new_nodes(trained, kept, "Product", {}, 1)
    assert not torch.allclose(new[-1]["Product"][-1], without[-1]["Product"][-1], atol=1e-3)


def test_a_review_of_an_unknown_product_counts(trained: TrainedGnn, data: HeteroData, kept: NodeStates) -> None:
    text = {"title_embedding": torch.ones(2, 6, dtype=torch.float16)}
    wider = with_new_nodes(trained, kept, "Product", text, 2)
    assert all(len(layer["Product"]) == NUM_PRODUCTS + 2 and len(layer["User"]) == NUM_USERS for layer in wider)
    edges = reviews_of(data, [3])
    moved = NewEdges(REVIEWED, edges.new_index, np.full(len(edges.new_index), NUM_PRODUCTS + 1), edges.columns)
    assert np.isfinite(encode_new_sources(trained, wider, moved, 1).ranking).all()
    with pytest.raises(SchemaError, match="neighbour positions of REVIEWED reach from 25 to 25 in 24 nodes"):
        encode_new_sources(trained, kept, moved, 1)


def test_states_come_back_from_their_folder(kept: NodeStates, tmp_path: Path) -> None:
    save_states(kept, tmp_path)
    for layer, again in zip(kept, load_states(tmp_path), strict=True):
        assert set(layer) == set(again) and all(torch.equal(layer[label], again[label]) for label in layer)


def test_the_graph_is_not_encoded_again_for_the_most_rows(trained: TrainedGnn, data: HeteroData) -> None:
    rows, encoded = np.arange(data[REVIEWED].edge_index.shape[1]), []
    counting = trained.network.encoder.register_forward_hook(lambda *_: encoded.append(1))
    states = trained.state_reader(data)
    some, whole, other = states(rows[:-2]), states(rows), states(rows[1:])
    assert states(rows.copy()) is whole and len(encoded) == 3
    counting.remove()
    for asked, found in ((rows[:-2], some), (rows, whole), (rows[1:], other)):
        for layer, expected in zip(found, trained.states(data, asked), strict=True):
            assert all(torch.equal(layer[label], expected[label]) for label in layer)
