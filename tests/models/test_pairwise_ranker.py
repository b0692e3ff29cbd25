from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kindred.domain.roc_auc import roc_auc
from kindred.models.pairwise_ranker import (
    SEPARATION,
    WATCHED,
    Lists,
    Pairs,
    PairwiseRanker,
    Pool,
    RankerConfig,
    RankerData,
    Sides,
    train_ranker,
)
from kindred.models.pairwise_scores import PairwiseScores
from kindred.training.checkpoint import read_checkpoint
from kindred.training.fit import CHECKPOINT, RunOptions

USERS, ITEMS, NUMBERS = 30, 20, 3
CONFIG = RankerConfig(epochs=6, embedding_dim=6, hidden=(16, 8), batch_size=64, learning_rate=0.02, id_dropout=0.2)


def board(seed: int = 0) -> RankerData:
    """A checkerboard: users choose items of their own parity; the numbers tell nothing."""
    rng = np.random.default_rng(seed)
    sides = Sides(
        USERS,
        np.arange(USERS),
        rng.normal(size=(USERS, 4)).astype(np.float32),
        rng.normal(size=(ITEMS, 4)).astype(np.float32),
        rng.normal(size=(ITEMS, 5)).astype(np.float32),
        np.eye(2, dtype=np.float32)[np.arange(ITEMS) % 2],
    )
    users, items = np.meshgrid(np.arange(USERS), np.arange(ITEMS), indexing="ij")
    same, held_out = users % 2 == items % 2, rng.random((USERS, ITEMS)) < 0.3
    negatives = np.where(same, -1, items)
    numbers = rng.normal(size=(USERS, ITEMS, NUMBERS)).astype(np.float32)

    def pairs(chosen: np.ndarray) -> Pairs:
        rows, columns = np.nonzero(chosen)
        return Pairs(rows, columns, numbers[rows, columns], same[rows, columns].astype(np.float32))

    target = np.array([rng.choice(np.flatnonzero(same[user] & held_out[user])) for user in range(USERS)])
    lists = Lists(np.arange(USERS), items, numbers, target)
    return RankerData(sides, pairs(same & ~held_out), Pool(negatives, numbers), pairs(held_out), lists)


def scores_of(network: PairwiseRanker, sides: Sides) -> PairwiseScores:
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    return PairwiseScores.of(weights, sides.item_graph, sides.item_text, sides.item_categories)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[PairwiseRanker, RankerData, list[float]]:
    data = board()
    network, metrics = train_ranker(data, CONFIG, RunOptions(tmp_path_factory.mktemp("run"), seed=1, device="cpu"))
    return network, data, [line[SEPARATION] for line in metrics]


def all_scores(scores: PairwiseScores, data: RankerData) -> np.ndarray:
    rows = np.repeat(np.arange(USERS), ITEMS)
    users = scores.users(data.sides.user_position[rows], data.sides.user_graph[rows])
    numbers = data.pool.numbers.reshape(-1, NUMBERS)
    return scores.logits(users, np.tile(np.arange(ITEMS), USERS), numbers).reshape(USERS, ITEMS)


def test_it_recovers_the_checkerboard(trained: tuple[PairwiseRanker, RankerData, list[float]]) -> None:
    network, data, aucs = trained
    assert max(aucs) > 0.95
    found = all_scores(scores_of(network, data.sides), data)
    same = np.arange(USERS)[:, None] % 2 == np.arange(ITEMS) % 2
    assert roc_auc(found.ravel(), same.ravel().astype(np.float32)) > 0.95


def test_scores_without_pytorch_are_those_of_the_network_alone_and_in_any_batch(
    trained: tuple[PairwiseRanker, RankerData, list[float]],
) -> None:
    network, data, _ = trained
    sides, scores = data.sides, scores_of(network, data.sides)
    pairs = data.validation
    with torch.no_grad():
        graph = (
            torch.from_numpy(sides.user_graph)[pairs.user_index],
            torch.from_numpy(sides.item_graph)[pairs.item_index],
        )
        texts = (
            torch.from_numpy(sides.item_text)[pairs.item_index],
            torch.from_numpy(sides.item_categories)[pairs.item_index],
        )
        rows = torch.from_numpy(pairs.user_index) + 1, torch.from_numpy(pairs.item_index) + 1
        wanted = network(rows, graph, texts, torch.from_numpy(pairs.numbers)).numpy()
    users = scores.users(pairs.user_index, sides.user_graph[pairs.user_index])
    assert np.abs(scores.logits(users, pairs.item_index, pairs.numbers) - wanted).max() < 1e-5
    for row in range(0, len(pairs), 17):
        alone = scores.logits(users[row : row + 1], pairs.item_index[row : row + 1], pairs.numbers[row : row + 1])
        assert abs(float(alone[0]) - wanted[row]) < 1e-5
    again = PairwiseScores.from_state(scores.state())
    assert np.array_equal(
        again.logits(users, pairs.item_index, pairs.numbers), scores.logits(users, pairs.item_index, pairs.numbers)
    )


def test_an_unknown_user_and_an_unknown_item_have_a_score(
    trained: tuple[PairwiseRanker, RankerData, list[float]],
) -> None:
    network, data, _ = trained
    scores = scores_of(network, data.sides)
    stranger = scores.users(np.array([-1]), data.sides.user_graph[:1])
    assert np.allclose(
        stranger - data.sides.user_graph[:1] @ scores.weights["user_graph.weight"].T,
        scores.weights["user_id.weight"][0],
        atol=1e-6,
    )
    found = scores.logits(stranger, np.array([-1, 0, 1]), np.zeros((3, NUMBERS), np.float32))
    assert np.isfinite(found).all() and len(set(found.tolist())) == 3


def test_a_known_positive_is_never_a_negative() -> None:
    data, rng = board(), np.random.default_rng(0)
    users = np.repeat(np.arange(USERS), 50)
    sampled = data.pool.sample(users, 4, rng)
    assert len(sampled) > 1000 and not sampled.label.any()
    assert (sampled.user_index % 2 != sampled.item_index % 2).all()
    assert np.array_equal(sampled.numbers, data.pool.numbers[sampled.user_index, sampled.item_index])


def test_a_resumed_training_is_bit_equal(tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    data = board()
    whole, _ = train_ranker(data, CONFIG, RunOptions(tmp_path / "whole", seed=1, device="cpu"))
    parts = RunOptions(tmp_path / "parts", seed=1, device="cpu", resume=True)
    with pytest.raises(KeyboardInterrupt):
        train_ranker(data, CONFIG, replace(parts, progress=stop))
    resumed, metrics = train_ranker(data, CONFIG, parts)
    assert len(metrics) == CONFIG.epochs
    found = resumed.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in whole.state_dict().items())


def test_an_epoch_has_no_more_steps_than_it_may_have(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 2, "steps": 3})
    train_ranker(board(), config, RunOptions(tmp_path, device="cpu"))
    tensors, _ = read_checkpoint(tmp_path, CHECKPOINT)
    assert int(tensors["optimizer.0.step"]) == 2 * 3


def test_roc_auc_by_hand() -> None:
    scores, label = np.array([0.1, 0.4, 0.35, 0.8], np.float32), np.array([0, 0, 1, 1], np.float32)
    assert roc_auc(scores, label) == 0.75
    assert roc_auc(np.ones(4, np.float32), label) == 0.5 == roc_auc(scores, np.ones(4, np.float32), otherwise=0.5)


def test_it_begins_as_the_score_that_found_the_candidates() -> None:
    data = board()
    network = PairwiseRanker(data.sides, NUMBERS, CONFIG).eval()
    found = all_scores(scores_of(network, data.sides), data)
    assert np.allclose(found - found[0, 0], data.pool.numbers[:, :, 0] - data.pool.numbers[0, 0, 0], atol=1e-5)


def test_ndcg_of_lists_by_hand() -> None:
    items = np.array([[4, 5, 6], [4, 5, -1], [4, 5, 6]])
    lists = Lists(np.arange(3), items, np.zeros((3, 3, 1), np.float32), np.array([5, 5, 9]))
    logits = np.array([0.3, 0.2, 0.1, 0.1, 0.2, 0.9, 0.1, 0.1, 0.1], np.float32)
    assert lists.ndcg(logits) == pytest.approx((1 / np.log2(3) + 1 + 0) / 3)
    assert lists.pairs.label.tolist() == [0, 1, 0, 0, 1, 0, 0, 0, 0] and (lists.pairs.item_index >= 0).all()


def test_the_epoch_that_orders_the_lists_best_is_kept(
    trained: tuple[PairwiseRanker, RankerData, list[float]], tmp_path: Path
) -> None:
    network, metrics = train_ranker(board(), CONFIG, RunOptions(tmp_path, seed=1, device="cpu"))
    _, data, _ = trained
    found = all_scores(scores_of(network, data.sides), data)
    assert data.lists.ndcg(found.ravel()) == pytest.approx(max(line[WATCHED] for line in metrics), abs=1e-4)
