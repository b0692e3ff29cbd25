"""How much less one or two events say of a user than a usual history, learned on validation users cut short.

Weights of blocks are learned where histories are long, so they trust a sum over one event too much or too little beside
what holds for everyone, and beside a network that has seen how little one event tells. It depends on the data: of two
data sets with the same weights one wants the sums of newcomers halved, the other left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray
from kindred.linear.ensemble_weights import ValidationFold, WeightConfig
from kindred.linear.scorer import LinearScorer, score_spread
from kindred.linear.user_features import SUMS, Feature, places_from_end, say_of_history, typical_history

EncodeKnown = Callable[[IntArray], dict[str, Feature]]
"""Rows of a cut's known events -> features of every user from these events alone."""

LENGTHS = (1, 2, 5)
SHRINKAGES = (0.0, 0.5, 1.0, 2.0, 4.0)
TEMPERATURES = 2.0 ** np.arange(-3, 5, 0.25)
SHARE = 0.2
"""Part of the users that is cut short: the others keep their say in what a network tells of items."""


class ShortHistories:
    """Every block's scores of the validation users, known by their last 1, 2 or 5 events and by all."""

    def __init__(
        self,
        cut: ValidationFold,
        blocks: Sequence[LinearScorer],
        features: dict[str, Feature],
        encode: EncodeKnown,
        config: WeightConfig,
    ):
        users = np.unique(cut.held_out.user_index)
        most = config.max_scores // (cut.known.num_items * (len(LENGTHS) + 1) * len(blocks))
        chosen = np.random.default_rng(0).permutation(users)[: max(1, min(most, round(SHARE * len(users))))]
        place = np.full(cut.known.num_users, -1)
        place[chosen] = np.arange(len(chosen))
        self.feature = {block.name: block.feature for block in blocks}
        self.spread = {block.name: score_spread(block.scores(features[block.feature][chosen])) for block in blocks}
        self.typical = typical_history(cut.known)
        self.counts = np.bincount(cut.known.user_index, minlength=cut.known.num_users)[chosen]
        self.known = place[cut.known.user_index], cut.known.item_index
        self.target = place[cut.held_out.user_index], cut.held_out.item_index
        later = places_from_end(cut.known)
        whole = place[cut.known.user_index] < 0
        self.told = []
        for length in (*LENGTHS, len(cut.known)):
            rows = encode(np.flatnonzero(whole | (later < length)))
            scores = {block.name: block.scores(rows[block.feature][chosen]) for block in blocks}
            self.told.append((scores, np.minimum(self.counts, length)))

    def best_shrinkage(self, weights: dict[str, float]) -> float:
        """The `history_shrinkage` under which what was held out is most likely."""
        found = [self._likelihood(weights, shrinkage) for shrinkage in SHRINKAGES]
        return SHRINKAGES[int(np.argmax(found))]

    def _likelihood(self, weights: dict[str, float], shrinkage: float) -> float:
        """Sum over lengths of the mean log-likelihood of the held-out events.

        Each length at its best temperature: how sure one can be is another question than what comes first.
        """
        total = 0.0
        for scores, counts in self.told:
            say = say_of_history(counts, shrinkage, self.typical)[:, None]
            mixed = np.zeros_like(next(iter(scores.values())))
            for name, values in scores.items():
                factor = np.float32(weights[name] / self.spread[name])
                mixed += factor * (say * values if self.feature[name] in SUMS else values)
            total += float(self._at_temperatures(mixed).max())
        return total

    def _at_temperatures(self, scores: FloatArray) -> np.ndarray:
        """Mean log-likelihood of these users' held-out events among what they don't know, by temperature."""
        rows, items = self.known
        scores[rows[rows >= 0], items[rows >= 0]] = -np.inf
        rows, items = self.target
        rows, items = rows[rows >= 0], items[rows >= 0]
        new = np.isfinite(scores[rows, items])
        rows, items = rows[new], items[new]
        scores = scores - scores.max(1, keepdims=True)
        return np.array(
            [
                float((scores[rows, items] / heat - np.log(np.exp(scores / heat).sum(1))[rows]).mean())
                for heat in TEMPERATURES
            ]
        )
