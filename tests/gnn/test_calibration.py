from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.gnn.calibration import RatingCalibration, calibrate_ratings, fit_biases, fit_calibration
from kindred.gnn.model import GnnConfig
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.training.fit import RunOptions
from tests.gnn.graphs import REVIEWED, checkerboard


def rated(num_users: int = 60, num_items: int = 40, seed: int = 0) -> Interactions:
    """Ratings of user and product bias and noise, of half the pairs."""
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((num_users, num_items)) < 0.5)
    truth = 3.5 + rng.normal(0, 0.6, num_users)[users] + rng.normal(0, 0.6, num_items)[items]
    rating = np.clip(truth + rng.normal(0, 0.5, len(users)), 1, 5).astype(np.float32)
    return Interactions(users, items, num_users, num_items, rating)


def test_biases_by_hand() -> None:
    train = Interactions(np.array([0, 0]), np.array([0, 1]), 2, 2, np.array([5.0, 3.0], dtype=np.float32))
    biases = fit_biases(train, source_shrinkage=2.0, target_shrinkage=1.0)
    assert biases.mean == 4.0
    assert np.allclose(biases.target_bias, [0.5, -0.5])
    assert np.allclose(biases.source_bias, [0.0, 0.0])


def test_a_useless_cosine_costs_nothing_and_a_good_one_helps() -> None:
    events = rated()
    order = np.random.default_rng(1).permutation(len(events))
    train, test = events.take(order[: len(order) // 2]), events.take(order[len(order) // 2 :])
    assert train.rating is not None and test.rating is not None
    rng = np.random.default_rng(2)
    noise = rng.normal(size=len(train)).astype(np.float32)
    oracle = (train.rating + rng.normal(0, 0.1, len(train))).astype(np.float32)

    def error(signal: FloatArray, test_signal: FloatArray) -> float:
        calibration = fit_calibration(train, lambda seen, asked: signal[asked], seed=0)
        expected = calibration.expect(test.user_index, test.item_index, test_signal)
        return float(((expected - test.rating) ** 2).mean())

    biases = fit_biases(train, 6.0, 10.0)
    baseline = biases.mean + biases.source_bias[test.user_index] + biases.target_bias[test.item_index]
    baseline_error = float(((baseline - test.rating) ** 2).mean())
    assert error(noise, rng.normal(size=len(test)).astype(np.float32)) < baseline_error * 1.02
    assert error(oracle, test.rating) < 0.1 * baseline_error


def test_the_rated_edge_is_never_among_the_seen() -> None:
    asked_of: list[IntArray] = []

    def cosine(seen: IntArray, asked: IntArray) -> FloatArray:
        assert not set(seen) & set(asked)
        assert len(seen) + len(asked) == 200
        asked_of.append(asked)
        return np.zeros(len(asked), dtype=np.float32)

    fit_calibration(rated().take(np.arange(200)), cosine, seed=0)
    assert sorted(np.concatenate(asked_of)) == list(range(200))


def test_unknown_users_and_products_get_the_mean_of_the_rest() -> None:
    calibration = fit_calibration(rated(), lambda seen, asked: np.zeros(len(asked), dtype=np.float32), seed=0)
    none = np.array([-1])
    expected = calibration.expect(none, none, np.zeros(1, dtype=np.float32))
    assert expected[0] == pytest.approx(calibration.intercept, abs=1e-5)
    assert 3.0 < expected[0] < 4.0


def test_state_brings_it_back() -> None:
    calibration = fit_calibration(rated(), lambda seen, asked: np.zeros(len(asked), dtype=np.float32), seed=0)
    again = RatingCalibration.from_state(calibration.state())
    pairs = np.arange(20), np.arange(20), np.linspace(0, 5, 20, dtype=np.float32)
    assert np.allclose(calibration.expect(*pairs), again.expect(*pairs), atol=1e-6)


def test_a_trained_network_is_calibrated_on_its_training_edges_alone(tmp_path: Path) -> None:
    data = checkerboard()
    rows = np.arange(0, data[REVIEWED].edge_index.shape[1], 2)
    config = GnnConfig(hidden_dim=16, heads=4, text_dim=8, epochs=5)
    trained = train_gnn(data, REVIEWED, EdgeSplit(rows, rows[:0]), config, RunOptions(tmp_path))
    first = calibrate_ratings(trained, data, trained.state_reader(data), rows, seed=0)
    data[REVIEWED].rating[1::2] = 2.0
    data[REVIEWED].text_embedding[1::2] *= -1.0
    second = calibrate_ratings(trained, data, trained.state_reader(data), rows, seed=0)
    assert all(np.array_equal(value, second.state()[name]) for name, value in first.state().items())
