import numpy as np
import pytest

from kindred.linear.cold_items.rows import ColdItemMap, FirstEvents


@pytest.fixture
def cold():
    """Two kinds of text; the users' space has a dimension a kind and a constant one."""
    return ColdItemMap(
        text_mean=np.zeros(2, dtype=np.float32),
        known_text=np.repeat(np.eye(2, dtype=np.float32), 10, axis=0),
        known_rows=np.repeat(np.array([[1, 0, 0], [0, 3, 0]], dtype=np.float32), 10, axis=0),
        asked_rows=np.zeros((21, 3), dtype=np.float32),
        chooser_map=np.diag([1, 1, 0]).astype(np.float32),
        constant=np.array([0, 0, 1], dtype=np.float32),
        mean_user=np.array([0.5, 0.5, 1], dtype=np.float32),
        offsets=np.array([-1, -2, -3, -4], dtype=np.float32),
        sharpness=2.0,
        chooser_weight=0.1,
    )


NO_TEXT = np.zeros((1, 2), dtype=np.float32)


def test_a_text_gets_the_mean_row_of_the_ten_nearest(cold):
    rows = cold.encode(np.array([[2, 0.1], [0.1, 5]], dtype=np.float32))
    np.testing.assert_allclose(rows, [[1, 0, -1], [0, 3, -1]], atol=1e-6)


def test_without_text_an_item_gets_what_all_have(cold):
    np.testing.assert_allclose(cold.encode(NO_TEXT), [[0.5, 1.5, -1]], atol=1e-6)


def test_the_offset_goes_by_the_number_of_events(cold):
    rows = np.zeros((6, 3), dtype=np.float32)
    events = FirstEvents(rows, np.array([0, 1, 2, 3, 5, 80]))
    offsets = cold.encode(np.repeat(NO_TEXT, 6, axis=0), events)[:, 2]
    np.testing.assert_allclose(offsets[[0, 1, 2, 4, 5]], [-1, -2, -3, -4, -4], atol=1e-6)
    assert -4 < offsets[3] < -3


def test_choosers_count_by_their_direction_not_by_their_length_or_number(cold):
    user = np.array([[1.5, 0.5, 1]], dtype=np.float32)
    far = np.array([[4.5, 0.5, 1]], dtype=np.float32)
    once = cold.rows_of_choosers(FirstEvents(user, np.array([1])))
    np.testing.assert_allclose(once, [[1, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(cold.rows_of_choosers(FirstEvents(far, np.array([1]))), once, atol=1e-6)
    np.testing.assert_allclose(cold.rows_of_choosers(FirstEvents(3 * user, np.array([3]))), once, atol=1e-6)
    assert not cold.rows_of_choosers(FirstEvents(0 * user, np.array([0]))).any()


def test_state_brings_the_same_map_back(cold):
    again = ColdItemMap.from_state(*cold.state())
    text = np.array([[2, 0.1]], dtype=np.float32)
    events = FirstEvents(np.array([[1.5, 0.5, 1]], dtype=np.float32), np.array([1]))
    assert np.array_equal(again.encode(text, events), cold.encode(text, events))


def test_many_items_are_placed_a_part_at_a_time_and_each_as_if_alone(cold, monkeypatch):
    rng = np.random.default_rng(0)
    text = rng.normal(size=(7, 2)).astype(np.float32)
    events = FirstEvents(rng.normal(size=(7, 3)).astype(np.float32), np.arange(7))
    together = cold.encode(text, events)
    sizes = []
    similarity = ColdItemMap._similarity
    monkeypatch.setattr(ColdItemMap, "_similarity", lambda own, of: sizes.append(len(of)) or similarity(own, of))
    monkeypatch.setattr("kindred.linear.cold_items.rows._AT_ONCE", 3)
    np.testing.assert_allclose(cold.encode(text, events), together, atol=1e-6)
    assert max(sizes) == 3
    assert cold.encode(text[:0]).shape == (0, 3)
