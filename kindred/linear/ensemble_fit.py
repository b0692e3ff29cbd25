"""Fits the linear ensemble: every scorer the data allows, weighed on held-out events, their sum in one space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.domain.progress import Progress, silent
from kindred.linear.cold_items import ColdItemConfig, ColdItemMap, fit_cold_items, text_of_items
from kindred.linear.compression import compress
from kindred.linear.ensemble import LinearEnsemble
from kindred.linear.ensemble_ridge import best_ease_ridge
from kindred.linear.ensemble_weights import ValidationFold, ValidationScores, WeightConfig, learn_weights, make_folds
from kindred.linear.history_shrinkage import ShortHistories
from kindred.linear.list_fit import ListFitConfig
from kindred.linear.scorer import LinearScorer, ScorerConfig, score_spread
from kindred.linear.scorer_sum import ScorerSum
from kindred.linear.scorers import build_scorers
from kindred.linear.user_features import Feature, HistoryStatistics, build_user_features, has_moments, typical_history

LearnedFit = Callable[[Interactions], tuple[FloatArray, FloatArray]]
"""Training events -> learned user `[num_users, dim]` and item `[num_items, dim]` embeddings.

Called on the known part of each validation cut too: a model that has seen the held-out events would be given far too
much weight."""

NUM_KNOTS = 257


@dataclass(frozen=True)
class RankingConfig:
    """One family of settings for all data sets.

    Attributes:
        width: most dimensions of the space.
        temporal: whether recommendations are for the time after the data; validation is then each user's last event.
        history_exponent: see `HistoryStatistics`.
        recency_decay: see `HistoryStatistics`.
        time_bins: see `HistoryStatistics`.
        time_bandwidth: see `HistoryStatistics`.
        ease_ridges: what the ridge of EASE is chosen from on validation, in mean item counts; empty leaves that of
            `blocks`.
        blocks: how blocks are fitted.
        weights: how they are weighted.
        lists: how the first places are kept where the space is narrower than the sum of all blocks.
        cold_items: how items are placed that nobody has chosen yet.
    """

    width: int = 512
    temporal: bool = False
    history_exponent: float = 0.5
    recency_decay: float = 0.8
    time_bins: int = 24
    time_bandwidth: float = 0.06
    ease_ridges: tuple[float, ...] = (5.0, 10.0, 25.0, 50.0)
    blocks: ScorerConfig = field(default_factory=ScorerConfig)
    weights: WeightConfig = field(default_factory=WeightConfig)
    lists: ListFitConfig = field(default_factory=ListFitConfig)
    cold_items: ColdItemConfig = field(default_factory=ColdItemConfig)


@dataclass(frozen=True)
class TextVectors:
    """Text of the training events and of the items, either None.

    Attributes:
        events: vector of each training event's text, zeros where it has none, `[num_events, text_dim]`.
        items: vector of each item's own text (title, description), `[num_items, text_dim]`.
    """

    events: FloatArray | None = None
    items: FloatArray | None = None


def validation_folds(train: Interactions, config: RankingConfig, seed: int) -> list[ValidationFold]:
    """The folds on which the ensemble of these events is weighed; a learned scorer is trained on the first one's known
    events.
    """
    return make_folds(train, config.temporal, config.weights, seed)


def fit_linear_ensemble(
    train: Interactions,
    config: RankingConfig,
    seed: int,
    text: TextVectors | None = None,
    learned: LearnedFit | None = None,
    progress: Progress = silent,
    *,
    folds: Sequence[ValidationFold] | None = None,
) -> LinearEnsemble:
    """Fit every block the data allows, weigh them on events held out of `train`, and put their sum into one space.

    Args:
        train: the events to learn from; nothing else is looked at.
        config: see `RankingConfig`.
        seed: of the validation cut and the randomised eigenvectors.
        text: vectors of texts; those of held-out events must not be among them.
        learned: fits one more block of embeddings, e.g. of the graph network.
        progress: told of each stage.
        folds: those of `validation_folds`, where the caller needed them already to train the learned scorer.
    """
    text = text or TextVectors()
    cuts = validation_folds(train, config, seed) if folds is None else folds
    ridge = best_ease_ridge(cuts, config.ease_ridges, config.blocks, config.weights, seed)
    config = replace(config, blocks=replace(config.blocks, ease_ridge=ridge))
    validation, short = [], None
    for number, cut in enumerate(cuts):
        progress("validation cut", number, len(cuts) + 1)
        known_text = TextVectors(None if text.events is None else text.events[cut.known_rows], text.items)
        statistics, blocks, features = _fit_scorers(cut.known, known_text, config, seed, learned)
        validation.append(ValidationScores(blocks, features, cut, config.weights, seed))
        if short is None:
            encode = partial(_features, cut.known, known_text.events, statistics, learned)
            short = ShortHistories(cut, blocks, features, encode, config.weights)
        del blocks, features
    weights = learn_weights(validation, config.weights)
    shrinkage = short.best_shrinkage(weights) if short is not None else 0.0
    del validation, short
    progress("final fit", len(cuts), len(cuts) + 1)
    statistics, blocks, features = _fit_scorers(train, text, config, seed, learned)
    users = np.unique(train.user_index)
    most = max(1, min(config.weights.max_users, config.weights.max_scores // train.num_items))
    sample = np.random.default_rng(seed).permutation(users)[:most]
    total = ScorerSum(
        (block, weights[block.name] / score_spread(block.scores(features[block.feature][sample])))
        for block in blocks
        if weights[block.name] > 0
    )
    del blocks
    statistics = replace(statistics, history_shrinkage=shrinkage, typical_history=typical_history(train))
    features |= build_user_features(train, text.events, statistics)
    sources, items = compress(total, features, config.width, seed, config.lists)
    core = LinearEnsemble(statistics, sources, items, weights)
    core = replace(core, cold_items=_fit_cold_items(core, train, text, features.get("learned"), config))
    progress("final fit", len(cuts) + 1, len(cuts) + 1)
    return core


def _fit_scorers(
    train: Interactions, text: TextVectors, config: RankingConfig, seed: int, learned: LearnedFit | None
) -> tuple[HistoryStatistics, list[LinearScorer], dict[str, Feature]]:
    """Statistics, blocks and the users' features of one set of training events."""
    statistics = _statistics(train, text.events, config)
    blocks = build_scorers(train, (text.events, text.items), statistics, config.blocks, seed)
    features = build_user_features(train, text.events, statistics)
    if learned is not None:
        users, items = learned(train)
        features["learned"] = users
        blocks.append(LinearScorer("learned", "learned", np.eye(users.shape[1], dtype=np.float32), items))
    return statistics, blocks, features


def _features(
    train: Interactions,
    event_text: FloatArray | None,
    statistics: HistoryStatistics,
    learned: LearnedFit | None,
    rows: IntArray,
) -> dict[str, Feature]:
    """The users' features from these rows of the events alone."""
    known = train.take(rows)
    features = build_user_features(known, None if event_text is None else event_text[rows], statistics)
    if learned is not None:
        features["learned"] = learned(known)[0]
    return features


def _statistics(train: Interactions, event_text: FloatArray | None, config: RankingConfig) -> HistoryStatistics:
    """The numbers of the training events that features need."""
    text_mean: FloatArray = np.zeros(0, dtype=np.float32)
    knots: NDArray[np.float64] = np.zeros(0)
    if event_text is not None:
        has_text = (event_text != 0).any(axis=1)
        text_mean = (event_text[has_text].sum(0) / max(int(has_text.sum()), 1)).astype(np.float32)
    if train.at is not None and has_moments(train):
        knots = np.asarray(np.quantile(train.at, np.linspace(0, 1, NUM_KNOTS)), dtype=np.float64)
    return HistoryStatistics(
        num_items=train.num_items,
        history_exponent=config.history_exponent,
        recency_decay=config.recency_decay,
        text_mean=text_mean,
        time_knots=knots,
        time_bins=config.time_bins,
        time_bandwidth=config.time_bandwidth,
    )


def _fit_cold_items(
    core: LinearEnsemble, train: Interactions, text: TextVectors, learned: Feature | None, config: RankingConfig
) -> ColdItemMap | None:
    """The map from text to rows, from the items' own texts, or from those of their events where they have none."""
    if text.items is not None:
        item_text = text.items
    elif text.events is not None:
        item_text = text_of_items(train, text.events)
    else:
        return None

    def encode(rows: IntArray) -> FloatArray:
        return core.encode_users(train.take(rows), None if text.events is None else text.events[rows], learned)

    return fit_cold_items(train, item_text, encode, config.cold_items)
