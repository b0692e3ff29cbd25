"""User-item events as arrays: what is split, what models fit on and metrics are computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

Scorer = Callable[[IntArray], FloatArray]
"""User positions `[batch]` -> scores of the whole catalogue `[batch, num_items]`, the best highest."""

RatingPredictor = Callable[[IntArray, IntArray], FloatArray]
"""User positions `[num_pairs]` and item positions `[num_pairs]` -> predicted ratings `[num_pairs]`."""


@dataclass(frozen=True)
class Interactions:
    """Events between users and items, one a row, in positions (rows of a tensor), never in external ids.

    Attributes:
        user_index: user of each event, `[num_events]`.
        item_index: item of each event, `[num_events]`.
        num_users: size of the user axis; users without an event count.
        num_items: size of the catalogue; items without an event count.
        rating: on the scale of the source, NaN where there is none, `[num_events]`; None where no event has one.
        at: seconds UTC, `[num_events]`, or None where no event has one (`times_of`).
        edge_index: row of each event in the graph's edge table, `[num_events]`, or None outside a graph.
            It survives `take`, so the text of exactly these events can be found again.
        weight: how much each event counts, e.g. plays, above 0, `[num_events]`, or None where all count alike. Weighted
            factors and ALS take it as confidence; every other scorer and every metric counts events alike.
    """

    user_index: IntArray
    item_index: IntArray
    num_users: int
    num_items: int
    rating: FloatArray | None = None
    at: IntArray | None = None
    edge_index: IntArray | None = None
    weight: FloatArray | None = None

    def __post_init__(self) -> None:
        num_events = len(self.user_index)
        for name in ("item_index", "rating", "at", "edge_index", "weight"):
            column = getattr(self, name)
            if column is not None and len(column) != num_events:
                raise ValueError(f"{name} has {len(column)} rows, user_index has {num_events}")

    def __len__(self) -> int:
        return len(self.user_index)

    @property
    def rated(self) -> Interactions:
        """The events that bear a rating."""
        known = np.zeros(len(self), dtype=np.bool_) if self.rating is None else np.isfinite(self.rating)
        return self.take(np.flatnonzero(known))

    @property
    def are_active(self) -> BoolArray:
        """Which users have an event, `[num_users]`."""
        return np.bincount(self.user_index, minlength=self.num_users) > 0

    def take(self, rows: IntArray | NDArray[np.bool_]) -> Interactions:
        """The events at `rows` (positions or a mask), on the same user and item axes."""
        return replace(
            self,
            user_index=self.user_index[rows],
            item_index=self.item_index[rows],
            rating=None if self.rating is None else self.rating[rows],
            at=None if self.at is None else self.at[rows],
            edge_index=None if self.edge_index is None else self.edge_index[rows],
            weight=None if self.weight is None else self.weight[rows],
        )


def times_of(at: IntArray, known: NDArray[np.bool_]) -> IntArray | None:
    """Times for `Interactions.at`, seconds UTC `[num_events]`: what is unknown came first; None where all is."""
    return np.where(known, at, at[known].min()) if known.any() else None


def ratings_of(rating: FloatArray, known: NDArray[np.bool_]) -> FloatArray | None:
    """Ratings for `Interactions.rating`, `[num_events]`: NaN where there is none; None where none is known."""
    return np.where(known, rating, np.nan).astype(np.float32) if known.any() else None


def weights_of(weight: NDArray[np.generic], known: NDArray[np.bool_]) -> FloatArray | None:
    """Weights for `Interactions.weight`, `[num_events]`: 1 where there is none, or none above 0; None where all is."""
    numbers = weight.astype(np.float32)
    counts = known & (numbers > 0)
    return np.where(counts, numbers, 1).astype(np.float32) if counts.any() else None
