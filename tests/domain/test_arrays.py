"""Interactions and embeddings: what is checked when arrays are put together."""

from __future__ import annotations

import numpy as np
import pytest

from kindred.domain.embeddings import Embeddings, text_to_encode
from kindred.domain.errors import SchemaError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import Interactions


def test_take_keeps_axes_and_every_column() -> None:
    events = Interactions(
        np.array([0, 1, 2]),
        np.array([2, 1, 0]),
        num_users=9,
        num_items=5,
        rating=np.array([1, 2, 3], np.float32),
        at=np.array([10, 20, 30]),
        edge_index=np.array([7, 8, 9]),
    )
    taken = events.take(np.array([True, False, True]))
    assert (taken.num_users, taken.num_items, len(taken)) == (9, 5, 2)
    assert taken.rating is not None and taken.at is not None and taken.edge_index is not None
    assert [taken.rating.tolist(), taken.at.tolist(), taken.edge_index.tolist()] == [[1, 3], [10, 30], [7, 9]]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="rating"):
        Interactions(np.array([0]), np.array([0]), 1, 1, rating=np.array([1, 2], np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(SchemaError, match="1 of 2"):
        Embeddings(IdMap(["a", "b"]), np.array([[1.0, bad], [0.0, 1.0]], np.float32))


def test_every_vector_has_an_id() -> None:
    with pytest.raises(SchemaError, match="2 ids"):
        Embeddings(IdMap(["a", "b"]), np.zeros((3, 4), np.float32))


@pytest.mark.parametrize(
    ("parts", "text"),
    [((None, None), None), (("", ""), ""), (("Great", ""), "Great"), ((None, "Loud."), "Loud."), (("A", "b"), "A. b")],
)
def test_texts_are_read_as_one(parts: tuple[str | None, ...], text: str | None) -> None:
    assert text_to_encode(parts) == text
