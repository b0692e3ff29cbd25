"""Fits the linear ensemble: every scorer the data allows, weighed on held-out events, their sum in one space."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kindred.domain.allocator import give_back_freed
from kindred.domain.distinct import distinct
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.domain.progress import Progress, silent
from kindred.linear.algebra.one_thread import one_thread
from kindred.linear.cold_items.fit import ItemText, fit_cold_items, item_texts, no_texts, own_texts
from kindred.linear.cold_items.rows import ColdItemConfig, ColdItemMap
from kindred.linear.ensemble.compression import compress
from kindred.linear.ensemble.history_shrinkage import ShortHistories
from kindred.linear.ensemble.list_fit import ListFitConfig
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.ensemble.ridge import RidgeChoice, best_ease_ridge
from kindred.linear.ensemble.scorer_sum import ScorerSum
from kindred.linear.ensemble.validation import HeldOut, ValidationFold, WeightConfig, make_folds
from kindred.linear.ensemble.weights import ValidationScores, learn_weights, usual_weights
from kindred.linear.inputs.event_text import EventText, TextVectors
from kindred.linear.inputs.known_items import item_counts
from kindred.linear.inputs.user_features import (
    Feature,
    HistoryStatistics,
    build_user_features,
    middle_rating,
    typical_history,
)
from kindred.linear.scorers.all_scorers import POPULARITY, build_scorers
from kindred.linear.scorers.availability import Availability, FitContext, availability
from kindred.linear.scorers.propagation_network import network_scorers
from kindred.linear.scorers.scorer import LinearScorer, score_spread
from kindred.linear.scorers.scorer_config import STRICT, ScorerConfig

LearnedFit = Callable[[Interactions], tuple[FloatArray, FloatArray]]
"""Training events -> learned user `[num_users, dim]` and item `[num_items, dim]` embeddings.

Called on the known part of each validation fold too: a model that has seen the held-out events would be given far too
much weight."""

NUM_KNOTS = 257

NO_VALIDATION = (
    "no event can be held out to weigh the scorers on (it takes users with several items, and items that they do not "
    "know): usual weights are taken, mostly similar items and popularity"
)
NOTHING_TOLD = "all items are alike to every scorer: only popularity ranks them, equal items by their id"


@dataclass(frozen=True)
class RankingConfig:
    """One family of settings for all data sets.

    Attributes:
        width: most dimensions of the space, but for `compression.WIDER`.
        temporal: whether recommendations are for the time after the data; validation is then each user's last event.
        history_exponent: see `HistoryStatistics`.
        recency_decay: see `HistoryStatistics`.
        time_bins: see `HistoryStatistics`.
        time_bandwidth: see `HistoryStatistics`.
        ease_ridges: what the ridge of EASE is chosen from on validation, in mean item counts; empty leaves that of
            `scorers`.
        scorers: how scorers are fitted.
        weights: how they are weighted.
        lists: how the top of every list is kept where the space is narrower than the sum of all scorers.
        cold_items: how items without events are embedded.
    """

    __pydantic_config__ = STRICT

    width: int = 512
    temporal: bool = False
    history_exponent: float = 0.5
    recency_decay: float = 0.8
    time_bins: int = 24
    time_bandwidth: float = 0.06
    ease_ridges: tuple[float, ...] = (5.0, 10.0, 25.0, 50.0)
    scorers: ScorerConfig = field(default_factory=ScorerConfig)
    weights: WeightConfig = field(default_factory=WeightConfig)
    lists: ListFitConfig = field(default_factory=ListFitConfig)
    cold_items: ColdItemConfig = field(default_factory=ColdItemConfig)


def validation_folds(train: Interactions, config: RankingConfig, seed: int) -> list[ValidationFold]:
    """The folds on which the ensemble of these events is weighed, none where no event can be held out.

    A learned scorer is trained on the first one's known events.
    """
    return make_folds(train, config.temporal, config.weights, seed)


@one_thread()
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
    """Fit every scorer the data allows, weigh them on events held out of `train`, and put their sum into one space.

    The result does not depend on the number of cores.

    Args:
        train: the events to learn from, at least one; nothing else is looked at.
        config: see `RankingConfig`.
        seed: of the validation folds and the randomised eigenvectors.
        text: vectors of texts; those of held-out events must not be among them.
        learned: fits one more scorer of embeddings, e.g. of the graph network.
        progress: told of each stage.
        folds: those of `validation_folds`, where the caller needed them already to train the learned scorer.
    """
    give_back_freed()
    text = text or TextVectors()
    folds = validation_folds(train, config, seed) if folds is None else folds
    available = availability(
        train, event_text=text.events is not None, item_text=text.items is not None, config=config.scorers
    )
    held_out = [HeldOut.of(fold, config.weights, seed) for fold in folds]
    progress("ridge of EASE", 0, 1)
    ridge = config.scorers.ease_ridge
    if available.ease:
        choice = RidgeChoice(config.ease_ridges, ridge, config.scorers.max_dense)
        ridge = best_ease_ridge(held_out, choice, config.weights, seed)
    progress("ridge of EASE", 1, 1)
    config = replace(config, scorers=replace(config.scorers, ease_ridge=ridge))
    fitting = _Fitting(config, available, seed, learned)
    learnt = _learn(fitting, held_out, text, progress)
    return _fit_all(fitting, train, text, learnt, progress)


def fit_network_alone(
    train: Interactions, config: RankingConfig, seed: int, text: TextVectors | None = None
) -> Scorer | None:
    """Scores of the graph network that `fit_linear_ensemble` fits on these events, by itself; None where there is none.

    Args:
        train: the events to learn from.
        config: see `RankingConfig`.
        seed: as for the ensemble.
        text: vectors of texts.
    """
    text = text or TextVectors()
    told = {"event_text": text.events is not None, "item_text": text.items is not None}
    available = availability(train, **told, config=config.scorers)
    if config.scorers.network is None or not available.network:
        return None
    statistics = _statistics(train, text.events, config, available)
    with one_thread():
        scorer, *_ = network_scorers(train, (text.events, text.items), statistics, config.scorers.network, seed)
    return partial(scorer.scores, build_user_features(train, text.events, statistics))


@dataclass(frozen=True)
class _Fitting:
    """What every fit of one ensemble has in common."""

    config: RankingConfig
    available: Availability
    seed: int
    learned: LearnedFit | None

    def scorers(
        self, train: Interactions, text: TextVectors
    ) -> tuple[HistoryStatistics, list[LinearScorer], dict[str, Feature]]:
        """Statistics, scorers and the users' features of one set of training events."""
        statistics = _statistics(train, text.events, self.config, self.available)
        context = FitContext(statistics, self.available, self.config.scorers, self.seed)
        scorers = build_scorers(train, text, context)
        features = build_user_features(train, text.events, statistics)
        if self.learned is not None:
            users, items = self.learned(train)
            features["learned"] = users
            centred = items - items.mean(axis=0)  # what all items share ranks nothing, and would swamp what ranks them
            scorers.append(LinearScorer("learned", "learned", np.eye(users.shape[1], dtype=np.float32), centred))
        return statistics, scorers, features

    def features(
        self,
        train: Interactions,
        event_text: EventText | None,
        statistics: HistoryStatistics,
        rows: IntArray,
        users: IntArray,
    ) -> dict[str, Feature]:
        """These users' features from these rows of the events alone; those of others are void."""
        own = rows[np.isin(train.user_index[rows], users)]
        own_text = None if event_text is None else event_text.take(own)
        features = build_user_features(train.take(own), own_text, statistics)
        if self.learned is not None:
            features["learned"] = self.learned(train.take(rows))[0]
        return features


@dataclass(frozen=True)
class _Learnt:
    """What validation told: the weight of each scorer (None: nothing to validate on), and history-length shrinkage."""

    weights: dict[str, float] | None
    shrinkage: float


def _learn(fitting: _Fitting, folds: Sequence[HeldOut], text: TextVectors, progress: Progress) -> _Learnt:
    """Fits the scorers on the known events of each fold and weighs them on the held-out ones."""
    if not folds:
        return _Learnt(None, 0.0)
    validation, short = [], None
    for number, held_out in enumerate(folds):
        progress("linear scorers of validation folds", number, len(folds))
        fold = held_out.fold
        known_text = text.take(fold.known_rows)
        statistics, scorers, features = fitting.scorers(fold.known, known_text)
        if short is None:  # before there are scores to keep: it encodes users anew, for each length
            encode = partial(fitting.features, fold.known, known_text.events, statistics)
            short = ShortHistories(fold, scorers, features, encode)
        give_back_freed()
        validation.append(ValidationScores.of(_drained(scorers), features, held_out))
        del features
    give_back_freed()
    progress("linear scorers of validation folds", len(folds), len(folds))
    progress("weights of the scorers", 0, 1)
    learnt = learn_weights(validation, fitting.config.weights)
    shrinkage = short.best_shrinkage(learnt) if short is not None else 0.0
    progress("weights of the scorers", 1, 1)
    del validation, short
    give_back_freed()
    return _Learnt(learnt, shrinkage)


def _fit_all(
    fitting: _Fitting, train: Interactions, text: TextVectors, learnt: _Learnt, progress: Progress
) -> LinearEnsemble:
    """The ensemble of all training events, in one space."""
    config, seed = fitting.config, fitting.seed
    progress("linear scorers of all events", 0, 1)
    statistics, scorers, features = fitting.scorers(train, text)
    progress("linear scorers of all events", 1, 1)
    progress("one space", 0, 1)
    weights = learnt.weights or usual_weights(scorer.name for scorer in scorers)
    users = distinct(train.user_index)
    most = max(1, min(config.weights.max_users, config.weights.max_scores // train.num_items))
    sample = np.random.default_rng(seed).permutation(users)[:most]
    factors = dict(_factors(scorers, weights, features, sample))
    notes = []
    if not learnt.weights:
        notes, told = [NO_VALIDATION], sum(weights[name] for name in factors)
        weights = {name: weight / told if name in factors else 0.0 for name, weight in weights.items()}
    if not factors:
        notes.append(NOTHING_TOLD)
        weights, factors = {**weights, POPULARITY: 1.0}, {POPULARITY: 1.0}
    statistics = replace(statistics, history_shrinkage=learnt.shrinkage, typical_history=typical_history(train))
    features |= build_user_features(train, text.events, statistics)
    counted = ((scorer, factors[scorer.name]) for scorer in _drained(scorers) if scorer.name in factors)
    give_back_freed()
    sources, items = compress(ScorerSum(counted), features, config.width, seed, config.lists)
    del features
    give_back_freed()
    weights = {name: weight if name in factors else 0.0 for name, weight in weights.items()}
    ensemble = LinearEnsemble(statistics, sources, items, weights, notes=tuple(notes))
    item_text = _told(train, text)
    cold_items = _fit_cold_items(ensemble, train, text, item_text, fitting.learned, config)
    progress("one space", 1, 1)
    return _place_untaken(replace(ensemble, cold_items=cold_items), train, item_text.known)


def _drained(scorers: list[LinearScorer]) -> Iterator[LinearScorer]:
    """Each of the list, which is empty in the end: none is kept beside what is made of them."""
    while scorers:
        yield scorers.pop(0)


def _factors(
    scorers: Iterable[LinearScorer], weights: dict[str, float], features: dict[str, Feature], sample: IntArray
) -> Iterable[tuple[str, float]]:
    """Name and factor of each scorer that counts: its weight over the spread of its scores of the sampled users."""
    for scorer in scorers:
        if weights[scorer.name] > 0:
            spread = score_spread(scorer.scores(features, sample))
            if spread:
                yield scorer.name, weights[scorer.name] / spread


def _statistics(
    train: Interactions, event_text: EventText | None, config: RankingConfig, available: Availability
) -> HistoryStatistics:
    """The numbers of the training events that features need."""
    knots: NDArray[np.float64] = np.zeros(0)
    if available.times and train.at is not None:
        knots = np.asarray(np.quantile(train.at, np.linspace(0, 1, NUM_KNOTS)), dtype=np.float64)
    return HistoryStatistics(
        num_items=train.num_items,
        history_exponent=config.history_exponent,
        recency_decay=config.recency_decay,
        text_mean=np.zeros(0, dtype=np.float32) if event_text is None else event_text.mean(),
        time_knots=knots,
        time_bins=config.time_bins,
        time_bandwidth=config.time_bandwidth,
        middle_rating=middle_rating(train),
    )


def _told(train: Interactions, text: TextVectors) -> ItemText:
    """What is told of items: their own texts, or those of their events where they have none, and what they lead to."""
    if text.items is not None:
        texts = own_texts(text.items)
    elif text.events is not None:
        texts = item_texts(train, text.events)
    else:
        texts = no_texts(train.num_items)
    return texts.beside(text.context)


def _fit_cold_items(
    ensemble: LinearEnsemble,
    train: Interactions,
    text: TextVectors,
    told: ItemText,
    learned: LearnedFit | None,
    config: RankingConfig,
) -> ColdItemMap | None:
    """The map to rows of new items from what is told of them."""

    def encode(rows: IntArray) -> FloatArray:
        events = train.take(rows)
        # a network that still read the hidden events would find hidden items better than new ones
        users = None if learned is None else learned(events)[0]
        return ensemble.encode_users(events, None if text.events is None else text.events.take(rows), users)

    return fit_cold_items(train, told, ensemble.items, encode, config.cold_items)


def _place_untaken(ensemble: LinearEnsemble, train: Interactions, told: FloatArray) -> LinearEnsemble:
    """The ensemble with items without events where they would be had they come after the training."""
    untaken = np.flatnonzero((item_counts(train) == 0) & (told != 0).any(axis=1))
    if ensemble.cold_items is None or not len(untaken):
        return ensemble
    items = ensemble.items.copy()
    items[untaken] = ensemble.encode_cold_items(told[untaken])
    return replace(ensemble, items=items)
