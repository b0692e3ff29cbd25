"""Judgments on any scale are examples: what is exact, and what is nothing, is told from the gains."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from kindred.recommenders.searching.histories import judged_examples
from kindred.recommenders.searching.search_log import Links


@pytest.mark.parametrize(
    ("gains", "queries", "shares"),
    [
        ([100, 10, 0, 10], [0], [[1, 0.1, 0]]),  # exact, substitute, irrelevant, and a query without an exact answer
        ([3, 1, 2, 3], [0, 1], [[1, 0, 0.5], [1, 0, 0]]),  # grades from 1 to 3
        ([0, 4, 1, 0], [0], [[0, 1, 0.25]]),  # from 0 to 4
        ([2, 2, 2, 2], [0, 1], [[1, 1, 1], [1, 0, 0]]),  # only what is good was judged
        ([0, 0, 0, 0], [], []),
    ],
)
def test_the_best_grade_is_exact(gains: list[float], queries: list[int], shares: list[list[float]]) -> None:
    source, target = np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0])
    judged = Links(source, target, np.zeros(4, np.int64), np.array(gains, np.float32))
    examples = judged_examples(SimpleNamespace(judged=judged, products=range(3)))  # type: ignore[arg-type]
    assert examples.histories.query[:, 0].tolist() == queries
    np.testing.assert_allclose(examples.gains.toarray(), np.reshape(shares, (-1, 3)))
