"""Two towers: they learn what can be learnt, missing queries say nothing, a row alone is the row in any batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kindred.models.query_tower import QueryTower
from kindred.models.two_tower import HISTORY, TowerConfig, TwoTower
from kindred.models.two_tower_fit import (
    QueryHistories,
    TowerExamples,
    TowerInputs,
    encode_histories,
    encode_items,
    fit_towers,
    new_towers,
)
from kindred.training.fit import RunOptions
from kindred.training.schedule import FitConfig

NUM, DIMENSION = 12, 8
FIT = FitConfig(epochs=60, learning_rate=0.02, warmup_epochs=0, weight_decay=0.0)
CONFIG = TowerConfig(width=8, batch_size=32, dropout=0.0, id_dropout=0.0, min_id_events=1, fit=FIT)


def inputs_of(own: bool = True) -> TowerInputs:
    rng = np.random.default_rng(0)
    vectors = [rng.standard_normal((NUM, DIMENSION)).astype(np.float32) for _ in range(2)]
    queries, items = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors)
    ids = np.arange(1, NUM + 1) if own else np.zeros(NUM, np.int64)
    nothing = np.zeros((NUM, 1), np.float32)
    return TowerInputs(queries, nothing, items, nothing, ids)


def pairs() -> TowerExamples:
    """Query i after query j led to product i, for all pairs: only the order tells which of the two it was."""
    latest, before = (part.ravel() for part in np.meshgrid(np.arange(NUM), np.arange(NUM)))
    rows = np.flatnonzero(latest != before)
    query = np.full((len(rows), HISTORY), -1)
    query[:, 0], query[:, 1] = latest[rows], before[rows]
    histories = QueryHistories(query, np.zeros(query.shape, np.float32))
    return TowerExamples(histories, latest[rows], np.ones(len(rows), np.float32), np.zeros(len(rows), np.bool_))


def share_right(config: TowerConfig, folder: Path) -> float:
    inputs, examples = inputs_of(), pairs()
    towers = new_towers(config, inputs, seed=1)
    fit_towers(towers, inputs, examples, RunOptions(folder, seed=1, device="cpu"), None)
    scores = encode_histories(towers, inputs, examples.histories) @ encode_items(towers, inputs).T
    return float((scores.argmax(1) == examples.item).mean())


@pytest.mark.parametrize("changed", [{}, {"loss": "margin"}, {"pooling": "concat"}, {"candidates": 4}])
def test_the_order_of_queries_is_learnt(changed: dict[str, object], tmp_path: Path) -> None:
    assert share_right(CONFIG.model_copy(update=changed), tmp_path) > 0.9


def test_the_mean_of_queries_can_not_tell_their_order(tmp_path: Path) -> None:
    assert share_right(CONFIG.model_copy(update={"pooling": "mean"}), tmp_path) <= 0.6


def new(config: TowerConfig, inputs: TowerInputs) -> TwoTower:
    towers = new_towers(config, inputs, seed=1)
    with torch.no_grad():
        for parameter in towers.parameters():  # as if trained
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    return towers


@pytest.mark.parametrize("pooling", ["attention", "mean", "concat"])
def test_a_row_is_the_same_alone_and_in_any_batch(pooling: str) -> None:
    inputs, examples = inputs_of(), pairs()
    towers = new(CONFIG.model_copy(update={"pooling": pooling}), inputs)
    together = encode_histories(towers, inputs, examples.histories)
    alone = encode_histories(towers, inputs, examples.histories.take(slice(7, 8)))
    np.testing.assert_allclose(alone[0], together[7], atol=1e-6)


def test_missing_queries_say_nothing() -> None:
    inputs = inputs_of()
    towers = new(CONFIG, inputs)
    query = np.full((1, HISTORY), -1)
    query[0, 0] = 3
    one = encode_histories(towers, inputs, QueryHistories(query, np.zeros((1, HISTORY), np.float32)))
    old = np.array([[0.0, 9.0, 9.0, 9.0, 9.0]], dtype=np.float32)
    np.testing.assert_allclose(encode_histories(towers, inputs, QueryHistories(query, old)), one, atol=1e-6)


def test_an_answer_is_taken_out_of_what_is_known_of_its_query() -> None:
    inputs = inputs_of()
    leads = np.eye(NUM, 4, dtype=np.float32)
    graph = leads[:1].repeat(NUM, 0)  # each query led to product 0 alone
    known = TowerInputs(inputs.query_text, graph, inputs.item_text, leads, inputs.own)
    examples = pairs()
    without = known.histories(examples.histories.take(slice(0, 1)), np.array([0]))
    assert not without.graph[0, 0].any() and known.histories(examples.histories.take(slice(0, 1))).graph[0, 0].any()


@pytest.mark.parametrize("pooling", ["attention", "mean", "concat"])
@pytest.mark.parametrize("num", range(1, HISTORY + 1))
def test_one_history_in_numpy_is_as_in_torch(pooling: str, num: int) -> None:
    rng = np.random.default_rng(num)
    inputs = inputs_of()
    leads, graph = (rng.normal(size=(NUM, 4)).astype(np.float32) for _ in range(2))
    graph[3] = 0  # a query that led to nothing
    inputs = TowerInputs(inputs.query_text, graph, inputs.item_text, leads, inputs.own)
    towers = new(CONFIG.model_copy(update={"pooling": pooling}), inputs)
    query, age = np.full((1, HISTORY), -1), np.zeros((1, HISTORY), np.float32)
    query[0, :num] = rng.permutation(NUM)[:num] if num < HISTORY else [3, 5, 1, 0, 7]
    age[0, :num] = 100 * rng.random(num)
    wanted = encode_histories(towers, inputs, QueryHistories(query, age))[0]
    rows = query[0, :num]
    found = QueryTower.of(towers).encode(inputs.query_text[rows], graph[rows], age[0, :num])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-5)
