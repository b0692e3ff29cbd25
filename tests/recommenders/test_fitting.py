from __future__ import annotations

from pathlib import Path

import numpy as np

from kindred.evaluation.splits import random_split
from kindred.linear.scorers.propagation_network import NETWORK
from kindred.recommenders.fitting import fit_model, fit_network_scores
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.judging.evaluating import fit_recipe
from kindred.recommenders.products import PRODUCTS
from kindred.training.fit import RunOptions
from tests.recommenders.conftest import SMALL, Shop


def test_the_network_ranks_with_the_others_and_alone_unless_it_is_left_out(shop: Shop, tmp_path: Path) -> None:
    graph = read_interaction_graph(PRODUCTS, shop.store)
    split = random_split(graph.interactions, 0)
    bare = SMALL.model_copy(update={"network": False})
    options = RunOptions(tmp_path, device="cpu")
    assert fit_network_scores(graph, split.known, bare, 0, temporal=False) is None
    model = fit_model(graph, split.known, bare, options, temporal=False)
    assert NETWORK not in model.ranking.scorer_weights and model.learned is None
    fitted = fit_recipe(graph, SMALL, split, options)
    alone = fit_network_scores(graph, split.known, SMALL, options.seed, temporal=False)
    assert alone is not None and fitted.variants["gnn_alone"].score_users is not None
    users = np.arange(5)
    np.testing.assert_array_equal(fitted.variants["gnn_alone"].score_users(users), alone(users))
