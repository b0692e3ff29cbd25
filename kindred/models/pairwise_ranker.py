"""A network that ranks pairs of a user and an item: embeddings, their products, a small MLP, one logit.

Products of embeddings as in neural factorisation machines (He and Chua, "Neural Factorization Machines for Sparse
Predictive Analytics", 2017, arXiv 1708.05027), of user·item, user·text, item·text and user·categories. The embedding of
an id stands beside a projection of what the graph network makes of the node, so that an id which training did not see
is known by the latter: its own embedding is the "unknown" one, learned where ids are dropped.

The first of the numbers is the score of whoever found the candidates. The network begins as that score alone, and what
it learns is added to it; which epoch is kept is told by the order that it gives to lists of candidates.

Scored without PyTorch by `pairwise_scores.py`, from the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from kindred.devices import choose_device, has_bfloat16
from kindred.domain.interactions import FloatArray, IntArray
from kindred.domain.roc_auc import roc_auc
from kindred.training.fit import Objective, RunOptions, fit
from kindred.training.schedule import FitConfig, Metrics, ReduceOnPlateau

WATCHED, SEPARATION = "ndcg@10", "roc_auc"
_DEPTH = 10
_SMALLEST_DEVIATION = 1e-4
"""A number that varies less than this says nothing, and is not blown up by its deviation."""
UNKNOWN = 0
"""Row of the embedding of an unknown id; that of position n is n + 1."""


class RankerConfig(FitConfig):
    """Settings of the ranking network and its training."""

    epochs: int = Field(40, ge=1, description="most epochs")
    patience: int = Field(8, ge=1, description="epochs without a better validation NDCG@10 before training stops")
    learning_rate: float = Field(2e-3, gt=0, description="until validation reaches a plateau; then it is halved")
    embedding_dim: int = Field(32, ge=1, description="of users, items, texts, categories and numbers")
    hidden: tuple[int, ...] = Field((128, 64), min_length=1, description="widths of the MLP")
    dropout: float = Field(0.1, ge=0, lt=1, description="in the MLP")
    id_dropout: float = Field(0.7, ge=0, lt=1, description="share of ids taken for unknown while training")
    negatives: int = Field(30, ge=1, description="items that the user did not choose, for each that they did")
    batch_size: int = Field(512, ge=1, description="pairs a step")
    steps: int = Field(64, ge=1, description="most steps an epoch, so that much data is judged as often as little")
    candidates: int = Field(300, ge=1, description="items that retrieval hands over, of which the network ranks")
    most_events: int = Field(500_000, ge=1, description="with more events retrieval, fitted once, ranks alone")


@dataclass(frozen=True)
class Sides:
    """What is known of those who ask and of items, a row each.

    Attributes:
        num_users: users that have an id of their own.
        user_position: whose row it is; a user who asks at several times has several, `[num_rows]`.
        user_graph: embeddings of the graph network, `[num_rows, graph_dim]`.
        item_graph: the same of items, `[num_items, graph_dim]`.
        item_text: vectors of the items' texts, `[num_items, text_dim]`.
        item_categories: which categories an item belongs to, 0 or 1, `[num_items, num_categories]`.
    """

    num_users: int
    user_position: IntArray
    user_graph: FloatArray
    item_graph: FloatArray
    item_text: FloatArray
    item_categories: FloatArray


@dataclass(frozen=True)
class Pairs:
    """Pairs of one who asks and an item.

    Attributes:
        user_index: row of `Sides`, `[num_pairs]`.
        item_index: `[num_pairs]`.
        numbers: what else is known of the pair, first the score that it was found by, `[num_pairs, num_numbers]`.
        label: 1 where the user chose the item, else 0, `[num_pairs]`.
    """

    user_index: IntArray
    item_index: IntArray
    numbers: FloatArray
    label: FloatArray

    def __len__(self) -> int:
        return len(self.user_index)


class PairwiseRanker(nn.Module):
    """Logit that the user chooses the item."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, sides: Sides, num_numbers: int, config: RankerConfig) -> None:
        super().__init__()
        dim, widths = config.embedding_dim, config.hidden
        self.id_dropout = config.id_dropout
        self.user_id = nn.Embedding(sides.num_users + 1, dim)
        self.item_id = nn.Embedding(len(sides.item_graph) + 1, dim)
        self.user_graph = nn.Linear(sides.user_graph.shape[1], dim, bias=False)
        self.item_graph = nn.Linear(sides.item_graph.shape[1], dim, bias=False)
        self.text = nn.Linear(sides.item_text.shape[1], dim)
        self.categories = nn.Linear(sides.item_categories.shape[1], dim)
        self.numbers = nn.Linear(num_numbers, dim)
        self.shortcut = nn.Linear(num_numbers, 1, bias=False)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip((9 * dim, *widths), widths, strict=False))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(widths[-1], 1)
        for embedding in (self.user_id, self.item_id):
            nn.init.normal_(embedding.weight, std=0.05)
        for layer in (self.last, self.shortcut):
            nn.init.zeros_(layer.weight)
        nn.init.ones_(self.shortcut.weight[:, :1])
        self.register_buffer("mean", torch.zeros(num_numbers))
        self.register_buffer("deviation", torch.ones(num_numbers))

    def forward(
        self, rows: tuple[Tensor, Tensor], graph: tuple[Tensor, Tensor], texts: tuple[Tensor, Tensor], numbers: Tensor
    ) -> Tensor:
        """Logits, `[num_pairs]`.

        Args:
            rows: embedding rows of users and items, `[num_pairs]` both.
            graph: embeddings of the graph network of both, `[num_pairs, graph_dim]`.
            texts: text vectors and categories of the items, `[num_pairs, …]`.
            numbers: `[num_pairs, num_numbers]`, as they are.
        """
        user = self.user_id(self._some_unknown(rows[0])) + self.user_graph(graph[0])
        item = self.item_id(self._some_unknown(rows[1])) + self.item_graph(graph[1])
        text, categories = torch.relu(self.text(texts[0])), torch.relu(self.categories(texts[1]))
        scaled = (numbers - self.mean) / self.deviation
        products = [user * item, user * text, user * categories, item * text]
        parts = [user, item, text, categories, torch.relu(self.numbers(scaled)), *map(torch.relu, products)]
        hidden = torch.cat(parts, dim=1)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = self.dropout(nn.functional.gelu(norm(layer(hidden)), approximate="tanh"))
        logits: Tensor = self.last(hidden)[:, 0] + self.shortcut(scaled)[:, 0]
        return logits

    def _some_unknown(self, rows: Tensor) -> Tensor:
        """The rows, while training some of them that of an unknown id."""
        if not self.training or self.id_dropout == 0:
            return rows
        return rows.masked_fill(torch.rand(rows.shape, device=rows.device) < self.id_dropout, UNKNOWN)


@dataclass(frozen=True)
class Pool:
    """What negatives are sampled from: for each who asks, items that they are not known to have chosen at any time.

    Attributes:
        items: `[num_rows, pool_size]`, −1 where there are fewer.
        numbers: of the pairs, `[num_rows, pool_size, num_numbers]`.
    """

    items: IntArray
    numbers: FloatArray

    def sample(self, user_index: IntArray, count: int, rng: np.random.Generator) -> Pairs:
        """`count` negatives for each of these users; where one falls on no item it is left out."""
        rows = np.repeat(user_index, count)
        columns = rng.integers(0, self.items.shape[1], len(rows))
        items = self.items[rows, columns]
        kept = items >= 0
        numbers = self.numbers[rows[kept], columns[kept]]
        return Pairs(rows[kept], items[kept], numbers, np.zeros(int(kept.sum()), dtype=np.float32))


@dataclass(frozen=True)
class Lists:
    """Candidates of some who ask, one of which they chose.

    Attributes:
        user_index: row of `Sides`, `[num_lists]`.
        items: `[num_lists, num_candidates]`, −1 where there are fewer.
        numbers: of the pairs, `[num_lists, num_candidates, num_numbers]`.
        target: the item that was chosen, a candidate or not, `[num_lists]`.
    """

    user_index: IntArray
    items: IntArray
    numbers: FloatArray
    target: IntArray

    @property
    def pairs(self) -> Pairs:
        """All of them, list by list, also where there is no item."""
        rows = np.repeat(self.user_index, self.items.shape[1])
        label = (self.items == self.target[:, None]).astype(np.float32).ravel()
        numbers = self.numbers.reshape(len(rows), -1)
        return Pairs(rows, np.maximum(self.items, 0).ravel(), numbers, label)

    def ndcg(self, logits: FloatArray) -> float:
        """Mean NDCG@10 of the lists in the order of these logits, `[num_lists · num_candidates]`.

        A list without the target has none.
        """
        scores = np.where(self.items >= 0, logits.reshape(self.items.shape), -np.inf)
        is_target = self.items == self.target[:, None]
        own = np.max(scores, axis=1, where=is_target, initial=-np.inf)
        rank = (scores > own[:, None]).sum(axis=1)
        found = is_target.any(axis=1) & (rank < _DEPTH)
        return float(np.where(found, 1 / np.log2(rank + 2), 0.0).mean()) if len(rank) else 0.0


@dataclass(frozen=True)
class RankerData:
    """What a ranker learns from, and what it is validated on.

    Attributes:
        sides: of all users and items.
        chosen: pairs that were chosen, and skips, which were not.
        pool: further negatives, of every row with a chosen pair.
        validation: a fixed set of later pairs, chosen and not.
        lists: of users whose choices are not learned from; they tell which epoch is kept.
    """

    sides: Sides
    chosen: Pairs
    pool: Pool
    validation: Pairs
    lists: Lists


def train_ranker(data: RankerData, config: RankerConfig, run: RunOptions) -> tuple[PairwiseRanker, tuple[Metrics, ...]]:
    """The network that orders the lists best, by NDCG@10, and the metrics of every epoch."""
    device = choose_device(run.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = PairwiseRanker(data.sides, data.chosen.numbers.shape[1], config)
    sample = np.concatenate([data.chosen.numbers, data.pool.numbers[data.pool.items >= 0]])
    network.mean.copy_(torch.from_numpy(sample.mean(0)))
    deviation = sample.std(0)
    network.deviation.copy_(
        torch.from_numpy(np.where(deviation > _SMALLEST_DEVIATION, deviation, 1).astype(np.float32))
    )
    network.to(device)
    tensors = _Tensors.of(data.sides, device)
    objective = Objective(
        network,
        lambda rng: _step_losses(network, tensors, data, config, rng),
        {"ranker": config.model_dump(mode="json"), "pairs": len(data.chosen)},
        lambda: _validate(network, tensors, data),
        watch=WATCHED,
    )
    result = fit(objective, config, run, schedule=ReduceOnPlateau(WATCHED))
    network.eval()
    return network, result.metrics


@dataclass(frozen=True)
class _Tensors:
    """`Sides` on the device of the network."""

    user_position: Tensor
    user_graph: Tensor
    item_graph: Tensor
    item_text: Tensor
    item_categories: Tensor

    @classmethod
    def of(cls, sides: Sides, device: torch.device) -> _Tensors:
        position = torch.from_numpy(sides.user_position).to(device)
        columns = (sides.user_graph, sides.item_graph, sides.item_text, sides.item_categories)
        return cls(
            position,
            *(torch.from_numpy(np.ascontiguousarray(column, dtype=np.float32)).to(device) for column in columns),
        )

    def logits(self, network: PairwiseRanker, pairs: Pairs, rows: slice | IntArray) -> Tensor:
        device = self.item_graph.device
        users = torch.from_numpy(pairs.user_index[rows]).to(device)
        items = torch.from_numpy(pairs.item_index[rows]).to(device)
        numbers = torch.from_numpy(pairs.numbers[rows]).to(device)
        graph = self.user_graph[users], self.item_graph[items]
        logits: Tensor = network(
            (self.user_position[users] + 1, items + 1),
            graph,
            (self.item_text[items], self.item_categories[items]),
            numbers,
        )
        return logits


def _step_losses(
    network: PairwiseRanker, tensors: _Tensors, data: RankerData, config: RankerConfig, rng: np.random.Generator
) -> Iterator[Mapping[str, Tensor]]:
    """Binary cross-entropy of the chosen pairs and as many times `negatives` others, in random batches."""
    positives = data.chosen.user_index[data.chosen.label > 0]
    sampled = data.pool.sample(positives, config.negatives, rng)
    names = ("user_index", "item_index", "numbers", "label")
    pairs = Pairs(*(np.concatenate([getattr(data.chosen, name), getattr(sampled, name)]) for name in names))
    order = rng.permutation(len(pairs))[: config.steps * config.batch_size]
    device = tensors.item_graph.device
    mixed = has_bfloat16(device) and device.type == "cuda"
    for start in range(0, len(order), config.batch_size):
        rows = order[start : start + config.batch_size]
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed):
            logits = tensors.logits(network, pairs, rows)
        label = torch.from_numpy(pairs.label[rows]).to(device)
        yield {"loss": nn.functional.binary_cross_entropy_with_logits(logits.float(), label)}


def _validate(network: PairwiseRanker, tensors: _Tensors, data: RankerData) -> dict[str, float]:
    separation = roc_auc(_logits(network, tensors, data.validation), data.validation.label, otherwise=0.5)
    return {WATCHED: data.lists.ndcg(_logits(network, tensors, data.lists.pairs)), SEPARATION: separation}


def _logits(network: PairwiseRanker, tensors: _Tensors, pairs: Pairs) -> FloatArray:
    parts = [tensors.logits(network, pairs, slice(start, start + 8192)) for start in range(0, len(pairs), 8192)]
    logits: FloatArray = torch.cat(parts).float().cpu().numpy()
    return logits
