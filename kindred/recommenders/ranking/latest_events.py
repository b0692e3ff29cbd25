"""What the last events of users would bring up alone: the linear scorers of retrieval, asked of nothing else.

So are the events of the last session while it goes on: before it began, users may have been after something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.domain.sessions import SILENCE, sessions_of
from kindred.linear.inputs.user_features import events_after
from kindred.recommenders.model import Model

LATEST_EVENTS: Sequence[int] = (1, 3)
"""Of so many last events of a user the scores are numbers of their own for the ranker."""
NUM_SUMS = len(LATEST_EVENTS) + 1
"""Those, and the scores of the session that goes on."""
MOST_OF_SESSION = 10
"""So many of its events, the last ones, stand for a session."""


def in_session(events: Interactions, after: IntArray, asked_at: IntArray | None) -> NDArray[np.bool_]:
    """Which events are of the session that their user is in, `[num_events]`; without times all the last ones are.

    Args:
        events: of users up to now.
        after: how many of the same user came after each (`events_after`), `[num_events]`.
        asked_at: when each user asks, seconds UTC, `[num_users]`; a session that was over by then does not count. None
            for right after their last event.
    """
    last = after < MOST_OF_SESSION
    if events.at is not None:
        rows = np.flatnonzero(last)
        users = events.user_index[rows]
        sessions = sessions_of(users, events.at[rows])
        latest = np.zeros(events.num_users, dtype=np.int64)
        np.maximum.at(latest, users, sessions)
        last[rows] = sessions == latest[users]
        if asked_at is not None:
            ended = np.full(events.num_users, np.iinfo(np.int64).min // 2)
            np.maximum.at(ended, users, events.at[rows])
            last[rows] &= (asked_at - ended <= SILENCE)[users]
    return last


@dataclass(frozen=True)
class LatestEvents:
    """The last events of users as rows to score items with.

    Attributes:
        rows: of the last so many, then of the session that goes on, `[num_users, NUM_SUMS, width]`.
        items: rows of the items, `[num_items, width]`.
        of_session: which of the users' events are of the session that goes on, `[num_events]`.
    """

    rows: FloatArray
    items: FloatArray
    of_session: NDArray[np.bool_]

    @classmethod
    def of(
        cls, model: Model, events: Interactions, asked_at: IntArray | None, items: FloatArray | None = None
    ) -> LatestEvents:
        """Those of these events; without times all of a user's events are the last ones.

        Args:
            model: retrieval; an event counts by its item alone.
            events: items are positions of the model, −1 for others.
            asked_at: when each user asks, as for `in_session`.
            items: rows of the items to be scored, else those of the model.
        """
        after = events_after(events)
        of_session = in_session(events, after, asked_at)
        counted = np.stack([*(after < count for count in LATEST_EVENTS), of_session])
        return cls(_sums(model, events, counted), model.ranking.items if items is None else items, of_session)

    def scores(self, users: IntArray) -> FloatArray:
        """Scores of the whole catalogue, `[NUM_SUMS, num_users, num_items]`."""
        return np.stack([self.rows[users, column] @ self.items.T for column in range(self.rows.shape[1])])


def _sums(model: Model, events: Interactions, counted: NDArray[np.bool_]) -> FloatArray:
    """Sums of the rows of users' events, `[num_users, num_sums, width]`; `counted`: which, `[num_sums, num_events]`.

    One product with a sparse matrix that keeps the order of the events: a row for each event takes gigabytes.
    """
    column, event = np.nonzero(counted)
    cell, num_cells = events.user_index[event] * len(counted) + column, events.num_users * len(counted)
    order = np.argsort(cell, kind="stable")
    items, item = np.unique(events.item_index[event[order]], return_inverse=True)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=num_cells))])
    ones = np.ones(len(order), dtype=np.float32)
    added = sp.csr_matrix((ones, item, offsets), shape=(num_cells, len(items))) @ model.rows_of_items(items)
    found: FloatArray = added.reshape(events.num_users, len(counted), -1)
    return found
