"""The ridge of EASE within the ensemble, chosen on validation: what suits one data set costs another two per cent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from kindred.domain.interactions import Scorer
from kindred.linear.ease import choose_ridge, ease_scorers
from kindred.linear.ensemble_weights import HeldOut, ValidationFold, WeightConfig
from kindred.linear.history_scorers import has_ease, mean_count
from kindred.linear.scorer import ScorerConfig


def best_ease_ridge(
    cuts: Sequence[ValidationFold], ridges: Sequence[float], blocks: ScorerConfig, weights: WeightConfig, seed: int
) -> float:
    """The one of `ridges`, in mean item counts, with which EASE alone ranks the held-out events best.

    That of `blocks` where there is nothing to choose from, or the data is too large for EASE.
    """
    if not ridges or not all(has_ease(cut.known, blocks) for cut in cuts):
        return blocks.ease_ridge

    def score_with_each(held_out: HeldOut) -> Iterator[Scorer]:
        unit = mean_count(held_out.cut.known)
        return ease_scorers(held_out.cut.known, [ridge * unit for ridge in ridges])

    def measure(held_out: HeldOut, score: Scorer) -> float:
        return held_out.value(torch.from_numpy(score(held_out.users)))

    return choose_ridge(ridges, [HeldOut(cut, weights, seed) for cut in cuts], score_with_each, measure)
