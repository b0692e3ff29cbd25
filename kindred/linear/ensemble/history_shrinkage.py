"""History-length shrinkage: how much less one or two events tell of a user than a usual history.

It is learned on validation users whose histories are shortened. Weights of scorers are learned where histories are
long, so they trust a sum over one event too much or too little beside what holds for all users, and beside a network
that has seen how little one event tells. It depends on the data: of two data sets with the same weights one wants the
sums of newcomers halved, the other left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kindred.domain.distinct import distinct
from kindred.domain.interactions import FloatArray, IntArray
from kindred.linear.ensemble.validation import ValidationFold
from kindred.linear.inputs.user_features import SUMS, Feature, events_after, history_weight, typical_history
from kindred.linear.scorers.scorer import LinearScorer, score_spread

EncodeKnown = Callable[[IntArray, IntArray], dict[str, Feature]]
"""Rows of a fold's known events, some users -> features of these users from these events alone; others' are void."""

LENGTHS = (1, 2, 5)
SHRINKAGES = (0.0, 0.5, 1.0, 2.0, 4.0)
TEMPERATURES = 2.0 ** np.arange(-3, 5, 0.25)
MAX_SCORES = 40_000_000
"""Users × items × scorers × lengths that are looked at; large catalogues get fewer users."""
SHARE = 0.2
"""Part of the users whose histories are shortened: the others still tell a network of the items."""


class ShortHistories:
    """Every scorer's scores of the validation users, known by their last 1, 2 or 5 events and by all."""

    def __init__(
        self,
        fold: ValidationFold,
        scorers: Sequence[LinearScorer],
        features: dict[str, Feature],
        encode: EncodeKnown,
    ):
        users = distinct(fold.held_out.user_index)
        most = MAX_SCORES // (fold.known.num_items * (len(LENGTHS) + 1) * len(scorers))
        chosen = np.random.default_rng(0).permutation(users)[: max(1, min(most, round(SHARE * len(users))))]
        row = np.full(fold.known.num_users, -1)
        row[chosen] = np.arange(len(chosen))
        self.feature = {scorer.name: scorer.feature for scorer in scorers}
        self.spread = {s.name: score_spread(s.scores(features, chosen)) for s in scorers}
        self.typical = typical_history(fold.known)
        self.counts = np.bincount(fold.known.user_index, minlength=fold.known.num_users)[chosen]
        self.known = row[fold.known.user_index], fold.known.item_index
        self.target = row[fold.held_out.user_index], fold.held_out.item_index
        later = events_after(fold.known)
        whole = row[fold.known.user_index] < 0
        self.shortened = []
        for length in (*LENGTHS, len(fold.known)):
            rows = encode(np.flatnonzero(whole | (later < length)), chosen)
            scores = {s.name: s.scores(rows, chosen) for s in scorers if self.spread[s.name]}
            self.shortened.append((scores, np.minimum(self.counts, length)))

    def best_shrinkage(self, weights: dict[str, float]) -> float:
        """The `history_shrinkage` under which what was held out is most likely."""
        found = [self._likelihood(weights, shrinkage) for shrinkage in SHRINKAGES]
        return SHRINKAGES[int(np.argmax(found))]

    def _likelihood(self, weights: dict[str, float], shrinkage: float) -> float:
        """Sum over lengths of the mean log-likelihood of the held-out events.

        Each length at its best temperature: how sure one can be is another question than what comes first.
        """
        total = 0.0
        for scores, counts in self.shortened:
            if not scores:
                continue
            shrunken = history_weight(counts, shrinkage, self.typical)[:, None]
            mixed = np.zeros_like(next(iter(scores.values())))
            for name, values in scores.items():
                factor = np.float32(weights[name] / self.spread[name])
                mixed += factor * (shrunken * values if self.feature[name] in SUMS else values)
            total += float(self._at_temperatures(mixed).max())
        return total

    def _at_temperatures(self, scores: FloatArray) -> np.ndarray:
        """Mean log-likelihood of these users' held-out events among what they don't know, by temperature."""
        rows, items = self.known
        scores[rows[rows >= 0], items[rows >= 0]] = -np.inf
        rows, items = self.target
        rows, items = rows[rows >= 0], items[rows >= 0]
        new = np.isfinite(scores[rows, items])
        if not new.any():
            return np.zeros(len(TEMPERATURES))
        asked, rows = np.unique(rows[new], return_inverse=True)
        items, scores = items[new], scores[asked]
        scores = scores - scores.max(1, keepdims=True)
        return np.array(
            [
                float((scores[rows, items] / heat - np.log(np.exp(scores / heat).sum(1))[rows]).mean())
                for heat in TEMPERATURES
            ]
        )
