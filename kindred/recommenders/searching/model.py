"""The model of search history: two towers beside words, text vectors, categories and popularity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray
from kindred.evaluation.graded import graded_metrics
from kindred.linear.algebra.spectral import leading_eigenvectors
from kindred.models.query_tower import QueryTower
from kindred.models.two_tower import TowerConfig, TwoTower
from kindred.models.two_tower_fit import (
    QueryHistories,
    TowerInputs,
    encode_histories,
    encode_items,
    fit_towers,
    new_towers,
)
from kindred.recommenders.searching.histories import Examples
from kindred.recommenders.searching.product_index import (
    AskedQueries,
    ProductIndex,
    Weights,
    build_index,
    index_as_of,
    slot_shares,
    sum_of,
)
from kindred.recommenders.searching.search_log import Links, SearchLog
from kindred.training.fit import RunOptions

GRIDS: Mapping[str, tuple[float, ...]] = {
    "decay": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "tower": (0.0, 0.5, 1.0, 2.0, 4.0),
    "words": (0.0, 0.3, 0.6, 1.0, 1.5),
    "text": (0.0, 0.2, 0.5),
    "feedback": (0.0, 0.25, 0.5, 1.0),
    "groups": (0.0, 0.1, 0.2, 0.4),
    "popularity": (0.0, 0.1, 0.3, 0.6),
}
"""Weights that are tried, one after the other; that of titles stays 1."""
_SUMMED = tuple(name for name in GRIDS if name != "decay")
_LEAST_GAIN = 0.002  # a weight changes only for so much more: held-out rows are few
_GRAPH_WIDTH = 64
_DESCRIPTION_SHARE = np.float32(0.3)  # of a product's text vector; the rest is its title
_CELLS = 6_000_000  # scores held at a time
_VALIDATED = 800  # rows that weights are fitted on, at most
_VALIDATED_CELLS = 30_000_000  # and so many scores of each kind
_FOLDS_OF_JUDGEMENTS = 3
_HELD_OUT = 0.1  # share of the orders, the latest ones


@dataclass(frozen=True)
class QueryModel:
    """Everything that answers for a catalogue as of a time.

    Attributes:
        index: every product.
        weights: what each score counts.
        towers: query tower and item tower, None where there was nothing to learn from.
        inputs: what the towers read of the known queries and products.
    """

    index: ProductIndex
    weights: Weights
    towers: TwoTower | None
    inputs: TowerInputs

    @cached_property
    def query_tower(self) -> QueryTower | None:
        """The query tower for one history at a time, None where there are no towers."""
        return None if self.towers is None else QueryTower.of(self.towers)

    def asked(self, histories: QueryHistories, queries: IdMap) -> AskedQueries:
        """Histories of known queries, as they are asked."""
        texts = [[queries.external(int(query)) for query in row if query >= 0] for row in histories.query]
        known = histories.query >= 0
        vectors = self.inputs.query_text[np.where(known, histories.query, 0)] * known[:, :, None]
        tower = None if self.towers is None else encode_histories(self.towers, self.inputs, histories)
        return AskedQueries(texts, vectors.astype(np.float32), tower)

    def scores(self, histories: QueryHistories, queries: IdMap) -> FloatArray:
        """Scores of every product, `[num_rows, num_products]`."""
        return self.index.scores(self.asked(histories, queries), self.weights)

    def item_rows(self) -> FloatArray:
        """Products as rows; times a history's row they give the vectors' part of the score, `[num_products, …]`."""
        parts = [self.index.title_vectors, *([] if self.index.towers is None else [self.index.towers])]
        return np.hstack(parts)

    def history_rows(self, asked: AskedQueries) -> FloatArray:
        """Histories as such rows, `[num_rows, …]`."""
        text = np.einsum("rs,rsd->rd", slot_shares(asked, self.weights.decay), asked.vectors)
        tower = [] if asked.tower is None else [np.float32(self.weights.tower) * asked.tower]
        return np.hstack([np.float32(self.weights.title) * text.astype(np.float32), *tower])

    def in_batches(self, histories: QueryHistories, queries: IdMap) -> Iterator[tuple[slice, FloatArray]]:
        """The same, so many rows at a time as fit into memory."""
        size = max(1, _CELLS // max(len(self.index), 1))
        for start in range(0, len(histories), size):
            rows = slice(start, min(start + size, len(histories)))
            yield rows, self.scores(histories.take(rows), queries)


def fit_query_model(
    log: SearchLog, examples: Examples, config: TowerConfig, run: RunOptions
) -> tuple[QueryModel, dict[str, Any]]:
    """The model fitted on these examples and on no other, and how it went.

    Early stopping and weights are chosen on examples held out of them: of orders the latest, of judged queries each
    fold in turn. The towers that answer are then trained on all of them.

    Args:
        log: the search log; only its searches and what led to what up to the examples may be in it.
        examples: what to learn from.
        config: of the towers.
        run: folder, seed, device.
    """
    whole = QueryModel(*_untrained(log, examples, config))
    if not len(examples):
        return whole, {"weights": asdict(Weights())}
    judged, epochs, scores = [], [], []
    num_validated = max(1, min(_VALIDATED, _VALIDATED_CELLS // len(log.products)))
    for number, (train, held_out) in enumerate(folds(examples, run.seed)):
        since = int(examples.at[held_out].min())
        before = log.before(since) if since else log
        rows = held_out[np.random.default_rng(run.seed).permutation(len(held_out))[:num_validated]]
        start = QueryModel(*_untrained(before, examples.take(train), config, whole.index))
        fitted, made = _with_towers(start, before, examples.take(train), examples.take(rows), config, _in(run, number))
        judged.append((fitted, examples.take(rows)))
        epochs.append(int(made["best_epoch"]))
        scores.append(made["best_score"])
    weights, score = fit_weights([(m.index, m.asked(e.histories, log.queries), e.gains) for m, e in judged])
    longest = config.fit.model_copy(update={"epochs": max(1, int(np.median(epochs)))})
    final = config.model_copy(update={"fit": longest})
    model, _ = _with_towers(whole, log, examples, None, final, _in(run, len(epochs)))
    made = {"weights": asdict(weights), "validation": score, "best_epochs": epochs, "tower_ndcg@10": scores}
    return replace(model, weights=weights), made


def _in(run: RunOptions, number: int) -> RunOptions:
    return replace(run, folder=run.folder / f"towers{number}")


def folds(examples: Examples, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Rows to train on and rows held out: the latest orders, or each part of the judged queries in turn."""
    if (examples.user >= 0).any():
        order = np.argsort(examples.at, kind="stable")
        held_out = max(1, round(len(order) * _HELD_OUT))
        return [(order[:-held_out], order[-held_out:])]
    parts = np.array_split(np.random.default_rng(seed).permutation(len(examples)), _FOLDS_OF_JUDGEMENTS)
    return [(np.concatenate([p for p in parts if p is not part]), part) for part in parts if len(part)]


def _untrained(
    log: SearchLog, examples: Examples, config: TowerConfig, known: ProductIndex | None = None
) -> tuple[ProductIndex, Weights, None, TowerInputs]:
    """All that needs no training: the parts of a model; `known` is an index of the same products at another time."""
    orders = examples.gains[np.flatnonzero(examples.user >= 0)]
    popularity = np.bincount(orders.indices, minlength=len(log.products)).astype(np.float32)
    queries = log.known_queries if config.spelling else None
    if known is None:
        index = build_index(log.products, popularity, queries=queries)
    else:
        index = index_as_of(known, popularity, queries)
    return index, Weights(), None, tower_inputs(log, examples, config)


def _with_towers(
    model: QueryModel,
    log: SearchLog,
    examples: Examples,
    held_out: Examples | None,
    config: TowerConfig,
    run: RunOptions,
) -> tuple[QueryModel, Mapping[str, Any]]:
    """The model with trained towers, stopped early on the examples held out, if any."""
    inputs = model.inputs
    towers = new_towers(config, inputs, run.seed)

    def measure(now: TwoTower, some: Examples) -> dict[str, float]:
        users = encode_histories(now, inputs, some.histories)
        found = graded_metrics(users @ encode_items(now, inputs).T, some.gains)
        return {name: float(found[name].mean()) for name in ("ndcg@10", "recall@10")}

    judge = None if held_out is None else partial(measure, some=held_out)
    made = fit_towers(towers, inputs, examples.for_towers(log.led_to), run, judge)
    return replace(model, towers=towers, index=replace(model.index, towers=encode_items(towers, inputs))), made


def fit_weights(parts: Sequence[tuple[ProductIndex, AskedQueries, csr_matrix]]) -> tuple[Weights, float]:
    """The weights that rank the held-out rows best, and how well: coordinate ascent over fixed grids."""

    best, score = Weights(), 0.0
    for decay in GRIDS["decay"]:
        weights, found = _fit_sums(parts, replace(best, decay=decay))
        if found > score + _LEAST_GAIN:
            best, score = weights, found
        if all(len(texts) == 1 for _, asked, _ in parts for texts in asked.texts):
            break
    return best, score


def _fit_sums(parts: Sequence[tuple[ProductIndex, AskedQueries, csr_matrix]], start: Weights) -> tuple[Weights, float]:
    """The weights of the sum alone, that is with the feedback that the first ones give."""
    cached = [(index.parts(asked, start), gains) for index, asked, gains in parts]

    def value(weights: Weights) -> float:
        found = [graded_metrics(sum_of(scores, weights), gains) for scores, gains in cached]
        metrics = {name: np.concatenate([f[name] for f in found]).mean() for name in found[0]}
        return float(metrics["ndcg@10"] + 0.5 * metrics["capped_recall@10"] + 0.5 * metrics["recall@100"]) / 2

    best, score = start, value(start)
    for name in (*_SUMMED, *_SUMMED[:2]):
        for weight in GRIDS[name]:
            tried = replace(best, **{name: weight})
            if tried != best and (found := value(tried)) > score + _LEAST_GAIN:
                best, score = tried, found
    return best, score


def tower_inputs(log: SearchLog, examples: Examples, config: TowerConfig) -> TowerInputs:
    """What the towers read: texts, what the graph says, and which products have a vector of their own."""
    num_items = len(log.products)
    counts = np.bincount(examples.gains.indices, minlength=num_items)
    own = np.zeros(num_items, dtype=np.int64)
    often = np.flatnonzero(counts >= config.min_id_events)
    own[often] = np.arange(1, len(often) + 1)
    nothing = np.zeros((num_items, 1), dtype=np.float32)
    leads = lead_vectors(log.led_to, len(log.queries), num_items) if config.graph else nothing
    return inputs_of(log, leads, own)


def inputs_of(log: SearchLog, leads: FloatArray, own: IntArray) -> TowerInputs:
    """The inputs with these graph vectors of products and these rows of products' own vectors."""
    text = log.products.title_vectors + _DESCRIPTION_SHARE * log.products.text_vectors
    text /= np.maximum(np.linalg.norm(text, axis=1, keepdims=True), 1e-9)
    queries = np.zeros((len(log.queries), leads.shape[1]), dtype=np.float32)
    np.add.at(queries, log.led_to.source, leads[log.led_to.target])
    return TowerInputs(log.query_vectors, queries, text.astype(np.float32), leads, own)


def lead_vectors(led_to: Links, num_queries: int, num_items: int) -> FloatArray:
    """Products by the queries that lead to them: products of the same queries are near, `[num_items, width]`.

    Leading eigenvectors of the normalised graph of products that share queries; rows of length 1, zeros for products
    that no query led to.
    """
    if not len(led_to):
        return np.zeros((num_items, 1), dtype=np.float32)
    pairs = (np.ones(len(led_to), np.float32), (led_to.source, led_to.target))
    counts = csr_matrix(pairs, shape=(num_queries, num_items)).log1p()
    by_query, by_item = (np.maximum(np.asarray(counts.sum(axis=axis)).ravel(), 1e-9) for axis in (1, 0))
    normalised = (diags(by_query**-0.5) @ counts @ diags(by_item**-0.5)).tocsr().astype(np.float32)
    transposed = normalised.T.tocsr()

    def product(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(transposed @ (normalised @ x.numpy())))

    values, vectors = leading_eigenvectors(product, num_items, _GRAPH_WIDTH, seed=0)
    return _unit((vectors * values.clamp(min=0).sqrt()).numpy())


def _unit(vectors: NDArray[np.floating]) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = np.where(lengths > 1e-6, vectors / np.maximum(lengths, 1e-6), 0).astype(np.float32)
    return unit
