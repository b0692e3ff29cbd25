"""Users by how much is known of them, items by how popular they are: averages hide who is served badly."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import IntArray, Interactions

HISTORY_BUCKETS = ("0", "1", "2-3", "4-7", "8-15", "16+")
"""Names of the history buckets by number of known events; each is twice as wide as the one before."""

POPULARITY_BUCKETS = ("head", "middle", "tail", "cold")
"""Head, middle and tail items carry 20, 60 and 20 per cent of the known events; no user knows a cold item."""


def history_bucket(known: Interactions) -> IntArray:
    """Index into `HISTORY_BUCKETS` of every user, `[num_users]`."""
    lengths = np.bincount(known.user_index, minlength=known.num_users)
    return np.digitize(lengths, [1, 2, 4, 8, 16]).astype(np.int64)


def popularity_bucket(known: Interactions) -> IntArray:
    """Index into `POPULARITY_BUCKETS` of every item, `[num_items]`.

    Abdollahpouri et al., "User-centered Evaluation of Popularity Bias in Recommender Systems", 2021, arXiv 2103.06364.
    Items of equal popularity share a bucket, whatever their order.
    """
    popularity = np.bincount(known.item_index, minlength=known.num_items)
    distinct, group, sizes = np.unique(popularity, return_inverse=True, return_counts=True)
    events = distinct * sizes
    more_popular = (events.sum() - np.cumsum(events))[group]  # events of all strictly more popular items
    bucket: IntArray = np.digitize(more_popular / max(len(known), 1), [0.2, 0.8]).astype(np.int64)
    bucket[popularity == 0] = POPULARITY_BUCKETS.index("cold")
    return bucket
