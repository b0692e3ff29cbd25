"""The ridge of EASE, chosen on validation: what suits one data set costs another two per cent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kindred.linear.ensemble_weights import ValidationFold, ValidationScores, WeightConfig
from kindred.linear.history_scorers import ease_block, known_items
from kindred.linear.scorer import ScorerConfig


def best_ease_ridge(
    cuts: Sequence[ValidationFold], ridges: Sequence[float], blocks: ScorerConfig, weights: WeightConfig, seed: int
) -> float:
    """The one of `ridges` with which EASE alone ranks the held-out events best, of equals the first.

    That of `blocks` where there is nothing to choose from, or the data is too large for EASE.
    """
    values = dict.fromkeys(ridges, 0.0)
    for cut in cuts:
        features = {"items": known_items(cut.known)}
        for ridge in values:
            block = ease_block(cut.known, replace(blocks, ease_ridge=ridge))
            if block is None:
                return blocks.ease_ridge
            scores = ValidationScores([block], features, cut, weights, seed)
            values[ridge] += scores.value(scores.scores[block.name])
    return max(values, key=values.__getitem__) if values else blocks.ease_ridge
