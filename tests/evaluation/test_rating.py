from __future__ import annotations

import numpy as np
import pytest

from kindred.domain.interactions import FloatArray, Interactions
from kindred.domain.rating_scale import RatingScale
from kindred.evaluation.rating import evaluate_rating, f1


def held_out(ratings: list[float]) -> Interactions:
    rows = np.arange(len(ratings))
    return Interactions(rows, rows, len(ratings), len(ratings), rating=np.array(ratings, dtype=np.float32))


def answering(stars: list[float]) -> FloatArray:
    return np.array(stars, dtype=np.float32)


def test_every_figure_by_hand() -> None:
    given = held_out([5, 4, 2, 1])
    result = evaluate_rating(lambda users, items: answering([4, 3, 2, 4]), given)
    assert result.absolute_error.tolist() == [1, 1, 0, 3]
    # likes given: 5, 4; likes predicted: 4 (right), 4 (wrong); 3 is no like
    assert result.confusion.tolist() == [1, 1, 1, 1]
    assert result.means == {"mae": 1.25, "mse": 11 / 4, "accuracy": 0.5, "f1": 0.5}


def test_predictions_are_asked_for_the_right_pairs() -> None:
    events = Interactions(np.array([2, 0]), np.array([1, 3]), 3, 4, rating=answering([3, 4]))
    result = evaluate_rating(lambda users, items: (users + items).astype(np.float32), events)
    assert result.absolute_error.tolist() == [0, 1]


@pytest.mark.parametrize("ratings", [[5.0, 4.0], [1.0, 3.0]])
def test_accuracy_and_f1_are_undefined_with_one_class(ratings: list[float]) -> None:
    result = evaluate_rating(lambda users, items: answering([5, 2]), held_out(ratings))
    assert result.means["accuracy"] is None
    assert result.means["f1"] is None
    assert result.means["mae"] is not None
    assert f1(result.confusion) is None


def test_no_event_has_no_figures() -> None:
    assert set(evaluate_rating(lambda users, items: answering([]), held_out([])).means.values()) == {None}


def test_f1_is_zero_when_no_like_is_found() -> None:
    assert evaluate_rating(lambda u, i: answering([1, 1]), held_out([5, 1])).means["f1"] == 0.0


@pytest.mark.parametrize(("answer", "reason"), [([5.0], "shape"), ([5.0, np.nan], "NaN")])
def test_broken_predictors_are_refused(answer: list[float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        evaluate_rating(lambda users, items: answering(answer), held_out([5, 4]))


def test_events_without_ratings_are_refused() -> None:
    with pytest.raises(ValueError, match="no ratings"):
        evaluate_rating(lambda users, items: answering([5]), Interactions(np.array([0]), np.array([0]), 1, 1))


def test_likes_are_above_the_middle_of_any_scale() -> None:
    given = held_out([90, 51, 50, 10])
    result = evaluate_rating(lambda users, items: answering([60, 40, 30, 80]), given, RatingScale(0, 100))
    assert result.liked.tolist() == [True, True, False, False]
    assert result.confusion.tolist() == [1, 1, 1, 1]
    assert result.means["mae"] == (30 + 11 + 20 + 70) / 4
