from __future__ import annotations

import pytest
import torch

from kindred.gnn import encoder as encoder_module
from kindred.gnn.encoder import dropout_factors
from kindred.gnn.graph_features import fit_graph_features, forward_types
from kindred.gnn.model import Gnn, GnnConfig
from kindred.gnn.trained import GraphTensors
from tests.gnn.graphs import checkerboard


@pytest.mark.parametrize("conv", ["transformer", "gat"])
def test_edges_projected_when_they_are_read_give_the_same_states(conv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = checkerboard()
    features = fit_graph_features(data, {}, 8)
    network = Gnn(features, data.node_types, forward_types(data), GnnConfig(conv=conv, hidden_dim=16, heads=4)).eval()
    tensors = GraphTensors.of(data, network)
    with torch.no_grad():
        whole = network.encoder(tensors.node_features, tensors.relations({}))
        monkeypatch.setattr(encoder_module, "MANY_EDGES", 0)
        in_parts = network.encoder(tensors.node_features, tensors.relations({}))
    for states, again in zip(whole, in_parts, strict=True):
        for label, rows in states.items():
            torch.testing.assert_close(rows, again[label], rtol=0, atol=1e-6)


def test_dropout_drops_its_share_at_every_place_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    factors = dropout_factors(torch.zeros(4_000, 16), 0.25)
    assert torch.isclose(factors[factors != 0], torch.tensor(4 / 3)).all()
    eight = factors.view(-1, 8)  # the bytes of a draw
    assert ((eight == 0).float().mean(0) - 0.25).abs().max() < 0.02
    assert (eight.mean(0) - 1).abs().max() < 0.03


def test_dropout_takes_the_shape_and_type_of_its_rows() -> None:
    factors = dropout_factors(torch.zeros(3, 5, dtype=torch.float64), 0.1)
    assert factors.shape == (3, 5) and factors.dtype == torch.float64
