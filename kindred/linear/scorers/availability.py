"""Which scorers the data allows, decided once from all training events and kept for every fold of them.

Decided anew for every part of the events, a scorer would exist in a fold and not in the final fit, or the other way
round: its weight would be lost, or asked for in vain.
"""

from __future__ import annotations

from dataclasses import dataclass

from kindred.domain.distinct import distinct
from kindred.domain.interactions import Interactions
from kindred.linear.inputs.user_features import HistoryStatistics, spans_days
from kindred.linear.scorers.scorer_config import ScorerConfig

FEWEST_EVENTS_TO_LEARN = 50
"""With fewer events a network only learns noise."""


@dataclass(frozen=True)
class Availability:
    """What all scorers of one ensemble may count on.

    Attributes:
        order: a user's events are in order.
        times: times span more than a day, so periods mean something.
        event_text: events have texts.
        item_text: items have texts of their own.
        item_matrices: the catalogue is small enough for matrices of items by items.
        ease_rank: directions of the users that EASE has where it is not: all where users are few enough, 0 for none.
        spectrum: the catalogue is large enough for the spectrum of its graph.
        network: there are enough events for a network to learn more than noise, and not too many for its steps.
    """

    order: bool
    times: bool
    event_text: bool
    item_text: bool
    item_matrices: bool
    ease_rank: int
    spectrum: bool
    network: bool

    @property
    def ease(self) -> bool:
        """Whether there is EASE, from the side of items or of users."""
        return self.item_matrices or self.ease_rank > 0


def availability(train: Interactions, *, event_text: bool, item_text: bool, config: ScorerConfig) -> Availability:
    """What these training events allow."""
    squared = train.num_items <= config.max_squared
    return Availability(
        order=train.at is not None,
        times=spans_days(train),
        event_text=event_text,
        item_text=item_text,
        item_matrices=squared,
        ease_rank=0 if squared else _ease_rank(len(distinct(train.user_index)), train.num_items, config),
        spectrum=train.num_items > config.max_dense,
        network=config.network is not None and FEWEST_EVENTS_TO_LEARN <= len(train) < config.network.most_events,
    )


def _ease_rank(num_users: int, num_items: int, config: ScorerConfig) -> int:
    """How many directions of the users EASE has in a catalogue that is too large for matrices of items by items."""
    if num_users * num_items <= config.max_squared**2:
        return num_users
    return config.ease_rank if num_users <= config.max_dense else 0


@dataclass(frozen=True)
class FitContext:
    """What all scorers of one set of training events are fitted with.

    Attributes:
        statistics: of these events.
        available: what all events of the ensemble allow.
        config: see there.
        seed: of random starts.
    """

    statistics: HistoryStatistics
    available: Availability
    config: ScorerConfig
    seed: int
