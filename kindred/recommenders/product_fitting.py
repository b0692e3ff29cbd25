"""Fits a product model: the ranking core, with the graph network as one of its blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import temporal_split
from kindred.gnn.calibration import calibrate_ratings
from kindred.gnn.model import GnnConfig, GnnEmbeddings
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.gnn.trained import TrainedGnn
from kindred.linear.ensemble import TextVectors, fit_linear_ensemble
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
    learner = _Learner(graph, config.gnn, options) if len(events) >= FEWEST_EVENTS_TO_LEARN else None
    ranking = replace(config.ranking, temporal=temporal)
    core = fit_linear_ensemble(events, ranking, options.seed, text, learner, options.progress)
    learned = None if learner is None else learner.finish(rows, options.seed)
    source = None if learned is None else learned.vectors.source_ranking
    return ProductModel(
        config, graph.users, graph.products, core, core.encode_users(events, text.events, source), learned
    )


class _Learner:
    """The graph network as a block of the ranking core.

    It is trained once, on the first events it is given: those known in the first validation cut. Later calls encode
    more events with the same weights, so no call is answered by a network that saw what it is asked about.
    """

    def __init__(self, graph: ProductGraph, config: GnnConfig, options: RunOptions) -> None:
        self._graph, self._config, self._options = graph, config, options

    def __call__(self, events: Interactions) -> tuple[FloatArray, FloatArray]:
        vectors = self._network(events).encode(self._graph.data, events.edge_index)
        return vectors.source_ranking, vectors.target_ranking

    def finish(self, rows: IntArray, seed: int) -> LearnedPart:
        """What is kept of the network, with all these rows as messages."""
        gnn, data = self._network(self._graph.interactions.take(rows)), self._graph.data
        states = gnn.states(data, rows)
        return LearnedPart(gnn, states, gnn.embed(states), calibrate_ratings(gnn, data, rows, seed))

    def _network(self, events: Interactions) -> TrainedGnn:
        if self._trained is None:
            split = temporal_split(events)
            held_out, seen = events.take(np.union1d(split.validation, split.test)), split.train_events
            edges = EdgeSplit(
                train=edge_rows(seen),
                validation=edge_rows(held_out),
                measure=lambda vectors: _measure(vectors, held_out, seen),
            )
            self._trained = train_gnn(self._graph.data, TARGET, edges, self._config, self._options)
        return self._trained

    _trained: TrainedGnn | None = None


def edge_rows(events: Interactions) -> IntArray:
    """Rows of the events in the graph's edge table, `[num_events]`."""
    if events.edge_index is None:
        raise ValueError("these events do not come from a graph")
    return events.edge_index


def _measure(vectors: GnnEmbeddings, held_out: Interactions, seen: Interactions) -> Metrics:
    """NDCG and recall at 10 over the full catalogue, seen products removed."""
    return evaluate_ranking(vectors.score, held_out, seen, ks=(10,)).means
