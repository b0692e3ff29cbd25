"""The ridge of EASE within the ensemble, chosen on validation: what suits one data set costs another two per cent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from kindred.domain.interactions import Interactions, Scorer
from kindred.linear.baselines.ease import choose_ridge, ease_scorers
from kindred.linear.ensemble.validation import HeldOut, ValidationFold, WeightConfig
from kindred.linear.inputs.known_items import item_counts
from kindred.linear.scorers.history_scorers import mean_count


@dataclass(frozen=True)
class RidgeChoice:
    """What the ridge of EASE is chosen from, and on how many items.

    Attributes:
        ridges: in mean item counts.
        otherwise: the answer where there is nothing to choose from, or nothing to choose by.
        most_items: a larger catalogue is represented by so many of the items chosen most often: each ridge takes an
            inverse of items by items, whose time grows with the third power of their number.
    """

    ridges: Sequence[float]
    otherwise: float
    most_items: int


def best_ease_ridge(folds: Sequence[HeldOut], choice: RidgeChoice, config: WeightConfig, seed: int) -> float:
    """The ridge with which EASE alone ranks the held-out events best.

    Args:
        folds: their held-out events.
        choice: see there.
        config: how folds are looked at.
        seed: of the sample of users.
    """
    looked_at = [(_of_most_chosen(held_out, choice.most_items, config, seed), held_out) for held_out in folds]
    looked_at = [pair for pair in looked_at if pair[0].fold.has_targets]
    if not choice.ridges or not looked_at:
        return choice.otherwise

    def score_with_each(pair: tuple[HeldOut, HeldOut]) -> Iterator[Scorer]:
        part, whole = pair
        return ease_scorers(part.fold.known, [ridge * mean_count(whole.fold.known) for ridge in choice.ridges])

    def measure(pair: tuple[HeldOut, HeldOut], score: Scorer) -> float:
        return pair[0].targets.value(torch.from_numpy(score(pair[0].users)))

    return choose_ridge(choice.ridges, looked_at, score_with_each, measure)


def _of_most_chosen(held_out: HeldOut, most: int, config: WeightConfig, seed: int) -> HeldOut:
    """The same fold with only so many items, those chosen most often, on an axis of their own."""
    fold, most = held_out.fold, max(1, most)
    if fold.known.num_items <= most:
        return held_out
    position = np.full(fold.known.num_items, -1)
    position[np.sort(np.argsort(-item_counts(fold.known), kind="stable")[:most])] = np.arange(most)

    def on_axis(events: Interactions) -> Interactions:
        kept = events.take(position[events.item_index] >= 0)
        return replace(kept, item_index=position[kept.item_index], num_items=most)

    known = on_axis(fold.known)
    return HeldOut.of(ValidationFold(known, np.arange(len(known)), on_axis(fold.held_out)), config, seed)
