"""Fits a model of a system: the linear ensemble, with the graph network as one of its scorers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kindred.domain.distinct import distinct
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.domain.rating_scale import STARS
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import temporal_split, validation_split
from kindred.gnn.calibration import calibrate_ratings
from kindred.gnn.model import GnnEmbeddings
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.gnn.trained import StatesOfRows, TrainedGnn
from kindred.linear.cold_items.unknown_users import row_without_history
from kindred.linear.ensemble.fit import (
    LearnedFit,
    RankingConfig,
    fit_linear_ensemble,
    fit_network_alone,
    validation_folds,
)
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.inputs.event_text import EventText, TextVectors
from kindred.linear.inputs.known_items import item_counts
from kindred.linear.scorers.availability import FEWEST_EVENTS_TO_LEARN
from kindred.recommenders.baseline_models import fit_baseline
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import InteractionGraph, without_text
from kindred.recommenders.item_context import ItemContext
from kindred.recommenders.learned_part import LearnedPart
from kindred.recommenders.model import ANONYMOUS, Model
from kindred.recommenders.runs import OWN_MODEL
from kindred.training.fit import RunOptions
from kindred.training.schedule import Metrics

MOST_SCORES_MEASURED = 50_000_000
"""Users × items that are ranked after an epoch; without a bound that grows faster than the events do."""


def fit_model(
    graph: InteractionGraph,
    rows: IntArray,
    config: ModelConfig,
    options: RunOptions,
    *,
    temporal: bool = True,
    network: TrainedGnn | None = None,
) -> Model:
    """The model fitted on these rows of `graph.interactions`, and on no other; without any text where `config` says so.

    Args:
        graph: what there is.
        rows: events to learn from.
        config: the settings.
        options: folder, seed, device.
        temporal: whether the model is for the time after its data; its own validation is then each user's last event,
            if events have times.
        network: a graph network that was trained already, on events that no validation of this fit holds out; it
            encodes these events, and none is trained.
    """
    events = graph.interactions.take(rows)
    if config.model != OWN_MODEL:
        ensemble, vectors = fit_baseline(events, config.model, config.ranking.width, options.seed, temporal=temporal)
        return _model(graph, config, ensemble, vectors, None)
    graph = graph if config.text else without_text(graph)
    context = ItemContext.of(graph, options.seed)
    text, ranking = _texts(graph, rows, context), _ranking(config, temporal=temporal and events.at is not None)
    folds = validation_folds(events, ranking, options.seed)
    learns = config.network and len(folds) > 0 and len(events) >= FEWEST_EVENTS_TO_LEARN
    gnn = network or (_train_network(graph, folds[0].known, config, options) if learns else None)
    states = None if gnn is None else gnn.state_reader(graph.data)
    encode = None if gnn is None or states is None else _encoding(gnn, states)
    ensemble = fit_linear_ensemble(events, ranking, options.seed, text, encode, options.progress, folds=folds)
    learned = None if gnn is None or states is None else _learned_part(gnn, states, graph, rows, options.seed)
    source = None if learned is None else learned.vectors.source_ranking
    model = _model(graph, config, ensemble, ensemble.encode_users(events, text.events, source), learned)
    return _with_row_of_unknown(replace(model, context=context), events)


def _with_row_of_unknown(model: Model, events: Interactions) -> Model:
    """The model with a row of its own for users of whom nothing is known, where new items would lead their lists."""
    ranking = model.ranking
    if ranking.cold_items is None:
        return model
    [row] = model.anonymous
    other = row_without_history(row, ranking.items, item_counts(events), ranking.cold_items)
    if other is row:
        return model
    return replace(model, ranking=replace(ranking, sources={**ranking.sources, ANONYMOUS: other[None]}))


def fit_network_scores(
    graph: InteractionGraph, rows: IntArray, config: ModelConfig, seed: int, *, temporal: bool
) -> Scorer | None:
    """Scores of the graph network that ranks in `fit_model`, by itself; None where there is none."""
    graph = graph if config.text else without_text(graph)
    return fit_network_alone(
        graph.interactions.take(rows),
        _ranking(config, temporal=temporal),
        seed,
        _texts(graph, rows, None),
    )


def _texts(graph: InteractionGraph, rows: IntArray, context: ItemContext | None) -> TextVectors:
    """Those of these events and of all items, and what items lead to."""
    events = None if graph.event_text is None else EventText.of(graph.event_text).take(rows)
    counts = graph.item_context
    led_to = None if context is None or counts is None else context.map.vectors(counts)
    return TextVectors(events, graph.item_text, led_to)


def _ranking(config: ModelConfig, *, temporal: bool) -> RankingConfig:
    """How the ensemble is fitted; without the network where the settings leave networks out."""
    scorers = config.ranking.scorers if config.network else replace(config.ranking.scorers, network=None)
    return replace(config.ranking, temporal=temporal, scorers=scorers)


def _model(
    graph: InteractionGraph,
    config: ModelConfig,
    ensemble: LinearEnsemble,
    vectors: FloatArray,
    learned: LearnedPart | None,
) -> Model:
    open_learned = None if learned is None else lambda: learned
    has_text = graph.event_text is not None or graph.item_text is not None
    reads_text = config.text and has_text and config.model == OWN_MODEL
    return Model(
        graph.system,
        config.model,
        graph.users,
        graph.items,
        ensemble,
        graph.scale,
        reads_text,
        lambda: vectors,
        open_learned,
    )


def _train_network(
    graph: InteractionGraph, known: Interactions, config: ModelConfig, options: RunOptions
) -> TrainedGnn:
    """The graph network, trained on the known part of the first validation fold and stopped early on the last of it.

    Where times are unknown it is stopped on a random fifth instead.
    So on no fold it is asked about events that it was trained on.
    """
    split = validation_split(known, options.seed, temporal=False) if known.at is None else temporal_split(known)
    held_out, seen = known.take(np.union1d(split.validation, split.test)), split.train_events
    asked = _sample_of_users(held_out, options.seed)
    edges = EdgeSplit(
        train=edge_rows(seen),
        validation=edge_rows(held_out),
        measure=lambda vectors: _measure(vectors, asked, seen),
    )
    return train_gnn(graph.data, graph.system.triple, edges, config.gnn, options, graph.scale or STARS)


def _encoding(gnn: TrainedGnn, states: StatesOfRows) -> LearnedFit:
    """The network's vectors of users and items, with these events as messages and no others."""

    def encode(events: Interactions) -> tuple[FloatArray, FloatArray]:
        vectors = gnn.embed(states(edge_rows(events)))
        return vectors.source_ranking, vectors.target_ranking

    return encode


def _learned_part(
    gnn: TrainedGnn, states: StatesOfRows, graph: InteractionGraph, rows: IntArray, seed: int
) -> LearnedPart:
    """What is kept of the network, with all these rows as messages."""
    calibration = None
    if graph.scale is not None:
        rated = rows[graph.is_rated[rows]]
        calibration = calibrate_ratings(gnn, graph.data, states, rated, seed) if len(rated) else None
    of_all = states(rows)
    return LearnedPart(gnn, of_all, gnn.embed(of_all), calibration)


def edge_rows(events: Interactions) -> IntArray:
    """Rows of the events in the graph's edge table, `[num_events]`."""
    if events.edge_index is None:
        raise ValueError("these events do not come from a graph")
    return events.edge_index


def _sample_of_users(held_out: Interactions, seed: int) -> Interactions:
    """The held-out events of a seeded sample of users, of all where ranking for them takes less than learning does."""
    users = distinct(held_out.user_index)
    most = max(1, MOST_SCORES_MEASURED // held_out.num_items)
    if len(users) <= most:
        return held_out
    chosen = np.zeros(held_out.num_users, dtype=np.bool_)
    chosen[np.random.default_rng(seed).choice(users, most, replace=False)] = True
    return held_out.take(chosen[held_out.user_index])


def _measure(vectors: GnnEmbeddings, held_out: Interactions, seen: Interactions) -> Metrics:
    """NDCG and recall at 10 over the full catalogue, seen items removed."""
    return evaluate_ranking(vectors.score, held_out, seen, ks=(10,)).means
