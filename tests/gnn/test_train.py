from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from kindred.domain.errors import ArtifactError, SchemaError, SettingsError
from kindred.gnn.edge_learner import EdgeLearner
from kindred.gnn.graph_features import fit_graph_features, forward_types
from kindred.gnn.model import Gnn, GnnConfig, GnnEmbeddings
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.gnn.trained import TrainedGnn, load_gnn
from kindred.training.fit import METRICS, RunOptions
from kindred.training.schedule import Metrics
from tests.gnn.graphs import REVIEWED, checkerboard

SMALL = GnnConfig(hidden_dim=16, heads=4, text_dim=8, epochs=3, warmup_epochs=0, patience=50)


def num_edges(data: HeteroData) -> int:
    return int(data[REVIEWED].edge_index.shape[1])


def whole(data: HeteroData) -> EdgeSplit:
    return EdgeSplit(np.arange(num_edges(data)), np.zeros(0, dtype=np.int64))


def held_back(data: HeteroData, share: float = 0.2) -> EdgeSplit:
    """A random split, measured by how often a held-back liked product beats a random one of another block."""
    order = np.random.default_rng(1).permutation(num_edges(data))
    cut = int(len(order) * share)
    users, products = data[REVIEWED].edge_index[:, order[:cut]].numpy()
    liked = users % 2 == products % 2

    def measure(embeddings: GnnEmbeddings) -> Metrics:
        scores = embeddings.score(users[liked])
        inside = users[liked, None] % 2 == np.arange(scores.shape[1]) % 2
        best_other = np.where(inside, -np.inf, scores).max(1)
        return {"ndcg@10": float((scores[np.arange(liked.sum()), products[liked]] > best_other).mean())}

    return EdgeSplit(order[cut:], order[:cut], measure)


@pytest.mark.parametrize("conv", ["transformer", "gat"])
def test_recovers_the_checkerboard(conv: str, tmp_path: Path) -> None:
    data = checkerboard()
    held = held_back(data)
    split = EdgeSplit(held.train, np.zeros(0, dtype=np.int64))
    config = GnnConfig(conv=conv, hidden_dim=16, heads=4, text_dim=8, epochs=20, learning_rate=0.01, dropout=0.0)
    trained = train_gnn(data, REVIEWED, split, config, RunOptions(tmp_path))
    embeddings = trained.encode(data, split.train)
    users, products = data[REVIEWED].edge_index[:, held.validation].numpy()
    ratings = data[REVIEWED].rating[held.validation].numpy()
    assert np.abs(embeddings.rate(users, products) - ratings).mean() < 0.5
    inside = np.arange(40)[:, None] % 2 == np.arange(24)[None, :] % 2
    scores = embeddings.score(np.arange(40))
    assert (scores[inside].reshape(40, 12).min(1) > scores[~inside].reshape(40, 12).max(1)).mean() > 0.9


def test_a_supervised_edge_is_invisible_to_its_own_prediction() -> None:
    data = checkerboard()
    rows = torch.arange(num_edges(data))
    config = SMALL.model_copy(update={"dropout": 0.0})
    supervised = np.array([3, 17, 40])

    def ends(graph: HeteroData) -> tuple[torch.Tensor, ...]:
        torch.manual_seed(0)
        network = Gnn(features, graph.node_types, forward_types(graph), config)
        source, target = EdgeLearner.of(graph, REVIEWED, rows, network, config).vectors(supervised)
        return source.ranking, target.ranking, source.rating, target.rating

    features = fit_graph_features(data, {}, config.text_dim)
    before = ends(data)
    data[REVIEWED].rating[supervised] = 3.0
    data[REVIEWED].text_embedding[supervised] += 1.0
    data[REVIEWED]["at"][supervised] += 1_000
    for first, second in zip(before, ends(data), strict=True):
        assert torch.equal(first, second)
    data[REVIEWED].rating[5] = 3.0
    assert not torch.equal(before[0], ends(data)[0])


def test_nothing_of_other_rows_reaches_the_network(tmp_path: Path) -> None:
    data = checkerboard()
    split = EdgeSplit(np.arange(0, num_edges(data), 2), np.zeros(0, dtype=np.int64))
    first = train_gnn(data, REVIEWED, split, SMALL, RunOptions(tmp_path / "a"))
    data[REVIEWED].rating[1::2] = 2.5
    data[REVIEWED].text_embedding[1::2] *= -3.0
    data[REVIEWED]["at"][1::2] += 10**8
    second = train_gnn(data, REVIEWED, split, SMALL, RunOptions(tmp_path / "b"))
    assert_equal(first.encode(data, split.train), second.encode(data, split.train))


def assert_equal(first: GnnEmbeddings, second: GnnEmbeddings) -> None:
    for name, value in vars(first).items():
        assert np.array_equal(value, getattr(second, name)), name


def metrics_of(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def test_one_seed_gives_one_result_and_another_seed_another(tmp_path: Path) -> None:
    data = checkerboard()
    split = held_back(data)
    runs = [
        train_gnn(data, REVIEWED, split, SMALL, RunOptions(tmp_path / name, seed))
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    ]
    assert_equal(runs[0].encode(data, split.train), runs[1].encode(data, split.train))
    assert metrics_of(tmp_path / "a") == metrics_of(tmp_path / "b") != metrics_of(tmp_path / "c")


def interrupted(data: HeteroData, split: EdgeSplit, config: GnnConfig, folder: Path, epoch: int) -> None:
    def stop(metrics: Metrics, step: int) -> None:
        if step == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_gnn(data, REVIEWED, split, config, RunOptions(folder, track=stop))


def test_an_interrupted_run_goes_on_bit_by_bit(tmp_path: Path) -> None:
    data = checkerboard()
    split = held_back(data)
    config = SMALL.model_copy(update={"epochs": 6})
    straight = train_gnn(data, REVIEWED, split, config, RunOptions(tmp_path / "straight"))
    interrupted(data, split, config, tmp_path / "resumed", epoch=3)
    assert len(metrics_of(tmp_path / "resumed")) == 3
    resumed = train_gnn(data, REVIEWED, split, config, RunOptions(tmp_path / "resumed", resume=True))
    assert_equal(straight.encode(data, split.train), resumed.encode(data, split.train))
    assert metrics_of(tmp_path / "straight") == metrics_of(tmp_path / "resumed")


def test_resuming_with_other_data_or_settings_is_refused(tmp_path: Path) -> None:
    data = checkerboard()
    interrupted(data, whole(data), SMALL, tmp_path, epoch=1)
    with pytest.raises(ArtifactError, match="another config"):
        train_gnn(
            data, REVIEWED, whole(data), SMALL.model_copy(update={"dropout": 0.3}), RunOptions(tmp_path, resume=True)
        )
    data[REVIEWED].rating[0] += 1
    with pytest.raises(ArtifactError, match="another data"):
        train_gnn(data, REVIEWED, whole(data), SMALL, RunOptions(tmp_path, resume=True))


def test_saved_network_answers_the_same(tmp_path: Path) -> None:
    data = checkerboard()
    trained = train_gnn(
        data, REVIEWED, whole(data), SMALL.model_copy(update={"rating_bias": True}), RunOptions(tmp_path)
    )
    loaded = load_gnn(tmp_path)
    assert_equal(trained.encode(data), loaded.encode(data))
    assert loaded.config == trained.config and loaded.target == REVIEWED
    assert loaded.manifest["best_epoch"] == SMALL.epochs


def test_whole_graph_is_refitted_for_all_epochs(tmp_path: Path) -> None:
    train_gnn(checkerboard(), REVIEWED, whole(checkerboard()), SMALL, RunOptions(tmp_path))
    assert [line["epoch"] for line in metrics_of(tmp_path)] == [1, 2, 3]


def test_without_text_no_text_is_read(tmp_path: Path) -> None:
    data = checkerboard()
    trained = train_gnn(data, REVIEWED, whole(data), SMALL.model_copy(update={"text_dim": 0}), RunOptions(tmp_path))
    before = trained.encode(data)
    data[REVIEWED].text_embedding += 1.0
    assert_equal(before, trained.encode(data))


def test_nodes_and_types_without_edges_are_encoded(tmp_path: Path) -> None:
    data = checkerboard()
    data["User"].num_nodes += 2
    data["Brand"].num_nodes = 1
    data["Brand", "MADE_BY", "Product"].edge_index = torch.zeros(2, 0, dtype=torch.int64)
    trained = train_gnn(data, REVIEWED, whole(data), SMALL, RunOptions(tmp_path))
    for rows in (None, np.zeros(0, dtype=np.int64)):
        embeddings = trained.encode(data, rows)
        assert embeddings.source_ranking.shape == (42, 16)
        assert np.isfinite(embeddings.source_ranking).all() and np.isfinite(embeddings.target_rating).all()
        assert np.allclose(np.linalg.norm(embeddings.source_rating, axis=1), 1, atol=1e-5)


def test_refusals_say_why(tmp_path: Path) -> None:
    data, run = checkerboard(), RunOptions(tmp_path)
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(SchemaError, match="no edges"):
        train_gnn(data, ("User", "LISTENED", "Track"), whole(data), SMALL, run)
    with pytest.raises(SchemaError, match="no training edges"):
        train_gnn(data, REVIEWED, EdgeSplit(none, none), SMALL, run)
    with pytest.raises(SchemaError, match="distinct"):
        train_gnn(data, REVIEWED, EdgeSplit(np.arange(5), np.arange(4, 8), lambda e: {}), SMALL, run)
    with pytest.raises(SettingsError, match="nothing to measure"):
        train_gnn(data, REVIEWED, EdgeSplit(np.arange(5), np.arange(5, 8)), SMALL, run)


def test_bfloat16_training_learns_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = checkerboard()
    trained: list[TrainedGnn] = []
    for name, on in (("float32", False), ("bfloat16", True)):
        monkeypatch.setattr("kindred.gnn.edge_learner.has_bfloat16", lambda device, on=on: on)
        trained.append(train_gnn(data, REVIEWED, whole(data), SMALL, RunOptions(tmp_path / name)))
    exact, rounded = (t.encode(data) for t in trained)
    assert not np.array_equal(exact.source_rating, rounded.source_rating)
    assert (exact.source_rating * rounded.source_rating).sum(1).min() > 0.9
