from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kindred.gnn import edge_learner
from kindred.gnn.edge_learner import EdgeLearner
from kindred.gnn.graph_features import fit_graph_features, forward_types
from kindred.gnn.model import Gnn, GnnConfig
from kindred.gnn.sampled_learner import SampledLearner
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.training.fit import RunOptions
from tests.gnn.graphs import REVIEWED, checkerboard


def learner(conv: str = "transformer", **changed: object) -> EdgeLearner:
    data = checkerboard()
    config = GnnConfig(conv=conv, hidden_dim=16, heads=4, text_dim=8, dropout=0.0, **changed)
    rows = torch.arange(0, data[REVIEWED].edge_index.shape[1], 2)
    features = fit_graph_features(data, {REVIEWED: rows}, config.text_dim)
    torch.manual_seed(0)
    network = Gnn(features, data.node_types, forward_types(data), config)
    return EdgeLearner.of(data, REVIEWED, rows, network, config)


@pytest.mark.parametrize("conv", ["transformer", "gat"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_sample_of_all_edges_gives_the_vectors_of_the_whole_graph(
    conv: str, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the very edges that a step may see: none that is predicted, none that is not for training."""
    monkeypatch.setattr(edge_learner, "has_bfloat16", lambda device: False)
    whole = learner(conv, fanout=2000, layers=layers)
    supervised = np.arange(3, 60, 28)
    sources, targets = (np.unique(ends) for ends in whole.ends[:, supervised].numpy())
    sampled = SampledLearner.of(whole)
    with torch.no_grad():
        of_all = whole.vectors(supervised)
        found = sampled.vectors((sources, targets), whole.rows[supervised].numpy(), np.random.default_rng(0))
    for part, all_of_it, nodes in zip(found, of_all, (sources, targets), strict=True):
        torch.testing.assert_close(part.ranking, all_of_it.ranking[nodes], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(part.rating, all_of_it.rating[nodes], atol=1e-5, rtol=1e-4)
    losses = [one.losses(supervised, np.random.default_rng(1)) for one in (whole, sampled)]
    for name in ("rating", "ranking"):
        torch.testing.assert_close(losses[0][name], losses[1][name], atol=1e-5, rtol=1e-4)
    told = [one["rating"] + one["ranking"] for one in losses]
    gradients = [torch.autograd.grad(loss, list(whole.network.parameters()), allow_unused=True) for loss in told]
    for of_whole, of_sample in zip(*gradients, strict=True):
        if of_whole is not None:
            torch.testing.assert_close(of_sample, of_whole, atol=1e-5, rtol=1e-3)


def test_no_node_brings_more_edges_than_it_may() -> None:
    sampled = SampledLearner.of(learner())
    unseen = sampled.whole.rows[:9].numpy()
    seeds = {"User": np.array([4]), "Product": np.array([2])}
    around = sampled.sampler.around(seeds, (3,), (REVIEWED, unseen), np.random.default_rng(0))
    to_product, to_user = (edges.ends.numpy() for edges in around.edges if edges.triple == REVIEWED)
    ends = np.concatenate([to_product, to_user[::-1]], axis=1)
    assert 1 <= ends.shape[1] <= 6
    users, products = around.nodes["User"][ends[0]], around.nodes["Product"][ends[1]]
    assert ((users == 4) | (products == 2)).all()
    whole = sampled.whole
    seen = {tuple(ends) for ends in whole.ends[:, 9:].T.tolist()}
    assert set(zip(users.tolist(), products.tolist(), strict=True)) <= seen


def test_a_large_graph_is_learned_from_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EdgeLearner, "step_losses", lambda *_: pytest.fail("a step saw the whole graph"))
    data = checkerboard()
    order = np.random.default_rng(1).permutation(data[REVIEWED].edge_index.shape[1])
    held, known = order[:60], order[60:]
    config = GnnConfig(
        hidden_dim=16, heads=4, text_dim=8, epochs=10, learning_rate=0.01, dropout=0.0, sampled_from=100, fanout=4
    )
    trained = train_gnn(data, REVIEWED, EdgeSplit(known, np.zeros(0, np.int64)), config, RunOptions(tmp_path))
    users, products = data[REVIEWED].edge_index[:, held].numpy()
    rated = trained.encode(data, known).rate(users, products)
    assert np.abs(rated - data[REVIEWED].rating[held].numpy()).mean() < 0.6
