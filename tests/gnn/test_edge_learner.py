from __future__ import annotations

import numpy as np
import pytest
import torch

from kindred.gnn import edge_learner
from kindred.gnn.edge_learner import EdgeLearner
from kindred.gnn.graph_features import fit_graph_features, forward_types
from kindred.gnn.model import Gnn, GnnConfig
from tests.gnn.graphs import REVIEWED, checkerboard


def step_losses_and_gradient(conv: str, has_bf16: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[float, torch.Tensor]:
    """The first step's loss and whole gradient on a machine that computes in bf16, or does not."""
    monkeypatch.setattr(edge_learner, "has_bfloat16", lambda device: has_bf16)
    data = checkerboard()
    config = GnnConfig(conv=conv, hidden_dim=16, heads=4, text_dim=8, dropout=0.0)
    rows = torch.arange(data[REVIEWED].edge_index.shape[1])
    features = fit_graph_features(data, {REVIEWED: rows}, config.text_dim)
    torch.manual_seed(0)
    network = Gnn(features, data.node_types, forward_types(data), config)
    learner = EdgeLearner.of(data, REVIEWED, rows, network, config)
    dtype = torch.bfloat16 if has_bf16 else torch.float32
    assert learner.messages.edge_features[REVIEWED].dtype == dtype
    assert learner.vectors(np.arange(10))[0].ranking.dtype == dtype
    losses = learner.losses(np.arange(0, len(rows), 4), np.random.default_rng(0))
    losses["loss"].backward()  # type: ignore[no-untyped-call]
    gradient = torch.cat([weights.grad.flatten() for weights in network.parameters() if weights.grad is not None])
    assert learner.embeddings().source_ranking.dtype == np.float32
    return float(losses["loss"]), gradient


@pytest.mark.parametrize("conv", ["transformer", "gat"])
def test_a_step_learns_the_same_with_and_without_bfloat16(conv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact, exact_gradient = step_losses_and_gradient(conv, False, monkeypatch)
    short, short_gradient = step_losses_and_gradient(conv, True, monkeypatch)
    assert short == pytest.approx(exact, rel=0.01)
    assert torch.cosine_similarity(short_gradient, exact_gradient, dim=0) > 0.99
    assert float(short_gradient.norm() / exact_gradient.norm()) == pytest.approx(1, rel=0.05)
