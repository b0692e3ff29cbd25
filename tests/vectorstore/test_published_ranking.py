"""What a model is worth through the published store: as much as through its full matrix, exactly or by the index."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks.published import CHOSEN, EXACT, INDEX, Model, Row, compare
from kindred.domain.interactions import Interactions

NUM_USERS, NUM_ITEMS, DIMENSION, K = 300, 6_000, 64, 10


@cache
def model() -> Model:
    """Items as ranking models place them: hardly alike and of very uneven length.

    Users know every other of their best 60 and will take half of the rest.
    """
    rng = np.random.default_rng(0)
    items = rng.normal(size=(NUM_ITEMS, DIMENSION)) * rng.lognormal(-2, 0.7, (NUM_ITEMS, 1))
    chosen = rng.integers(0, NUM_ITEMS, (NUM_USERS, 10))
    users = items[chosen].sum(axis=1) + 0.5 * rng.normal(size=(NUM_USERS, DIMENSION))
    ranked = np.argsort(-(users @ items.T), axis=1)
    owner = np.repeat(np.arange(NUM_USERS), 30)
    known = Interactions(owner, ranked[:, :60:2].ravel(), NUM_USERS, NUM_ITEMS)
    test = Interactions(owner, ranked[:, 1:60:2].ravel(), NUM_USERS, NUM_ITEMS).take(rng.random(len(owner)) < 0.5)
    return Model("made up", K, users.astype(np.float32), items.astype(np.float32), known, test, 0.0)


@cache
def rows() -> dict[str, Row]:
    return {row.way: row for row in compare(model(), 200)}


@pytest.mark.parametrize("way", [CHOSEN, EXACT])
def test_comparing_all_answers_what_the_full_matrix_does(way: str) -> None:
    row = rows()[way]
    assert row.engine == EXACT
    assert row.recall_change == pytest.approx(0, abs=1e-9) and row.ndcg_change == pytest.approx(0, abs=1e-9)
    assert row.overlap == 1 and row.score_gap == pytest.approx(0, abs=1e-6)


def test_the_index_is_kept_and_loses_little_with_the_best_excluded() -> None:
    """It is another one each time it is built: what it misses is one item in a hundred, a hit or not."""
    row = rows()[INDEX]
    assert row.engine == INDEX and row.overlap is not None and row.overlap >= 0.99
    assert row.recall_change is not None and row.recall_change >= -0.01
    assert row.ndcg_change is not None and row.ndcg_change >= -0.01
