from __future__ import annotations

import numpy as np
import pytest

from kindred.domain.rating_scale import STARS, RatingScale, observed_scale


def test_a_cosine_of_stars_spans_nought_to_five() -> None:
    assert STARS.of_cosine(np.array([1.0, -1.0, 0.0])).tolist() == [5.0, 0.0, 2.5]


def test_a_scale_below_nought_begins_at_its_worst() -> None:
    assert RatingScale(-10, 10).of_cosine(np.array([1.0, -1.0, 0.0])).tolist() == [10.0, -10.0, 0.0]


def test_four_stars_are_liked_and_three_are_the_middle() -> None:
    assert (STARS.liked, STARS.middle) == (4.0, 3.0)
    assert (RatingScale(0.5, 5).liked, RatingScale(0, 100).middle) == (3.875, 50.0)


def test_ratings_are_clipped_to_the_scale() -> None:
    assert RatingScale(0, 2).clip(np.array([-1.0, 1.5, 9.0], np.float32)).tolist() == [0.0, 1.5, 2.0]


def test_the_scale_of_data_is_what_it_uses() -> None:
    assert observed_scale(np.array([3.0, np.nan, 8.0], np.float32)) == RatingScale(3.0, 8.0)
    assert observed_scale(np.array([4.0, 4.0], np.float32)) is None
    assert observed_scale(np.array([np.nan], np.float32)) is None


def test_a_scale_needs_two_ends() -> None:
    with pytest.raises(ValueError, match="low < high"):
        RatingScale(5, 5)
