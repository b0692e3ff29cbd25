"""Two towers: a shopper's latest queries and a product meet in one space, where the cosine says how well they suit.

Covington et al., "Deep Neural Networks for YouTube Recommendations", 2016; Yi et al., "Sampling-Bias-Corrected Neural
Modeling for Large Corpus Item Recommendations", 2019. Both towers start as the same projection of the text vectors, so
that they begin where the text encoder stands and learn what differs from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from kindred.training.schedule import FitConfig

Pooling = Literal["attention", "mean", "concat"]
TowerLoss = Literal["softmax", "margin"]
HISTORY = 5
"""Queries of a history that a tower reads, the latest first."""


class TowerConfig(BaseModel):
    """Settings of the two towers and of their training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(128, ge=2, description="of the shared space")
    pooling: Pooling = Field("attention", description="of the queries; concat: side by side, zeros for missing ones")
    loss: TowerLoss = Field("softmax", description="sampled softmax, or the multi-class margin")
    temperature: float = Field(0.07, gt=0, description="cosines are divided by it")
    margin: float = Field(0.2, gt=0, description="of the margin loss, in cosine")
    batch_size: int = Field(512, ge=2, description="histories in a step; their products are in its softmax")
    candidates: int = Field(2048, ge=0, description="further products in it, sampled; all where there are no more")
    hard_negatives: int = Field(1, ge=0, description="and so many a history from the best of the towers themselves")
    dropout: float = Field(0.1, ge=0, lt=1, description="of the text vectors")
    id_dropout: float = Field(0.5, ge=0, lt=1, description="how often a product is seen without what is its alone")
    graph_dropout: float = Field(0.5, ge=0, lt=1, description="how often a query is seen without what it led to")
    min_id_events: int = Field(20, ge=1, description="products that orders name less often have no vector of their own")
    spelling: bool = Field(True, description="read typing slips, words run together and the wrong keyboard as meant")
    graph: bool = Field(True, description="read what the graph says of queries and products; off for the ablation")
    fit: FitConfig = Field(
        default_factory=lambda: FitConfig(epochs=8, patience=3, learning_rate=2e-3, warmup_epochs=1, weight_decay=1e-2)
    )


@dataclass(frozen=True)
class Sizes:
    """Sizes of a pair of towers: of vectors of texts and of the graph, and how many products have one of their own."""

    text: int
    query_graph: int
    item_graph: int
    ids: int


@dataclass(frozen=True)
class HistoryBatch:
    """Histories of queries, the latest first.

    Attributes:
        text: vectors, zeros where a query is missing, `[num_rows, HISTORY, text_dim]`.
        graph: what the graph says of the queries, zeros for unknown ones, `[num_rows, HISTORY, graph_dim]`.
        known: which are there, `[num_rows, HISTORY]`.
        age: days from the query to the time asked about, `[num_rows, HISTORY]`.
    """

    text: Tensor
    graph: Tensor
    known: Tensor
    age: Tensor


@dataclass(frozen=True)
class ItemBatch:
    """Products: vectors of text and graph, `[num_items, …]`; `own`: row of its own vector, 0 for none."""

    text: Tensor
    graph: Tensor
    own: Tensor


class TwoTower(nn.Module):
    """Query tower and item tower.

    Args:
        config: settings.
        sizes: of the inputs.
        projection: what both towers begin as, `[width, text_dim]`.
    """

    def __init__(self, config: TowerConfig, sizes: Sizes, projection: Tensor) -> None:
        super().__init__()
        self.config = config
        self.text = nn.Linear(sizes.text, config.width, bias=False)
        self.item_text = nn.Linear(sizes.text, config.width)
        self.graph = nn.Linear(sizes.query_graph, config.width, bias=False)
        self.item_graph = nn.Linear(sizes.item_graph, config.width, bias=False)
        self.own = nn.Embedding(sizes.ids + 1, config.width, padding_idx=0)
        self.slot = nn.Parameter(torch.zeros(HISTORY, config.width))
        self.recency = nn.Parameter(-0.7 * torch.arange(HISTORY, dtype=torch.float32))
        self.aging = nn.Parameter(torch.tensor(0.0))
        self.attention = nn.Sequential(nn.Linear(config.width, config.width), nn.Tanh(), nn.Linear(config.width, 1))
        wide = HISTORY * sizes.text if config.pooling == "concat" else config.width
        out = nn.Linear(2 * config.width, config.width)
        self.mix = nn.Sequential(nn.Linear(wide, 2 * config.width), nn.GELU(), out)
        with torch.no_grad():
            self.text.weight.copy_(projection)
            self.item_text.weight.copy_(projection)
            for zero in (self.item_text.bias, self.own.weight, out.weight, out.bias):
                zero.zero_()
            for small in (self.graph.weight, self.item_graph.weight):
                small.zero_()

    def encode_histories(self, batch: HistoryBatch) -> Tensor:
        """Unit vectors of histories, `[num_rows, width]`; the pooled queries and what the network adds to them."""
        text = functional.dropout(batch.text, self.config.dropout, self.training)
        graph = batch.graph
        if self.training and self.config.graph_dropout:
            graph = graph * (torch.rand(graph.shape[:2], device=graph.device) >= self.config.graph_dropout)[..., None]
        states = self.text(text) + self.graph(graph)
        pooled = (self._weights(states + self.slot, batch).unsqueeze(-1) * states).sum(1)
        if self.config.pooling == "concat":
            return functional.normalize(pooled + self.mix(text.flatten(1)), dim=1)
        if self.config.pooling == "mean":
            return functional.normalize(pooled + self.mix(pooled), dim=1)
        told = (self._weights(states + self.slot, batch).unsqueeze(-1) * (states + self.slot)).sum(1)
        return functional.normalize(pooled + self.mix(told), dim=1)

    def encode_items(self, batch: ItemBatch) -> Tensor:
        """Unit vectors of products, `[num_items, width]`."""
        text = functional.dropout(batch.text, self.config.dropout, self.training)
        own, graph = batch.own, batch.graph
        if self.training and self.config.id_dropout:
            kept = torch.rand(len(own), device=own.device) >= self.config.id_dropout
            own, graph = own * kept, graph * kept[:, None]
        return functional.normalize(self.item_text(text) + self.item_graph(graph) + self.own(own), dim=1)

    def _weights(self, states: Tensor, batch: HistoryBatch) -> Tensor:
        """How much each query counts, `[num_rows, HISTORY]`, 0 for missing ones; all alike where the mean is taken."""
        if self.config.pooling == "mean":
            scores = torch.zeros_like(batch.age)
        else:
            aging = functional.softplus(self.aging) * batch.age.log1p()
            scores = self.attention(states).squeeze(-1) + self.recency - aging
        weights = torch.softmax(scores.masked_fill(~batch.known, -1e9), dim=1)
        return weights * batch.known
