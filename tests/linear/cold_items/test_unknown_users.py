from dataclasses import replace

import numpy as np
import pytest

from kindred.linear.cold_items.rows import ColdItemMap
from kindred.linear.cold_items.unknown_users import row_without_history

ITEMS, NEW, WIDTH = 60, 15, 12
ROW = np.eye(WIDTH, dtype=np.float32)[0] / 50
"""Little is known of an unknown user: their scores are a fiftieth of the items' first numbers."""


@pytest.fixture
def rows():
    rows = np.random.default_rng(0).normal(size=(ITEMS, WIDTH)).astype(np.float32)
    rows[:, -1] = 0  # what new items alone have
    return rows


def cold_items(rows: np.ndarray, constant: np.ndarray) -> ColdItemMap:
    """A map without texts: new items are at the mean of the known ones, and this much along what all users have."""
    nothing = np.zeros((WIDTH, WIDTH), dtype=np.float32)
    return ColdItemMap(
        text_mean=np.zeros(1, dtype=np.float32),
        known_text=np.zeros((len(rows), 1), dtype=np.float32),
        known_rows=rows,
        asked_rows=np.zeros((len(rows) + 1, WIDTH), dtype=np.float32),
        chooser_map=nothing,
        constant=constant.astype(np.float32),
        mean_user=np.zeros(WIDTH, dtype=np.float32),
        offsets=np.array([-1, -2, -2, -2], dtype=np.float32),
        sharpness=2.0,
        chooser_weight=1.0,
    )


LEADING = np.eye(WIDTH)[-1] - 15 * np.eye(WIDTH)[0]
"""Told to be 1 of all users, it is below 0 of the unknown one, so that a low place becomes a high one."""


def test_new_items_come_after_those_that_somebody_took_and_these_stay_as_they_are(rows):
    cold = cold_items(rows, LEADING)
    new = cold.encode(np.zeros((NEW, 1), dtype=np.float32))
    items, counts = np.concatenate([rows, new]), np.repeat([3, 0], [ITEMS, NEW])
    known, best = rows @ ROW, np.sort(rows @ ROW)[-10]
    assert (new @ ROW > known.max()).all()
    row = row_without_history(ROW, items, counts, cold)
    assert (new @ row < best).all()
    np.testing.assert_allclose(rows @ row, known, atol=0.1 * known.std())
    assert set(np.argsort(-known)[:10]) == set(np.argsort(-(rows @ row))[:10])


def test_so_they_do_where_none_has_come_yet(rows):
    cold = cold_items(rows, LEADING)
    row = row_without_history(ROW, rows, np.ones(ITEMS, dtype=np.int64), cold)
    one = cold.encode(np.zeros((1, 1), dtype=np.float32))[0]
    assert one @ ROW > (rows @ ROW).max() and one @ row < np.median(rows @ row)


def test_where_new_items_stand_low_nothing_changes(rows):
    cold = replace(cold_items(rows, LEADING), offsets=np.array([1, 1, 1, 1], dtype=np.float32))
    items = np.concatenate([rows, cold.encode(np.zeros((NEW, 1), dtype=np.float32))])
    assert row_without_history(ROW, items, np.repeat([3, 0], [ITEMS, NEW]), cold) is ROW
