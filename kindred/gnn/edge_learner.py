"""The steps of a training: predict some edges, ratings and ranking jointly, from messages along all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kindred.devices import has_bfloat16
from kindred.domain.interactions import IntArray
from kindred.domain.rating_scale import RatingScale
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.losses import RATING_ERRORS
from kindred.gnn.model import EndVectors, Gnn, GnnConfig, GnnEmbeddings, embed_states
from kindred.gnn.trained import GraphTensors, row_mask
from kindred.training.losses import sampled_softmax_loss
from kindred.training.sampling import Candidates, KnownPairs, sample_candidates, supervision_folds

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData
    from torch_geometric.data.storage import EdgeStorage


@dataclass(frozen=True)
class Supervision:
    """What a step predicts.

    Attributes:
        edges: positions in `rows` of the edges to predict, which messages may not run along.
        ranked: those of them whose target is ranked among the candidates.
        candidates: targets to rank.
    """

    edges: IntArray
    ranked: IntArray
    candidates: Candidates


@dataclass(frozen=True)
class EdgeLearner:
    """One training's tensors: everything a step needs that does not change from step to step.

    Attributes:
        network: what learns.
        config: its settings.
        target: the edge type to predict.
        tensors: the graph.
        messages: the same in the precision that a step computes in.
        rows: rows of the training edges in the table of their type, ascending, `[num_train]`.
        ends: their source and target, `[2, num_train]`.
        ratings: theirs, `[num_train]`; None where the edge type has none.
        known: their pairs; what a source has is no negative for it.
        popularity: how many of them each target has, `[num_targets]`.
    """

    network: Gnn
    config: GnnConfig
    target: Triple
    tensors: GraphTensors
    messages: GraphTensors
    rows: Tensor
    ends: Tensor
    ratings: Tensor | None
    known: KnownPairs
    popularity: IntArray

    @classmethod
    def of(cls, data: HeteroData, target: Triple, rows: Tensor, network: Gnn, config: GnnConfig) -> EdgeLearner:
        """The learner of these rows of the target type."""
        tensors = GraphTensors.of(data, network)
        store = data[target]
        ends = store.edge_index[:, rows]
        num_sources, num_targets = int(data[target[0]].num_nodes), int(data[target[2]].num_nodes)
        source_index, target_index = ends.numpy()
        device = device_of(network)
        ratings = _ratings(store, rows)
        return cls(
            network,
            config,
            target,
            tensors,
            tensors.with_edges_in(torch.bfloat16) if has_bfloat16(device) else tensors,
            rows,
            ends,
            None if ratings is None else ratings.to(device),
            KnownPairs.of(source_index, target_index, num_sources, num_targets),
            np.bincount(target_index, minlength=num_targets),
        )

    def step_losses(self, rng: np.random.Generator) -> Iterator[Mapping[str, Tensor]]:
        """The losses of each step of an epoch."""
        num_folds = max(2, round(1 / self.config.supervision_share))
        folds = supervision_folds(len(self.rows), num_folds, rng)
        for _, supervised in zip(range(self.config.steps_per_epoch), folds, strict=False):
            yield self.losses(supervised, rng)

    def losses(self, supervised: IntArray, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Losses of predicting these positions of `rows` from the messages of all others."""
        supervision = self.supervision(supervised, rng)
        with autocast(device_of(self.network)):
            return self.losses_of(self.vectors(supervised), supervision)

    def supervision(self, supervised: IntArray, rng: np.random.Generator) -> Supervision:
        """What a step predicts of these positions of `rows`: all their ratings, and the targets of at most so many."""
        most = self.config.ranking_batch
        ranked = supervised if len(supervised) <= most else rng.choice(supervised, most, replace=False)
        answers = self.ends[1, ranked].numpy()
        return Supervision(supervised, ranked, sample_candidates(self.popularity, self.config.candidates, answers, rng))

    def losses_of(
        self,
        vectors: tuple[EndVectors, EndVectors],
        supervision: Supervision,
        nodes: tuple[IntArray, IntArray] | None = None,
    ) -> Mapping[str, Tensor]:
        """The losses of what these vectors predict.

        Args:
            vectors: of both ends.
            supervision: what is to be predicted.
            nodes: whose vectors they are, positions of sources and of targets, ascending; all of them where None.
        """
        device, losses = device_of(self.network), {}
        if self.ratings is not None:
            rated = self.ratings[supervision.edges]
            if (is_rated := ~rated.isnan()).any():
                ends = _rows_of(self.ends[:, supervision.edges].numpy(), nodes).to(device)
                predicted = _pair_ratings(*vectors, ends[:, is_rated], self.network.scale)
                losses["rating"] = RATING_ERRORS[self.config.rating_loss](predicted, rated[is_rated])
        if self.config.ranking_weight:
            losses["ranking"] = self._ranking_loss(vectors, supervision, nodes)
        total = losses.get("rating", torch.zeros((), device=device))
        if "ranking" in losses:
            total = total + self.config.ranking_weight * losses["ranking"]
        return {"loss": total, **losses}

    def embeddings(self) -> GnnEmbeddings:
        """Vectors with all training edges as messages."""
        relations = self.tensors.relations({self.target: self._message_mask()})
        with torch.no_grad():
            states = self.network.encoder(self.tensors.node_features, relations)
        return embed_states(self.network, self.target, states)

    def _message_mask(self) -> Tensor:
        return row_mask(self.rows.numpy(), self.tensors.orders[self.target])

    def vectors(self, supervised: IntArray) -> tuple[EndVectors, EndVectors]:
        """Both ends' vectors, from messages that leave the supervised edges out, text and all.

        Args:
            supervised: positions in `rows`.
        """
        kept = self._message_mask()
        kept[self.rows[supervised]] = False
        with autocast(kept.device):
            states = self.network.encoder(self.messages.node_features, self.messages.relations({self.target: kept}))
            return (
                self.network("source", [layer[self.target[0]] for layer in states]),
                self.network("target", [layer[self.target[2]] for layer in states]),
            )

    def _ranking_loss(
        self, vectors: tuple[EndVectors, EndVectors], supervision: Supervision, nodes: tuple[IntArray, IntArray] | None
    ) -> Tensor:
        source, target = vectors
        source_index, answers = self.ends[:, supervision.ranked].numpy()
        items, log_expected = supervision.candidates.items, supervision.candidates.log_expected
        device = device_of(self.network)
        rows = _rows_of(source_index[None], nodes and nodes[:1]).to(device)[0]
        columns = _rows_of(items[None], nodes and nodes[1:]).to(device)[0]
        scores = source.ranking.index_select(0, rows) @ target.ranking.index_select(0, columns).T
        positive = torch.from_numpy(np.searchsorted(items, answers)).to(device)
        excluded = torch.from_numpy(self.known.among(source_index, items)).to(device)
        expected = None if log_expected is None else torch.from_numpy(log_expected).to(device)
        return sampled_softmax_loss(scores.float(), positive, expected, excluded)


def _rows_of(positions: IntArray, nodes: Sequence[IntArray] | None) -> Tensor:
    """Where these nodes stand among `nodes`, a row for each end, `[num_ends, num_positions]`."""
    if nodes is None:
        return torch.from_numpy(positions)
    return torch.from_numpy(np.stack([np.searchsorted(own, row) for own, row in zip(nodes, positions, strict=True)]))


def _ratings(store: EdgeStorage, rows: Tensor) -> Tensor | None:
    """Rating of each of the rows, `[num_rows]`, NaN where there is none; None where no edge of the type has one."""
    if "rating" not in store or ("has_rating" in store and not store.has_rating.any()):
        return None
    ratings: Tensor = store.rating[rows].float()
    return ratings.masked_fill(~store.has_rating[rows], torch.nan) if "has_rating" in store else ratings


def _pair_ratings(source: EndVectors, target: EndVectors, ends: Tensor, scale: RatingScale) -> Tensor:
    cosine = (source.rating.index_select(0, ends[0]) * target.rating.index_select(0, ends[1])).sum(1)
    rating: Tensor = scale.of_cosine(cosine) + source.bias[ends[0]] + target.bias[ends[1]]
    return rating.float()


def autocast(device: torch.device) -> torch.autocast:
    """Products of matrices in bf16 where the device computes in it, all in float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device))


def device_of(network: Gnn) -> torch.device:
    """Where the network is."""
    return next(network.parameters()).device
