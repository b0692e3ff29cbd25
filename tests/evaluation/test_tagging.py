import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from kindred.evaluation.label_folds import groups_of, label_folds
from kindred.evaluation.tagging import Ranked, average_precision, f1, macro_ap, mean_known, reliability, roc_aucs


def test_average_precision_by_hand() -> None:
    scores = np.array([[0.9, 1.0], [0.8, 1.0], [0.7, 1.0], [0.6, 1.0]])
    labels = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], dtype=bool)
    assert average_precision(scores, labels).tolist() == [pytest.approx((1 + 2 / 3) / 2), pytest.approx(0.25)]
    assert np.isnan(average_precision(scores, np.zeros_like(labels))).all()
    assert macro_ap(scores, np.c_[labels[:, 0], np.zeros(4, bool)]) == pytest.approx(5 / 6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=1, max_size=15))
def test_a_weight_is_so_many_equal_rows(rows: list[tuple[int, bool, int]]) -> None:
    scores, labels, weight = (np.array(part) for part in zip(*rows, strict=True))
    weighted = Ranked.of(scores[:, None], labels[:, None]).average_precision(weight.astype(float))
    repeated = average_precision(np.repeat(scores, weight)[:, None], np.repeat(labels, weight)[:, None])
    np.testing.assert_allclose(weighted, repeated)


def test_other_metrics_by_hand() -> None:
    scores, labels = np.array([[3.0], [2.0], [2.0], [1.0]]), np.array([[1], [1], [0], [0]], dtype=bool)
    assert roc_aucs(scores, labels)[0] == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert np.isnan(roc_aucs(scores, np.ones_like(labels))[0])
    assert f1(scores >= 2, labels)[0] == pytest.approx(2 * 2 / (3 + 2))
    assert mean_known(np.array([np.nan, 1.0, 3.0])) == 2.0
    believed = reliability(np.array([[0.05], [0.2], [0.2], [0.8]]), np.array([[1], [0], [0], [1]], dtype=bool), 0.1, 2)
    assert believed.cases.tolist() == [2, 1]
    assert believed.error == pytest.approx((2 * 0.2 + 0.2) / 3)


def test_folds_keep_groups_whole_and_share_out_rare_labels() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((300, 12)) < np.geomspace(0.03, 0.6, 12)
    groups = rng.integers(0, 120, 300)
    fold = label_folds(csr_matrix(labels), groups, 4, rng)
    assert all(len(np.unique(fold[groups == group])) == 1 for group in np.unique(groups))
    assert np.bincount(fold, minlength=4).min() > 60
    for label in range(12):
        counts = np.bincount(fold[labels[:, label]], minlength=4)
        assert counts.min() >= counts.sum() / 4 - max(3, 0.1 * counts.sum())


def test_tracks_of_one_artist_and_copies_are_one_group() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(200, 30)).astype(np.float32)
    vectors[1] = vectors[0] + 0.01
    artist = np.full(200, -1)
    artist[[2, 50, 199]] = 7
    groups = groups_of(vectors, artist)
    assert groups[0] == groups[1]
    assert len({*groups[[2, 50, 199]].tolist()}) == 1
    assert len(np.unique(groups)) == 200 - 3
