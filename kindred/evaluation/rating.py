"""How far predicted ratings are from given ones, on any scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import IntArray, Interactions, RatingPredictor
from kindred.domain.rating_scale import STARS, RatingScale


@dataclass(frozen=True)
class RatingResult:
    """What predictions were worth, event by event; every array is `[num_events]` in the order of the events.

    Attributes:
        absolute_error: |predicted − given|, in units of the scale.
        squared_error: its square.
        liked: whether the given rating is above the middle of the scale.
        predicted_liked: whether the predicted one is.
    """

    absolute_error: NDArray[np.float64]
    squared_error: NDArray[np.float64]
    liked: NDArray[np.bool_]
    predicted_liked: NDArray[np.bool_]

    @property
    def means(self) -> dict[str, float | None]:
        """`mae`, `mse`, `accuracy` and `f1`; None where there is no event, or nothing to tell apart."""
        both = self.liked.any() and not self.liked.all()
        return {
            "mae": float(self.absolute_error.mean()) if len(self.liked) else None,
            "mse": float(self.squared_error.mean()) if len(self.liked) else None,
            "accuracy": float((self.liked == self.predicted_liked).mean()) if both else None,
            "f1": f1(self.confusion) if both else None,
        }

    @property
    def confusion(self) -> IntArray:
        """Number of true likes, false likes, missed likes and true dislikes, `[4]`."""
        liked, predicted = self.liked, self.predicted_liked
        cells = [liked & predicted, ~liked & predicted, liked & ~predicted, ~liked & ~predicted]
        return np.array([cell.sum() for cell in cells], dtype=np.int64)


def evaluate_rating(
    predict_rating: RatingPredictor, held_out: Interactions, scale: RatingScale = STARS
) -> RatingResult:
    """Predict each held-out event's rating and measure the error; predictions are taken as they come, not clipped.

    Raises:
        ValueError: the events have no ratings, or the predictor answered with the wrong shape or a value that is not
            finite.
    """
    if held_out.rating is None:
        raise ValueError("the held-out events have no ratings")
    predicted = np.asarray(predict_rating(held_out.user_index, held_out.item_index), dtype=np.float64)
    if predicted.shape != held_out.rating.shape:
        raise ValueError(f"the predictor answered with shape {predicted.shape} for {len(held_out)} events")
    if not np.isfinite(predicted).all():
        raise ValueError("the predictor answered with NaN or infinity; a model must be finite before it is evaluated")
    error = predicted - held_out.rating
    return RatingResult(np.abs(error), error * error, held_out.rating > scale.middle, predicted > scale.middle)


def f1(confusion: IntArray) -> float | None:
    """F1 of the likes from the counts of `RatingResult.confusion`, None unless the given ratings hold both classes."""
    true_likes, false_likes, missed_likes, true_dislikes = (int(count) for count in confusion)
    if true_likes + missed_likes == 0 or false_likes + true_dislikes == 0:
        return None
    return 2 * true_likes / (2 * true_likes + false_likes + missed_likes)
