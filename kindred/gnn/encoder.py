"""The heterogeneous encoder: graph → one state a node and layer.

It has no parameter of any single node, so it encodes new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from kindred.gnn.adjacency import Adjacency
from kindred.gnn.attention import EdgeRows, gatv2_attention, transformer_attention
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.graph_features import GraphFeatures
from kindred.gnn.hetero_data import reverse_of
from kindred.gnn.segments import segment_mean

ConvName = Literal["transformer", "gat"]

MANY_EDGES = 2_000_000
"""With more of a type, whose projections take .5 GB, they are worked out anew by each walk that only reads."""


@dataclass(frozen=True)
class EncoderShape:
    """Sizes of an encoder.

    Attributes:
        conv: attention of its layers.
        hidden_dim: width of a state; a multiple of `heads`.
        heads: attention heads.
        layers: rounds of message passing.
        dropout: share of a state's update that is dropped in training.
    """

    conv: ConvName = "transformer"
    hidden_dim: int = 64
    heads: int = 8
    layers: int = 2
    dropout: float = 0.1


@dataclass(frozen=True)
class Relation:
    """Edges of one type as message passing sees them.

    Attributes:
        triple: the edge type, in the direction of the schema.
        adjacency: its edges.
        features: `[num_edges, edge_dim]`.
    """

    triple: Triple
    adjacency: Adjacency
    features: Tensor


@dataclass(frozen=True)
class Incoming:
    """Edges that end at the nodes of one label: their type, ends and features, and the neighbours' label."""

    triple: Triple
    neighbour_label: str
    adjacency: Adjacency
    edge: EdgeRows | None
    mean_features: Tensor


@dataclass(frozen=True)
class ProjectedWhenRead:
    """`EdgeRows` of so many edges that all of their projections would fill the memory."""

    features: Tensor
    projection: nn.Module

    def __getitem__(self, part: slice, /) -> Tensor:
        """`[part, hidden_dim]`."""
        projected: Tensor = self.projection(self.features[part])
        return projected


class TransformerAttention(nn.Module):
    """PyTorch Geometric's `TransformerConv` without root weight, its edges already projected."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))

    def forward(self, source: Tensor, target: Tensor, edge: EdgeRows | None, adjacency: Adjacency) -> Tensor:
        """`[num_targets, dim]`."""
        source = as_factor(source)
        return transformer_attention(
            self.query(target), self.key(source), self.value(source), edge, adjacency, self.heads
        )


class Gatv2Attention(nn.Module):
    """PyTorch Geometric's `GATv2Conv` without self-loops and output bias, its edges already projected."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.source, self.target = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.scorer = nn.Parameter(torch.empty(heads, dim // heads))
        nn.init.xavier_uniform_(self.scorer)

    def forward(self, source: Tensor, target: Tensor, edge: EdgeRows | None, adjacency: Adjacency) -> Tensor:
        """`[num_targets, dim]`."""
        return gatv2_attention(self.source(source), self.target(target), edge, self.scorer, adjacency)


_ATTENTION: dict[ConvName, type[TransformerAttention | Gatv2Attention]] = {
    "transformer": TransformerAttention,
    "gat": Gatv2Attention,
}


class HeteroEncoder(nn.Module):
    """States of all nodes from features and edges.

    A node's first state is made of its label, its own features, the mean features and the number of its edges of each
    type. Every layer adds what attention over each edge type, both ways, brings from its neighbours' states.
    Projected edge features are shared by all layers and both directions.
    """

    def __init__(
        self, features: GraphFeatures, labels: Iterable[str], triples: Iterable[Triple], shape: EncoderShape
    ) -> None:
        super().__init__()
        self.features, self.shape = features, shape
        self.labels, self.triples = tuple(labels), tuple(triples)
        dim = shape.hidden_dim
        self.label_vectors = nn.ParameterDict({label: nn.Parameter(torch.zeros(dim)) for label in self.labels})
        self.node_inputs, self.edge_inputs, self.mean_inputs = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        for label in self.labels:
            if features.node_dim(label):
                self.node_inputs[label] = nn.Linear(features.node_dim(label), dim)
        for triple in self.triples:
            if features.edge_dim(triple):
                self.edge_inputs[module_key(triple)] = nn.Linear(features.edge_dim(triple), dim, bias=False)
            for direction in (triple, reverse_of(triple)):
                self.mean_inputs[module_key(direction)] = nn.Linear(features.edge_dim(triple) + 1, dim, bias=False)
        directions = [d for triple in self.triples for d in (triple, reverse_of(triple))]
        attention = _ATTENTION[shape.conv]
        self.attentions = nn.ModuleList(
            nn.ModuleDict({module_key(d): attention(dim, shape.heads) for d in directions}) for _ in range(shape.layers)
        )
        self.skips = nn.ModuleList(
            nn.ModuleDict({label: nn.Linear(dim, dim) for label in self.labels}) for _ in range(shape.layers)
        )
        self.norms = nn.ModuleList(
            nn.ModuleDict({label: nn.LayerNorm(dim) for label in self.labels}) for _ in range(shape.layers + 1)
        )

    def forward(self, node_features: Mapping[str, Tensor], relations: Iterable[Relation]) -> list[dict[str, Tensor]]:
        """States `[num_nodes, hidden_dim]` of every label before the first layer and after each.

        Args:
            node_features: `[num_nodes, node_dim]` of every label.
            relations: the edges messages run along.
        """
        incoming: dict[str, list[Incoming]] = {label: [] for label in self.labels}
        for relation in relations:
            edge = self.project_edges(relation.triple, relation.features)
            for arriving in both_ways(relation, edge):
                incoming[arriving.triple[2]].append(arriving)
        states = [{label: self.first_state(label, node_features[label], incoming[label]) for label in self.labels}]
        for layer in range(self.shape.layers):
            last = states[-1]
            states.append(
                {label: self.next_state(layer, label, last[label], incoming[label], last) for label in self.labels}
            )
        return states

    def project_edges(self, triple: Triple, features: Tensor) -> EdgeRows | None:
        """`[num_edges, hidden_dim]`, None where edges of this type have no features."""
        key = module_key(triple)
        if key not in self.edge_inputs:
            return None
        if len(features) > MANY_EDGES and not torch.is_grad_enabled():
            return ProjectedWhenRead(features, self.edge_inputs[key])
        projected: Tensor = self.edge_inputs[key](features)
        return projected

    def first_state(self, label: str, features: Tensor, incoming: Iterable[Incoming]) -> Tensor:
        """What a node is before any message, `[num_nodes, hidden_dim]`."""
        state = self.label_vectors[label].expand(len(features), -1)
        if label in self.node_inputs:
            state = state + self.node_inputs[label](features)
        for arriving in incoming:
            state = state + self.mean_inputs[module_key(arriving.triple)](arriving.mean_features)
        normed: Tensor = self.norms[0][label](state)  # type: ignore[index]
        return normed

    def next_state(
        self, layer: int, label: str, state: Tensor, incoming: Iterable[Incoming], neighbours: Mapping[str, Tensor]
    ) -> Tensor:
        """A node's state after one more layer, `[num_nodes, hidden_dim]`.

        Args:
            layer: number of the layer, from 0.
            label: of the nodes.
            state: theirs before the layer, `[num_nodes, hidden_dim]`.
            incoming: the edges that end at them.
            neighbours: states of every neighbouring label before the layer.
        """
        factor = as_factor(state)
        update = self.skips[layer][label](factor)  # type: ignore[index]
        for arriving in incoming:
            if arriving.adjacency.num_edges:
                attention = self.attentions[layer][module_key(arriving.triple)]  # type: ignore[index]
                update = update + attention(
                    neighbours[arriving.neighbour_label], factor, arriving.edge, arriving.adjacency
                )
        update = functional.gelu(update)
        if self.training and self.shape.dropout:
            update = update * dropout_factors(update, self.shape.dropout)
        normed: Tensor = self.norms[layer + 1][label](state + update)  # type: ignore[index]
        return normed


def as_factor(rows: Tensor) -> Tensor:
    """The rows in the precision that matrices are multiplied in, cast once and not by each layer that reads them."""
    device = rows.device.type
    return rows.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else rows


def dropout_factors(rows: Tensor, share: float) -> Tensor:
    """0 at about `share` of the values and 1 / the rest elsewhere, so that the mean is 1; of the shape of `rows`.

    A random byte decides, eight to a number: PyTorch's own dropout takes a number a value, which takes seven times as
    long and more than the rest of a layer's work on nodes. So the share is a multiple of 1/256.
    """
    dropped = min(round(256 * share), 255)
    samples = torch.empty(-(-rows.numel() // 8), dtype=torch.int64, device=rows.device)
    samples.random_(torch.iinfo(torch.int64).min, None)
    kept = samples.view(torch.uint8)[: rows.numel()].view(rows.shape) >= dropped
    return kept.to(rows.dtype).mul_(256 / (256 - dropped))


def both_ways(relation: Relation, edge: EdgeRows | None) -> tuple[Incoming, Incoming]:
    """The edges as they arrive at their targets, and, walked back, at their sources."""
    source, _, target = relation.triple
    forward, backward = relation.adjacency, relation.adjacency.reversed()
    of_sources, of_targets = (_mean_features(relation.features, edges) for edges in (backward, forward))
    return (
        Incoming(relation.triple, source, forward, edge, of_targets),
        Incoming(reverse_of(relation.triple), target, backward, edge, of_sources),
    )


def _mean_features(features: Tensor, adjacency: Adjacency) -> Tensor:
    """Mean features and log number of each target's edges, `[num_targets, edge_dim + 1]`."""
    means = segment_mean(features, adjacency.by_target)
    counts = torch.log1p(adjacency.by_target.counts.to(means.dtype)).unsqueeze(1)
    return torch.cat([means, counts], dim=1)


def module_key(triple: Triple) -> str:
    """The edge type as a name of modules, which takes no dots."""
    return "__".join(triple)
