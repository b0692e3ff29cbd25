"""The ridge of EASE within the ensemble, chosen on validation: what suits one data set costs another two per cent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from kindred.domain.interactions import Scorer
from kindred.linear.ease import choose_ridge, ease_scorers
from kindred.linear.history_scorers import mean_count
from kindred.linear.validation import HeldOut


def best_ease_ridge(folds: Sequence[HeldOut], ridges: Sequence[float], otherwise: float) -> float:
    """The one of `ridges`, in mean item counts, with which EASE alone ranks the held-out events best.

    Args:
        folds: their held-out events.
        ridges: what to choose from.
        otherwise: the answer where there is nothing to choose from, or nothing to choose by.
    """
    if not ridges or not folds:
        return otherwise

    def score_with_each(held_out: HeldOut) -> Iterator[Scorer]:
        known = held_out.fold.known
        return ease_scorers(known, [ridge * mean_count(known) for ridge in ridges])

    def measure(held_out: HeldOut, score: Scorer) -> float:
        return held_out.targets.value(torch.from_numpy(score(held_out.users)))

    return choose_ridge(ridges, folds, score_with_each, measure)
