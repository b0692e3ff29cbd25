"""The linear scorers of an ensemble: of a user's history, of texts, of popularity and of periods."""

from __future__ import annotations

import numpy as np

from kindred.domain.embeddings import unit_rows
from kindred.domain.interactions import FloatArray, Interactions
from kindred.linear.inputs.event_text import EventText, TextVectors
from kindred.linear.inputs.known_items import item_counts
from kindred.linear.inputs.user_features import HistoryStatistics, sum_by_item, time_memberships
from kindred.linear.scorers.availability import FitContext
from kindred.linear.scorers.history_scorers import history_scorers, of_late
from kindred.linear.scorers.propagation_network import network_scorers
from kindred.linear.scorers.scorer import LinearScorer

POPULARITY = "popularity"
"""The one scorer that there always is."""


def build_scorers(train: Interactions, text: TextVectors, context: FitContext) -> list[LinearScorer]:
    """Every linear scorer that the data allows: without text none of texts, without times none of periods.

    Args:
        train: the events to learn from.
        text: of each event and of each item, and what items lead to.
        context: see there.
    """
    statistics = context.statistics
    kernels = {}
    if text.events is not None:
        shrinkage = context.config.text_shrinkage
        kernels["event text"] = event_text_of_items(train, text.events, statistics.text_mean, shrinkage)
    if text.items is not None:
        kernels["item text"] = unit_rows(text.items - text.items.mean(0))
    if text.context is not None:  # where a new item belongs in lists is learned apart, see `cold_items/fit.py`
        kernels["item context"] = text.context * (item_counts(train) > 0)[:, None]
    scorers = history_scorers(train, kernels, context)
    for name, vectors in kernels.items():
        scorers.append(LinearScorer(f"{name} similarity", "items", vectors, vectors))
        if context.available.order and name != "event text":  # of which the text profile tells more
            scorers += of_late(f"{name} similarity", vectors, vectors)
    if "event text" in kernels:
        scorers.append(LinearScorer("text profile", "text", np.ascontiguousarray(kernels["event text"].T)))
    if context.config.network is not None and context.available.network:
        scorers += network_scorers(train, (text.events, text.items), statistics, context.config.network, context.seed)
    scorers.append(LinearScorer(POPULARITY, "constant", np.log1p(item_counts(train))[None, :].astype(np.float32)))
    if context.available.times:
        rates = _period_rates(train, statistics)
        scorers += [LinearScorer("period", "time", rates), LinearScorer("latest period", "recent_time", rates)]
    return scorers


def event_text_of_items(train: Interactions, event_text: EventText, mean: FloatArray, shrinkage: float) -> FloatArray:
    """Direction of each item's event texts from the mean, shorter where they are few, `[num_items, text_dim]`."""
    even = np.ones(len(train), dtype=np.float32)
    total = event_text.sums(train.item_index, even, train.num_items, mean)
    counts = np.bincount(train.item_index, event_text.has_text, minlength=train.num_items)[:, None]
    return unit_rows(total) * np.sqrt(counts / (counts + shrinkage)).astype(np.float32)


def _period_rates(train: Interactions, statistics: HistoryStatistics) -> FloatArray:
    """Log of how much more often than on average each item was chosen in each period, `[time_bins, num_items]`."""
    in_period = sum_by_item(train, time_memberships(train, statistics))
    expected = in_period.sum(1, keepdims=True) / statistics.time_bins
    rates = np.log((in_period + 0.5 * expected + 0.1) / (1.5 * expected + 0.1))
    return np.ascontiguousarray(rates.T, dtype=np.float32)
