"""Trains two towers through the one training loop: sampled softmax over the step's products and hard negatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from kindred.devices import choose_device
from kindred.domain.distinct import distinct
from kindred.domain.interactions import FloatArray, IntArray
from kindred.models.two_tower import HistoryBatch, ItemBatch, Sizes, TowerConfig, TwoTower
from kindred.training.fit import Objective, RunOptions, fit
from kindred.training.losses import sampled_softmax_loss
from kindred.training.sampling import KnownPairs, sample_candidates
from kindred.training.schedule import Metrics

_ROWS = 8_192  # encoded at a time
_NOTHING = 1e-3  # shorter sums of graph vectors are rounding
_HARDEST = 20  # hard negatives are sampled among so many of the best
_MOST_MINED = 16_384  # products that they are mined from in an epoch
_SKIPPED = 3  # but not among the very best: those are often right answers that have not been found yet


@dataclass(frozen=True)
class QueryHistories:
    """Histories of queries by position, the latest first.

    Attributes:
        query: positions, −1 where there is none, `[num_rows, HISTORY]`.
        age: days from each query to the time asked about, `[num_rows, HISTORY]`.
    """

    query: IntArray
    age: FloatArray

    def __len__(self) -> int:
        return len(self.query)

    def take(self, rows: IntArray | NDArray[np.bool_] | slice) -> QueryHistories:
        """The histories of these rows."""
        return QueryHistories(self.query[rows], self.age[rows])

    def latest(self, count: int) -> QueryHistories:
        """The same without all but so many of the latest queries of each."""
        return QueryHistories(np.where(np.arange(self.query.shape[1]) < count, self.query, -1), self.age)


@dataclass(frozen=True)
class TowerInputs:
    """What the towers read.

    Attributes:
        query_text: vectors of queries, `[num_queries, text_dim]`.
        query_graph: sums of the graph vectors of the products that each query led to, `[num_queries, graph_dim]`.
        item_text: vectors of products, `[num_items, text_dim]`.
        item_graph: what the graph says of products; the first `graph_dim` of it come from queries, `[num_items, …]`.
        own: row of each product's own vector, 0 for none, `[num_items]`.
    """

    query_text: FloatArray
    query_graph: FloatArray
    item_text: FloatArray
    item_graph: FloatArray
    own: IntArray

    @property
    def sizes(self) -> Sizes:
        graph_dims = (self.query_graph.shape[1], self.item_graph.shape[1])
        return Sizes(self.item_text.shape[1], *graph_dims, int(self.own.max(initial=0)))

    def histories(self, histories: QueryHistories, answers: IntArray | None = None) -> HistoryBatch:
        """The histories as tensors.

        Args:
            histories: of queries.
            answers: products that the latest query led to and must not be known by, as they are to be predicted; −1
                for none, `[num_rows]`.
        """
        known = histories.query >= 0
        rows = np.where(known, histories.query, 0)
        text = self.query_text[rows] * known[:, :, None]
        graph = self.query_graph[rows] * known[:, :, None]
        if answers is not None:
            graph[:, 0] -= np.where(answers[:, None] >= 0, self.item_graph[answers, : graph.shape[2]], 0)
        parts = (text, unit_graph(graph), known, histories.age)
        return HistoryBatch(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))

    def items(self, rows: IntArray) -> ItemBatch:
        """These products as tensors."""
        parts = (self.item_text[rows], self.item_graph[rows], self.own[rows])
        return ItemBatch(*(torch.from_numpy(part) for part in parts))


def unit_graph(sums: FloatArray) -> FloatArray:
    """Sums of graph vectors made as long as 1, those of nothing 0, `[…, graph_dim]`."""
    length = np.linalg.norm(sums, axis=-1, keepdims=True)
    unit: FloatArray = np.where(length > _NOTHING, sums / np.maximum(length, _NOTHING), 0).astype(np.float32)
    return unit


@dataclass(frozen=True)
class TowerExamples:
    """What led to what.

    Attributes:
        histories: the queries before each order.
        item: what was ordered, `[num_rows]`.
        weight: how much each example counts, `[num_rows]`.
        led_there: whether the graph vector of the latest query knows of the answer, `[num_rows]`.
    """

    histories: QueryHistories
    item: IntArray
    weight: FloatArray
    led_there: NDArray[np.bool_]

    def take(self, rows: IntArray) -> TowerExamples:
        """The examples at these rows."""
        return TowerExamples(self.histories.take(rows), self.item[rows], self.weight[rows], self.led_there[rows])


def new_towers(config: TowerConfig, inputs: TowerInputs, seed: int) -> TwoTower:
    """Untrained towers: both project texts onto what tells products most apart (principal components)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        texts = torch.from_numpy(inputs.item_text)
        width = min(config.width, *texts.shape)
        _, _, components = torch.svd_lowrank(texts, q=width, niter=4)
        projection = torch.zeros(config.width, texts.shape[1])
        projection[:width] = components.T
        return TwoTower(config, inputs.sizes, projection)


def fit_towers(
    towers: TwoTower,
    inputs: TowerInputs,
    examples: TowerExamples,
    run: RunOptions,
    measure: Callable[[TwoTower], Metrics] | None,
) -> Mapping[str, object]:
    """Trains the towers, which are left with their best weights; how it went.

    Args:
        towers: untrained, or of the run that is resumed.
        inputs: what they read.
        examples: what they learn from.
        run: where and how.
        measure: metrics on examples held out, `ndcg@10` among them; None to train for all epochs.
    """
    steps = _Steps(towers.to(choose_device(run.device)), inputs, examples)
    made_of = {"config": towers.config.model_dump(mode="json"), "examples": len(examples.item)}
    validate = None if measure is None else lambda: measure(towers)
    result = fit(Objective(towers, steps, made_of, validate), towers.config.fit, run)
    return {"epochs": len(result.metrics), "best_epoch": result.best_epoch, "best_score": result.best_score}


@dataclass(frozen=True)
class _Steps:
    """The losses of an epoch's steps."""

    towers: TwoTower
    inputs: TowerInputs
    examples: TowerExamples

    def __call__(self, rng: np.random.Generator) -> Iterator[Mapping[str, Tensor]]:
        config, item = self.towers.config, self.examples.item
        popularity = np.bincount(item, minlength=len(self.inputs.item_text))
        latest = self.examples.histories.query[:, 0]
        known = KnownPairs.of(latest, item, len(self.inputs.query_text), len(popularity))
        pool = self._pool(rng) if config.hard_negatives else None
        share = self.examples.weight / self.examples.weight.sum()
        order = rng.choice(len(item), len(item), p=share) if np.ptp(share) else rng.permutation(len(item))
        for start in range(0, len(order), config.batch_size):
            rows = order[start : start + config.batch_size]
            left_out = np.where(self.examples.led_there[rows], item[rows], -1)
            users = self.towers.encode_histories(self.inputs.histories(self.examples.histories.take(rows), left_out))
            candidates = sample_candidates(popularity, config.candidates, item[rows], rng)
            items, expected = candidates.items, candidates.log_expected
            if pool is not None and expected is not None:
                items, expected = _with_hard(self._hard(users, pool, rng), items, expected)
            scores = users @ self.towers.encode_items(self.inputs.items(items)).T
            positive = torch.from_numpy(np.searchsorted(items, item[rows]))
            excluded = torch.from_numpy(known.among(latest[rows], items))
            yield {"loss": self._loss(scores, positive, expected, excluded)}

    def _pool(self, rng: np.random.Generator) -> tuple[IntArray, Tensor]:
        """Products that hard negatives of an epoch are mined from, and their vectors: all, or a sample of many."""
        num = len(self.inputs.item_text)
        items = np.arange(num) if num <= _MOST_MINED else np.sort(rng.choice(num, _MOST_MINED, replace=False))
        return items, torch.from_numpy(encode_items(self.towers, self.inputs, items))

    def _hard(self, users: Tensor, pool: tuple[IntArray, Tensor], rng: np.random.Generator) -> IntArray:
        """Products that the towers rank high for these histories."""
        items, vectors = pool
        best = items[torch.topk(users.detach() @ vectors.T, min(_HARDEST, len(items)), dim=1).indices.numpy()]
        picked = rng.integers(
            min(_SKIPPED, best.shape[1] - 1), best.shape[1], (len(best), self.towers.config.hard_negatives)
        )
        return np.unique(np.take_along_axis(best, picked, 1))

    def _loss(self, scores: Tensor, positive: Tensor, expected: FloatArray | None, excluded: Tensor) -> Tensor:
        config = self.towers.config
        if config.loss == "margin":
            masked = scores.masked_fill(excluded.scatter(1, positive[:, None], False), -1.0)
            return functional.multi_margin_loss(masked, positive, margin=config.margin) * scores.shape[1]
        log_expected = None if expected is None else torch.from_numpy(expected)
        return sampled_softmax_loss(scores / config.temperature, positive, log_expected, excluded)


def _with_hard(hard: IntArray, items: IntArray, expected: FloatArray) -> tuple[IntArray, FloatArray]:
    """The candidates and the hard negatives, which are there for certain."""
    together = distinct(items, hard)
    log_expected = np.zeros(len(together), dtype=np.float32)
    log_expected[np.searchsorted(together, items)] = expected
    log_expected[np.searchsorted(together, hard)] = 0.0
    return together, log_expected


def encode_items(towers: TwoTower, inputs: TowerInputs, items: IntArray | None = None) -> FloatArray:
    """Vectors of these products, of all unless named, `[num_items, width]`."""
    rows = np.arange(len(inputs.item_text)) if items is None else items
    with _without_dropout(towers), torch.no_grad():
        parts = [towers.encode_items(inputs.items(rows[i : i + _ROWS])).numpy() for i in range(0, len(rows), _ROWS)]
    return np.concatenate(parts)


def encode_histories(towers: TwoTower, inputs: TowerInputs, histories: QueryHistories) -> FloatArray:
    """Vectors of histories, `[num_rows, width]`."""
    parts = [np.zeros((0, towers.config.width), dtype=np.float32)]
    with _without_dropout(towers), torch.no_grad():
        for start in range(0, len(histories), _ROWS):
            batch = inputs.histories(histories.take(slice(start, start + _ROWS)))
            parts.append(towers.encode_histories(batch).numpy())
    return np.concatenate(parts)


@contextmanager
def _without_dropout(towers: TwoTower) -> Iterator[None]:
    """The towers without dropout, and afterwards as they were."""
    if not towers.training:  # to say so to each layer takes a quarter of what one history does
        yield
        return
    towers.eval()
    try:
        yield
    finally:
        towers.train()
