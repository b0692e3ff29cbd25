"""The parts of the ranking core that the data allows: what follows from a user's history, text, popularity, periods."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import FloatArray, Interactions
from kindred.linear.history_scorers import history_blocks
from kindred.linear.known_items import item_counts
from kindred.linear.scorer import LinearScorer, ScorerConfig, unit_rows
from kindred.linear.user_features import HistoryStatistics, sum_by_item, time_memberships


def build_scorers(
    train: Interactions,
    text: tuple[FloatArray | None, FloatArray | None],
    statistics: HistoryStatistics,
    config: ScorerConfig,
    seed: int,
) -> list[LinearScorer]:
    """Every block the data allows: without text no text blocks, without times no time blocks.

    Args:
        train: the events to learn from.
        text: (vector of each event's text `[num_events, dim]`, vector of each item's own text `[num_items, dim]`),
            either None.
        statistics: of `train`.
        config: see there.
        seed: of random starts.
    """
    event_text, item_text = text
    kernels = {}
    if event_text is not None:
        kernels["reviews"] = review_vectors(train, event_text, statistics.text_mean, config.text_shrinkage)
    if item_text is not None:
        kernels["description"] = unit_rows(item_text - item_text.mean(0))
    blocks = history_blocks(train, kernels, statistics, config, seed)
    for name, vectors in kernels.items():
        blocks.append(LinearScorer(f"{name} alike", "items", vectors, vectors))
    if "reviews" in kernels:
        blocks.append(LinearScorer("own words", "text", np.ascontiguousarray(kernels["reviews"].T)))
    blocks.append(LinearScorer("popularity", "constant", np.log1p(item_counts(train))[None, :].astype(np.float32)))
    if len(statistics.time_knots):
        rates = _period_rates(train, statistics)
        blocks += [LinearScorer("period", "time", rates), LinearScorer("latest period", "recent_time", rates)]
    return blocks


def review_vectors(train: Interactions, event_text: FloatArray, mean: FloatArray, shrinkage: float) -> FloatArray:
    """Direction of each item's reviews from the mean, shorter than 1 where they are few, `[num_items, text_dim]`."""
    has_text = (event_text != 0).any(axis=1, keepdims=True)
    total = sum_by_item(train, np.where(has_text, event_text - mean, 0).astype(np.float32))
    counts = sum_by_item(train, has_text.astype(np.float32))
    return unit_rows(total) * np.sqrt(counts / (counts + shrinkage))


def _period_rates(train: Interactions, statistics: HistoryStatistics) -> FloatArray:
    """Log of how much more often than on average each item was chosen in each period, `[time_bins, num_items]`."""
    in_period = sum_by_item(train, time_memberships(train, statistics))
    expected = in_period.sum(1, keepdims=True) / statistics.time_bins
    rates = np.log((in_period + 0.5 * expected + 0.1) / (1.5 * expected + 0.1))
    return np.ascontiguousarray(rates.T, dtype=np.float32)
