"""The scale of a source's ratings: from the worst to the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # declarations of systems name a scale, and are read by commands that need no array
    from kindred.domain.interactions import FloatArray

Numbers = TypeVar("Numbers", bound=Any)
"""An array or a tensor."""


@dataclass(frozen=True)
class RatingScale:
    """From the worst rating to the best one; both ends may be given.

    Attributes:
        low: the worst rating that can be given.
        high: the best one.
    """

    low: float = 1.0
    high: float = 5.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a rating scale needs low < high, got {self.low} and {self.high}")

    @property
    def middle(self) -> float:
        """Half-way between the worst and the best; what is above counts as positive in accuracy and F1."""
        return (self.low + self.high) / 2

    @property
    def liked(self) -> float:
        """From here on a rating says that the item was liked: 4 of 1 to 5."""
        return self.low + 0.75 * (self.high - self.low)

    def of_cosine(self, cosine: Numbers) -> Numbers:
        """The ratings that cosines in [−1, 1] stand for: 2.5 · (cosine + 1) of 1 to 5, the best one at cosine 1.

        Cosine −1 stands for 0, or for the worst rating where the scale reaches below 0.
        """
        floor = min(0.0, self.low)
        rating: Numbers = (self.high - floor) / 2 * (cosine + 1) + floor
        return rating

    def clip(self, rating: FloatArray) -> FloatArray:
        """The ratings within the scale."""
        clipped: FloatArray = rating.clip(self.low, self.high).astype("float32")
        return clipped


STARS = RatingScale(1.0, 5.0)
"""One to five stars."""


def observed_scale(rating: FloatArray) -> RatingScale | None:
    """The scale that ratings use, from their least to their greatest; None where all are equal or there are none."""
    import numpy as np

    known = rating[np.isfinite(rating)]
    if not len(known) or known.min() == known.max():
        return None
    return RatingScale(float(known.min()), float(known.max()))
