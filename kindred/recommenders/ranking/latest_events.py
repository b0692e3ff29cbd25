"""What the last events of users would bring up alone: the linear scorers of retrieval, asked of nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.linear.inputs.user_features import events_after
from kindred.recommenders.histories import Histories
from kindred.recommenders.model import Model

LATEST_EVENTS: Sequence[int] = (1, 3)
"""Of so many last events of a user the scores are numbers of their own for the ranker."""


@dataclass(frozen=True)
class LatestEvents:
    """The last events of users as rows to score items with.

    Attributes:
        rows: `[num_users, len(LATEST_EVENTS), width]`.
        items: rows of the items, `[num_items, width]`.
    """

    rows: FloatArray
    items: FloatArray

    @classmethod
    def of(cls, model: Model, events: Interactions, items: FloatArray | None = None) -> LatestEvents:
        """Those of these events; without times all of a user's events are the last ones.

        Args:
            model: retrieval; an event counts by its item alone.
            events: items are positions of the model, −1 for others.
            items: rows of the items to be scored, else those of the model.
        """
        after = events_after(events)
        last = np.flatnonzero(after < max(LATEST_EVENTS))
        histories = Histories(replace(events.take(last), at=None), {})
        added = np.asarray(model.event_rows(histories), dtype=np.float32)
        rows = np.zeros((events.num_users, len(LATEST_EVENTS), added.shape[1]), dtype=np.float32)
        for column, count in enumerate(LATEST_EVENTS):
            counted = after[last] < count
            np.add.at(rows[:, column], events.user_index[last][counted], added[counted])
        return cls(rows, model.ranking.items if items is None else items)

    def scores(self, users: IntArray) -> FloatArray:
        """Scores of the whole catalogue, `[len(LATEST_EVENTS), num_users, num_items]`."""
        return np.stack([self.rows[users, column] @ self.items.T for column in range(self.rows.shape[1])])
