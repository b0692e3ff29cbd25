"""The graph network: one encoder, and for both ends of a target edge type a space for ratings and one for ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kindred.domain.interactions import FloatArray, IntArray
from kindred.domain.rating_scale import STARS, RatingScale
from kindred.gnn.encoder import ConvName, EncoderShape, HeteroEncoder, as_factor
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.graph_features import GraphFeatures
from kindred.gnn.losses import RatingLoss
from kindred.training.schedule import FitConfig

Similarity = Literal["dot", "cosine"]


class GnnConfig(FitConfig):
    """Everything a training of the graph network may choose."""

    conv: ConvName = Field("transformer", description="attention of the layers")
    hidden_dim: int = Field(64, ge=1, description="width of a state and of the vectors of both spaces")
    heads: int = Field(8, ge=1, description="attention heads")
    layers: int = Field(2, ge=1, description="rounds of message passing")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of a state's update dropped in training")
    text_dim: int = Field(64, ge=0, description="dimensions that text vectors are reduced to; 0 leaves text out")
    rating_loss: RatingLoss = Field("absolute", description="error of the cosine rating")
    rating_bias: bool = Field(False, description="adds a bias of either end to the cosine rating")
    ranking_weight: float = Field(1.0, ge=0, description="weight of the ranking loss beside the rating loss")
    similarity: Similarity = Field("dot", description="of the ranking space")
    supervision_share: float = Field(0.25, gt=0, lt=1, description="training edges a step predicts and must not see")
    steps_per_epoch: int = Field(4, ge=1, description="steps of an epoch, each with other supervision edges")
    candidates: int = Field(
        2048, ge=2, description="candidates of the ranking loss; smaller catalogues are taken whole"
    )
    ranking_batch: int = Field(1024, ge=1, description="most supervision edges a step ranks")
    sampled_from: int = Field(
        400_000, ge=1, description="training edges from which on a step sees a sample of the graph, not all of it"
    )
    sampled_steps: int = Field(12, ge=1, description="steps of an epoch that sees samples")
    sampled_batch: int = Field(2048, ge=1, description="supervision edges of a step that sees a sample")
    sampled_validation: int = Field(
        5, ge=1, description="epochs from one validation to the next where steps see samples: it sees all of the graph"
    )
    fanout: int = Field(6, ge=2, description="edges of each type that a sampled node brings, half of it the next round")

    @model_validator(mode="after")
    def _dimensions_fit(self) -> GnnConfig:
        if self.hidden_dim % self.heads:
            raise ValueError(f"hidden_dim {self.hidden_dim} is no multiple of {self.heads} heads")
        if self.steps_per_epoch * self.supervision_share > 1 + 1e-9:
            raise ValueError("steps_per_epoch * supervision_share is more than 1, an epoch would predict edges twice")
        return self

    @property
    def shape(self) -> EncoderShape:
        return EncoderShape(self.conv, self.hidden_dim, self.heads, self.layers, self.dropout)


@dataclass(frozen=True)
class GnnEmbeddings:
    """Vectors of the two ends of the target edge type, float32.

    Attributes:
        source_ranking: `[num_sources, dim]`; the dot product with `target_ranking` ranks, the higher the better.
        target_ranking: `[num_targets, dim]`.
        source_rating: of length 1, `[num_sources, dim]`; the dot product is the cosine that stands for the rating.
        target_rating: of length 1, `[num_targets, dim]`.
        source_bias: added to the rating, `[num_sources]`; zero where the config has no bias.
        target_bias: added to the rating, `[num_targets]`.
        scale: of the ratings.
    """

    source_ranking: FloatArray
    target_ranking: FloatArray
    source_rating: FloatArray
    target_rating: FloatArray
    source_bias: FloatArray
    target_bias: FloatArray
    scale: RatingScale

    def rate(self, source_index: IntArray, target_index: IntArray) -> FloatArray:
        """Cosine rating of each pair, `RatingScale.of_cosine` and the biases, `[num_pairs]`."""
        cosine: FloatArray = (self.source_rating[source_index] * self.target_rating[target_index]).sum(1)
        rating: FloatArray = self.scale.of_cosine(cosine)
        return rating + self.source_bias[source_index] + self.target_bias[target_index]

    def score(self, source_index: IntArray) -> FloatArray:
        """Ranking score of every target for these sources, `[len(source_index), num_targets]`."""
        scores: FloatArray = self.source_ranking[source_index] @ self.target_ranking.T
        return scores


@dataclass(frozen=True)
class EndVectors:
    """One end's vectors while training: ranking `[n, dim]`, rating of length 1 `[n, dim]`, bias `[n]`."""

    ranking: Tensor
    rating: Tensor
    bias: Tensor


class Gnn(nn.Module):
    """Encoder and heads; a head reads the states before, between and after the layers."""

    def __init__(
        self,
        features: GraphFeatures,
        labels: Sequence[str],
        triples: Sequence[Triple],
        config: GnnConfig,
        scale: RatingScale = STARS,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.encoder = HeteroEncoder(features, labels, triples, config.shape)
        self.similarity, self.has_bias = config.similarity, config.rating_bias
        read = config.hidden_dim * (config.layers + 1)
        self.ranking = nn.ModuleDict({end: nn.Linear(read, config.hidden_dim) for end in ("source", "target")})
        self.rating = nn.ModuleDict({end: nn.Linear(read, config.hidden_dim + 1) for end in ("source", "target")})
        start = math.log(10.0) if config.similarity == "cosine" else -0.5 * math.log(config.hidden_dim)
        self.log_scale = nn.Parameter(torch.tensor(start))

    def forward(self, end: Literal["source", "target"], states: Sequence[Tensor]) -> EndVectors:
        """Vectors of one end from its states, each `[num_nodes, hidden_dim]`, of every layer."""
        read = torch.cat([as_factor(state) for state in states], dim=1)
        ranking = self.ranking[end](read)
        if self.similarity == "cosine":
            ranking = functional.normalize(ranking, dim=1)
        if end == "source":
            ranking = ranking * self.log_scale.exp()
        rating = self.rating[end](read)
        bias = rating[:, -1] if self.has_bias else torch.zeros_like(rating[:, -1])
        return EndVectors(ranking, functional.normalize(rating[:, :-1], dim=1), bias)


def embed_states(network: Gnn, target: Triple, states: Sequence[Mapping[str, Tensor]]) -> GnnEmbeddings:
    """The vectors of both ends of `target` from the states of every layer."""
    network.eval()
    with torch.no_grad():
        starts = network("source", [layer[target[0]] for layer in states])
        ends = network("target", [layer[target[2]] for layer in states])
    return GnnEmbeddings(
        source_ranking=starts.ranking.cpu().numpy(),
        target_ranking=ends.ranking.cpu().numpy(),
        source_rating=starts.rating.cpu().numpy(),
        target_rating=ends.rating.cpu().numpy(),
        source_bias=starts.bias.cpu().numpy(),
        target_bias=ends.bias.cpu().numpy(),
        scale=network.scale,
    )
