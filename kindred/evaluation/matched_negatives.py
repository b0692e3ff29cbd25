"""ROC-AUC of held-out items against items of like popularity: what a ranking knows beyond popularity.

A ranking that only puts popular items first has a high ROC-AUC against items at random. Against items as popular as the
held-out one it has about .5, and so has chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kindred.domain.interactions import BoolArray, DoubleArray, FloatArray, IntArray, Interactions

ROC_AUC = "roc_auc"
NEIGHBOURS = 50
"""So many ranks of popularity above a held-out item, and as many below, hold its negatives."""
_CHUNK = 20_000


@dataclass(frozen=True)
class MatchedNegatives:
    """The catalogue ordered by popularity among the known events, and who chose what.

    Attributes:
        items: the least popular first, equal ones in a random order of a fixed seed, `[num_items]`.
        rank: where each item stands in `items`, `[num_items]`.
        known: nonzero where a user has a known event of the item, `[num_users, num_items]`.
        chosen: the same of known and held-out events.
    """

    items: IntArray
    rank: IntArray
    known: sp.csr_matrix
    chosen: sp.csr_matrix

    @classmethod
    def of(cls, known: Interactions, held_out: Interactions) -> MatchedNegatives:
        """The popularity of these known events; no item of either kind of events is a negative of its user."""
        popularity = np.bincount(known.item_index, minlength=known.num_items)
        chance = np.random.default_rng(0).permutation(known.num_items)
        items = np.lexsort((chance, popularity)).astype(np.int64)
        of_known = _users_by_items(known)
        return cls(items, np.argsort(items).astype(np.int64), of_known, of_known + _users_by_items(held_out))

    def roc_auc(self, scores: FloatArray, users: IntArray, rows: IntArray, items: IntArray) -> DoubleArray:
        """Chance that a held-out item scores above one of like popularity that its user never chose, ties half.

        Negatives of an item are those at most `NEIGHBOURS` ranks of popularity above or below it, as many of each, the
        nearest, so that popularity itself has .5; where it is the most or the least popular of all, those on the one
        side that there is. An item that its user had before, which no list holds again, and one without negatives tell
        nothing and count .5.

        The mean over a user's held-out items is the ROC-AUC of Rendle et al., "BPR: Bayesian Personalized Ranking from
        Implicit Feedback", UAI 2009, arXiv 1205.2618. To rank among items of like popularity is due to Bellogín,
        Castells and Cantador, "Statistical biases in Information Retrieval metrics for recommender systems",
        Information Retrieval Journal 20, 2017; their parts of the catalogue have fixed bounds.

        Args:
            scores: of the catalogue, −inf where an item can't be recommended, `[batch, num_items]`.
            users: whose scores these are, `[batch]`.
            rows: row of each held-out pair, `[num_pairs]`.
            items: item of each, `[num_pairs]`.

        Returns:
            The chance of each pair, `[num_pairs]`.
        """
        chosen = self.chosen[users].toarray() > 0
        values = [np.zeros(0)]
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            values.append(self._of_pairs(scores, chosen, rows[part], items[part]))
        repeated = np.asarray(self.known[users[rows], items]).ravel() > 0
        found: DoubleArray = np.where(repeated, 0.5, np.concatenate(values))
        return found

    def _of_pairs(self, scores: FloatArray, chosen: BoolArray, rows: IntArray, items: IntArray) -> DoubleArray:
        """The same of each pair, all as if new to its user; `chosen` is `[batch, num_items]`."""
        near = np.arange(1, NEIGHBOURS + 1)
        ranks = self.rank[items][:, None] + np.stack([near, -near])[:, None]  # [2, num_pairs, NEIGHBOURS]
        negatives = self.items[np.clip(ranks, 0, len(self.items) - 1)]
        free = (ranks >= 0) & (ranks < len(self.items)) & ~chosen[rows[:, None], negatives]
        kept = free & _as_many_of_each(free)
        own, other = scores[rows, items][:, None], scores[rows[:, None], negatives]
        wins = ((own > other) + 0.5 * (own == other)) * kept
        num_kept = kept.sum((0, 2))
        auc: DoubleArray = np.where(num_kept > 0, wins.sum((0, 2)) / np.maximum(num_kept, 1), 0.5)
        return auc


def _users_by_items(events: Interactions) -> sp.csr_matrix:
    ones = np.ones(len(events), dtype=np.float32)
    return sp.csr_matrix((ones, (events.user_index, events.item_index)), shape=(events.num_users, events.num_items))


def _as_many_of_each(free: BoolArray) -> NDArray[np.bool_]:
    """The nearest free ones of both sides, as many as the side with fewer has; all where a side has none.

    Args:
        free: both sides, nearest first, `[2, num_pairs, NEIGHBOURS]`.
    """
    counted = free.cumsum(2)
    fewer = counted[:, :, -1].min(0)
    most = np.where(fewer > 0, fewer, free.shape[2])
    within: NDArray[np.bool_] = counted <= most[:, None]
    return within
