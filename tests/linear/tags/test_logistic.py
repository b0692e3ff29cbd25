import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import expit

from kindred.domain.frames import FramesInMemory
from kindred.linear.tags.calibration import f1_thresholds, fit_calibration
from kindred.linear.tags.logistic import are_exclusive, fit_logistic, log_odds
from kindred.linear.tags.plain_tagger import fit_plain_tagger, plain_tagger_of


def test_the_gradient_is_zero_where_the_regression_ends() -> None:
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(400, 3)) * [1, 10, 0.1] + 5).astype(np.float32)
    truth = expit((features - 5) / [1, 10, 0.1] @ rng.normal(size=(3, 4)) * 2)
    labels = rng.random((400, 4)) < truth
    model = fit_logistic(features, labels, 0.05, False)
    scaled = (features - model.mean) / model.deviation
    slope = scaled.T @ (expit(model.logits(features)) - labels) / 400 + 0.05 * model.weight
    assert np.abs(slope).max() < 2e-3
    assert np.abs((expit(model.logits(features)) - labels).mean(0)).max() < 2e-3


def test_labels_that_exclude_each_other_share_one_probability() -> None:
    rng = np.random.default_rng(1)
    kind = rng.integers(0, 3, 300)
    features = (np.eye(3)[kind] + 0.5 * rng.normal(size=(300, 3))).astype(np.float32)
    labels = np.eye(3, dtype=bool)[kind]
    assert are_exclusive(labels) and not are_exclusive(labels | [True, False, False])
    logits = fit_logistic(features, labels, 0.01, True).logits(features)
    np.testing.assert_allclose(expit(logits).sum(1), 1, atol=1e-4)
    assert (logits.argmax(1) == kind).mean() > 0.8


def test_log_odds_of_a_sure_answer_are_finite() -> None:
    assert np.isfinite(log_odds(np.array([[500.0, 0.0, -500.0]], np.float32))).all()


def test_calibration_keeps_the_order_and_tells_the_truth() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(-1, 1.5, (4000, 5))
    labels = rng.random(truth.shape) < expit(truth)
    labels[:, 4] = False  # a label that no row has
    labels[7, 4] = True
    logits = (3 * truth + 2).astype(np.float32)  # far too sure
    found = fit_calibration(logits, labels).probabilities(logits)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(np.take_along_axis(found, np.argsort(logits, 0), 0), axis=0) >= 0).all()
    assert np.abs(found[:, :4] - expit(truth)[:, :4]).max() < 0.12
    assert found[:, 4].mean() < 0.05


def test_the_threshold_has_the_highest_expected_f1() -> None:
    probabilities = np.array([[0.9], [0.6], [0.1], [0.05]], np.float32)
    said = [2 * sum(p) / (len(p) + 1.65) for p in ([0.9], [0.9, 0.6], [0.9, 0.6, 0.1], [0.9, 0.6, 0.1, 0.05])]
    assert np.argmax(said) == 1
    assert f1_thresholds(probabilities).tolist() == [pytest.approx(0.6)]


@pytest.mark.parametrize("exclusive", [True, False])
def test_regressions_find_what_frames_say_and_are_read_as_written(exclusive: bool) -> None:
    rng = np.random.default_rng(3)
    kind = rng.integers(0, 3, 120)
    arrays = [(np.exp(rng.normal(size=(rng.integers(1, 9), 3)) + 2 * np.eye(3)[k])).astype(np.float32) for k in kind]
    labels = np.c_[np.eye(3, dtype=bool)[kind], np.full(120, not exclusive)]
    frames, rows = FramesInMemory(arrays, 3), np.arange(100)
    model = fit_plain_tagger(frames, csr_matrix(labels), rows, np.random.default_rng(0))
    assert model.exclusive is exclusive
    asked = np.arange(100, 120)
    logits = model.logits(frames, asked)
    assert (logits[:, :3].argmax(1) == kind[asked]).mean() > 0.8
    np.testing.assert_array_equal(plain_tagger_of(model.arrays()).logits(frames, asked), logits)
    np.testing.assert_allclose(model.logits(frames, asked[3:4])[0], logits[3], atol=1e-5)
