"""The checkerboard: a tiny catalogue whose right answers are known by construction."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import Interactions


def checkerboard(num_users: int, num_items: int) -> tuple[Interactions, Interactions]:
    """Known and held-out events: even users like even items, odd users odd ones, one item of each user is missing."""
    users, items = np.nonzero((np.arange(num_users)[:, None] + np.arange(num_items)) % 2 == 0)
    held_out = items == (users + 2 * (users // 4) + 2) % num_items
    everything = Interactions(users.astype(np.int64), items.astype(np.int64), num_users, num_items)
    return everything.take(~held_out), everything.take(held_out)
