"""Fits a product model: the ranking core, with the graph network as one of its blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import temporal_split
from kindred.gnn.calibration import calibrate_ratings
from kindred.gnn.model import GnnEmbeddings
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.gnn.trained import TrainedGnn
from kindred.linear.ensemble_fit import LearnedFit, TextVectors, fit_linear_ensemble, validation_folds
from kindred.recommenders.baseline_models import fit_baseline
from kindred.recommenders.learned_part import LearnedPart
from kindred.recommenders.product_graph import TARGET, ProductGraph, without_text
from kindred.recommenders.product_model import FEWEST_EVENTS_TO_LEARN, ProductConfig, ProductModel
from kindred.training.fit import Metrics, RunOptions


def fit_product_model(
    graph: ProductGraph, rows: IntArray, config: ProductConfig, options: RunOptions, *, temporal: bool = True
) -> ProductModel:
    """The model fitted on these rows of `graph.interactions`, and on no other; without any text where `config` says so.

    Args:
        graph: what there is.
        rows: reviews to learn from.
        config: the settings.
        options: folder, seed, device.
        temporal: whether the model is for the time after its data; its own validation is then each user's last review.
    """
    events = graph.interactions.take(rows)
    if config.model != "gnn":
        core, vectors = fit_baseline(events, config.model, config.ranking.width, options.seed, temporal=temporal)
        return ProductModel(config, graph.users, graph.products, core, vectors, None)
    graph = graph if config.text else without_text(graph)
    text = TextVectors(None if graph.review_text is None else graph.review_text[rows], graph.product_text)
    ranking = replace(config.ranking, temporal=temporal)
    folds = validation_folds(events, ranking, options.seed)
    gnn = _train_network(graph, folds[0].known, config, options) if len(events) >= FEWEST_EVENTS_TO_LEARN else None
    encode = None if gnn is None else _encoding(gnn, graph)
    ensemble = fit_linear_ensemble(events, ranking, options.seed, text, encode, options.progress, folds=folds)
    learned = None if gnn is None else _learned_part(gnn, graph, rows, options.seed)
    source = None if learned is None else learned.vectors.source_ranking
    vectors = ensemble.encode_users(events, text.events, source)
    return ProductModel(config, graph.users, graph.products, ensemble, vectors, learned)


def _train_network(graph: ProductGraph, known: Interactions, config: ProductConfig, options: RunOptions) -> TrainedGnn:
    """The graph network, trained on the known part of the first validation fold and stopped early on the last of it.

    So on no fold it is asked about events that it was trained on.
    """
    split = temporal_split(known)
    held_out, seen = known.take(np.union1d(split.validation, split.test)), split.train_events
    edges = EdgeSplit(
        train=edge_rows(seen),
        validation=edge_rows(held_out),
        measure=lambda vectors: _measure(vectors, held_out, seen),
    )
    return train_gnn(graph.data, TARGET, edges, config.gnn, options)


def _encoding(gnn: TrainedGnn, graph: ProductGraph) -> LearnedFit:
    """The network's vectors of users and items, with these events as messages and no others."""

    def encode(events: Interactions) -> tuple[FloatArray, FloatArray]:
        vectors = gnn.encode(graph.data, edge_rows(events))
        return vectors.source_ranking, vectors.target_ranking

    return encode


def _learned_part(gnn: TrainedGnn, graph: ProductGraph, rows: IntArray, seed: int) -> LearnedPart:
    """What is kept of the network, with all these rows as messages."""
    states = gnn.states(graph.data, rows)
    return LearnedPart(gnn, states, gnn.embed(states), calibrate_ratings(gnn, graph.data, rows, seed))


def edge_rows(events: Interactions) -> IntArray:
    """Rows of the events in the graph's edge table, `[num_events]`."""
    if events.edge_index is None:
        raise ValueError("these events do not come from a graph")
    return events.edge_index


def _measure(vectors: GnnEmbeddings, held_out: Interactions, seen: Interactions) -> Metrics:
    """NDCG and recall at 10 over the full catalogue, seen products removed."""
    return evaluate_ranking(vectors.score, held_out, seen, ks=(10,)).means
