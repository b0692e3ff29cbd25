import numpy as np
import pytest

from kindred.linear.inputs import event_text
from kindred.linear.inputs.event_text import EventText


def stored(dtype=np.float32):
    """Ten texts, those of events 3 and 7 missing."""
    vectors = np.random.default_rng(0).normal(size=(10, 4)).astype(dtype)
    vectors[[3, 7]] = 0
    return vectors


GROUPS = np.array([2, 0, 2, 2, 5, 0, 0, 5, 2, 3])


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_sums_are_those_of_the_vectors_that_there_are_whatever_the_size_of_a_batch(monkeypatch, batch):
    monkeypatch.setattr(event_text, "_EVENTS_A_BATCH", batch)
    vectors, weights = stored(), np.arange(1, 11, dtype=np.float32)
    centre = np.array([1, 2, 3, 4], dtype=np.float32)
    wanted = np.zeros((7, 4), dtype=np.float32)
    for event, group in enumerate(GROUPS):
        if event not in (3, 7):
            wanted[group] += weights[event] * (vectors[event] - centre)
    found = EventText.of(vectors).sums(GROUPS, weights, 7, centre)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_some_of_the_texts_are_a_view_of_the_same_vectors():
    text = EventText.of(stored(np.float16))
    some = text.take(np.array([8, 3, 1])).take(np.array([True, True, False]))
    assert some.stored is text.stored
    assert some.has_text.tolist() == [True, False]
    np.testing.assert_allclose(some.mean(), stored(np.float16)[8].astype(np.float32))


def test_no_text_at_all_has_a_mean_of_zeros():
    assert EventText.of(np.zeros((3, 2), dtype=np.float16)).mean().tolist() == [0, 0]
    assert EventText.of(np.zeros((0, 2), dtype=np.float16)).mean().tolist() == [0, 0]


def test_some_of_the_texts_are_those_of_events_that_have_one():
    vectors = stored()
    text = EventText.of(vectors)
    np.testing.assert_array_equal(text.some(100), vectors[[0, 1, 2, 4, 5, 6, 8, 9]])
    np.testing.assert_array_equal(text.some(3), vectors[[0, 4, 8]])


@pytest.mark.parametrize("batch", [3, 100])
def test_projections_are_of_the_centred_vectors_and_zeros_without_one(monkeypatch, batch):
    monkeypatch.setattr(event_text, "_EVENTS_A_BATCH", batch)
    vectors, centre = stored(), np.array([1, 2, 3, 4], dtype=np.float32)
    axes = np.random.default_rng(1).normal(size=(4, 2)).astype(np.float32)
    found = EventText.of(vectors).take(np.arange(9, -1, -1)).projected(axes, centre)[::-1]
    expected = (vectors - centre) @ axes
    expected[[3, 7]] = 0
    np.testing.assert_allclose(found, expected, rtol=1e-5)
