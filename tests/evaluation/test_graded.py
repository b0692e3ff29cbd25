"""Graded metrics by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kindred.evaluation.graded import graded_metrics


def test_metrics_by_hand() -> None:
    gains = csr_matrix(np.array([[1.0, 0.1, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]))
    scores = np.array([[0.1, 0.9, 0.8, 0.7], [0.0, 0.0, 1.0, 0.0]])
    found = graded_metrics(scores, gains, (2, 10))
    order = 0.1 + 1 / math.log2(4) + 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3) + 0.1 / math.log2(4)
    assert found["ndcg@10"] == pytest.approx([order / ideal, 1.0])
    assert found["recall@2"] == pytest.approx([0.0, 1.0]) and found["capped_recall@10"] == pytest.approx([1.0, 1.0])


def test_equal_scores_go_by_position() -> None:
    gains = csr_matrix(np.array([[0.0] * 30 + [1.0]]))
    assert graded_metrics(np.zeros((1, 31)), gains)["ndcg@10"] == pytest.approx([0.0])
