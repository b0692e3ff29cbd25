"""A part of a graph that is enough to encode some of its nodes: a few edges of each, a few of those at their ends.

So a step of training costs what its batch costs, however large the graph is. Hamilton, Ying and Leskovec, "Inductive
Representation Learning on Large Graphs" (GraphSAGE), 2017, arXiv 1706.02216.

Only attention sees a sample. Mean features and the number of a node's edges, from which its first state is made, are
those of the whole graph but for the edges that the step must not see, so a node starts as it does when all edges are
there. And each layer works out what the next one reads alone: the last one the states of the seeds, the one before it
those of their neighbours too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindred.domain.distinct import distinct
from kindred.domain.groups import spans
from kindred.domain.interactions import IntArray
from kindred.gnn.adjacency import Adjacency, Grouping, offsets_of
from kindred.gnn.attention import EdgeRows
from kindred.gnn.encoder import HeteroEncoder, Incoming
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.hetero_data import reverse_of
from kindred.gnn.trained import GraphTensors

_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class SampledEdges:
    """Edges of one type that messages run along in one direction, in the order of the nodes that they end at.

    Attributes:
        triple: the edge type, in the direction of the schema.
        direction: the same in the direction of the messages.
        ends: neighbour and node of each, positions in the sample, `[2, num_edges]`.
        features: `[num_edges, edge_dim]`.
        means: mean features and log number of the edges of each node in the whole graph, `[num_nodes, edge_dim + 1]`.
    """

    triple: Triple
    direction: Triple
    ends: Tensor
    features: Tensor
    means: Tensor

    def arriving(self, projected: EdgeRows | None, num_neighbours: int, num_nodes: int) -> Incoming:
        """Those that end at the first nodes.

        Args:
            projected: features as the encoder projects them, `[num_edges, hidden_dim]`, None where there are none.
            num_neighbours: how many nodes of the neighbours' label have states.
            num_nodes: how many nodes get states.
        """
        offsets = offsets_of(self.ends[1], len(self.means))[: num_nodes + 1]
        source, target = self.ends[:, : int(offsets[-1])]
        by_source = Grouping(torch.argsort(source, stable=True), offsets_of(source, num_neighbours))
        adjacency = Adjacency(source, target, by_source, Grouping(None, offsets))
        edge = None if projected is None else projected[: len(source)]
        return Incoming(self.direction, self.direction[0], adjacency, edge, self.means)


@dataclass(frozen=True)
class SampledGraph:
    """Some nodes and edges, with what the encoder reads of them.

    Attributes:
        nodes: positions in the whole graph, of every label: the seeds, ascending, then what is one edge away, ….
        within: how many nodes of every label are at most so many edges away from a seed, for 0, 1, … edges.
        node_features: `[num_nodes, node_dim]` of every label.
        edges: what a state of a node is made of, if it is not the farthest from the seeds.
    """

    nodes: dict[str, IntArray]
    within: list[dict[str, int]]
    node_features: dict[str, Tensor]
    edges: list[SampledEdges]

    def states(self, encoder: HeteroEncoder) -> list[dict[str, Tensor]]:
        """States before the first layer and after each, of fewer nodes with each layer; all are there of the seeds."""
        edges = [(own, encoder.project_edges(own.triple, own.features)) for own in self.edges]
        states: list[dict[str, Tensor]] = []
        rounds = len(self.within) - 1
        for layer in range(rounds):
            known, wanted = self.within[rounds - layer], self.within[rounds - layer - 1]
            incoming: dict[str, list[Incoming]] = {label: [] for label in encoder.labels}
            for own, projected in edges:
                neighbour, _, label = own.direction
                incoming[label].append(own.arriving(projected, known[neighbour], wanted[label]))
            if not states:
                features = self.node_features
                states = [{label: encoder.first_state(label, features[label], incoming[label]) for label in known}]
            last = states[-1]
            states.append(
                {
                    label: encoder.next_state(layer, label, last[label][:count], incoming[label], last)
                    for label, count in wanted.items()
                }
            )
        return states


@dataclass(frozen=True)
class _EdgesOfEnds:
    """The edges of one type by either end, as compressed rows, and the sums of their features there."""

    ends: IntArray
    rows: tuple[IntArray, IntArray]
    offsets: tuple[IntArray, IntArray]
    sums: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, ends: IntArray, kept: NDArray[np.bool_], sizes: tuple[int, int], features: Tensor) -> _EdgesOfEnds:
        """The edges where `kept` is true.

        Args:
            ends: source and target of each, `[2, num_edges]`.
            kept: `[num_edges]`.
            sizes: number of sources and targets.
            features: `[num_edges, edge_dim]`.
        """
        there = np.flatnonzero(kept)
        rows, offsets, sums = [], [], []
        for side, size in enumerate(sizes):
            own = ends[side, there]
            rows.append(there[np.argsort(own, kind="stable")])
            offsets.append(np.concatenate([[0], np.cumsum(np.bincount(own, minlength=size))]))
            total = torch.zeros(size, features.shape[1])
            for start in range(0, len(there), _ROWS_AT_ONCE):
                part = torch.from_numpy(there[start : start + _ROWS_AT_ONCE])
                total.index_add_(0, torch.from_numpy(own[start : start + _ROWS_AT_ONCE]), features[part].float())
            sums.append(total)
        return cls(ends, (rows[0], rows[1]), (offsets[0], offsets[1]), (sums[0], sums[1]))

    def sample(self, side: int, nodes: IntArray, most: int, rng: np.random.Generator) -> IntArray:
        """Rows of at most so many edges of each of the nodes at that end, some of them once for both of its ends."""
        offsets = self.offsets[side]
        first, counts = offsets[nodes], offsets[nodes + 1] - offsets[nodes]
        few = counts <= most
        whole = spans(first[few], counts[few])
        chosen = (rng.random((int((~few).sum()), most)) * counts[~few, None]).astype(np.int64)
        sampled: IntArray = self.rows[side][np.concatenate([whole, (first[~few, None] + chosen).ravel()])]
        return sampled

    def means(self, side: int, nodes: IntArray, unseen: IntArray, features: Tensor) -> Tensor:
        """Mean features and log number of the edges of each node but for the unseen rows, `[num_nodes, edge_dim + 1]`.

        Args:
            side: at which end the nodes are.
            nodes: ascending, `[num_nodes]`.
            unseen: rows among the edges, `[num_unseen]`.
            features: of all edges, `[num_edges, edge_dim]`.
        """
        offsets = self.offsets[side]
        counts = torch.from_numpy(offsets[nodes + 1] - offsets[nodes]).float()
        sums = self.sums[side][torch.from_numpy(nodes)]
        place = np.searchsorted(nodes, self.ends[side, unseen]).clip(max=max(len(nodes) - 1, 0))
        is_there = nodes[place] == self.ends[side, unseen] if len(nodes) else np.zeros(len(unseen), np.bool_)
        where, rows = torch.from_numpy(place[is_there]), torch.from_numpy(unseen[is_there])
        counts.index_add_(0, where, -torch.ones(len(where)))
        sums.index_add_(0, where, -features[rows].float())
        means = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], 0.0)
        return torch.cat([means, torch.log1p(counts)[:, None]], dim=1)


class NeighbourSampler:
    """Samples of one graph.

    Args:
        tensors: the graph, on the CPU.
        kept: of an edge type, the rows that may be seen; all where it has no entry.
    """

    def __init__(self, tensors: GraphTensors, kept: Mapping[Triple, NDArray[np.bool_]]) -> None:
        self.tensors = tensors
        self.edges: dict[Triple, _EdgesOfEnds] = {}
        for triple, order in tensors.orders.items():
            ends = np.empty(order.edge_index.shape, dtype=np.int64)
            ends[:, order.rows.numpy()] = order.edge_index.numpy()
            seen = kept.get(triple, np.ones(ends.shape[1], dtype=np.bool_))
            self.edges[triple] = _EdgesOfEnds.of(ends, seen, order.num_nodes, tensors.edge_features[triple])

    def around(
        self,
        seeds: Mapping[str, IntArray],
        fanouts: tuple[int, ...],
        unseen: tuple[Triple, IntArray],
        rng: np.random.Generator,
    ) -> SampledGraph:
        """What is around some nodes, the seeds among its nodes.

        Args:
            seeds: positions of nodes by label.
            fanouts: of each round, most edges of each type and direction that a node of the round before brings.
            unseen: an edge type, and rows of it that may not be seen.
            rng: the source of randomness.
        """
        nodes = {label: distinct(seeds.get(label, np.zeros(0, np.int64))) for label in self.tensors.node_features}
        nearest, rows = {label: [own] for label, own in nodes.items()}, {t: np.zeros(0, np.int64) for t in self.edges}
        hidden = np.zeros(self.edges[unseen[0]].ends.shape[1], dtype=np.bool_)
        hidden[unseen[1]] = True
        for most in fanouts:
            reached: dict[str, list[IntArray]] = {label: [] for label in nodes}
            for triple, edges in self.edges.items():
                for side, label in ((0, triple[0]), (1, triple[2])):
                    found = edges.sample(side, nearest[label][-1], most, rng)
                    if triple == unseen[0]:
                        found = found[~hidden[found]]
                    rows[triple] = distinct(rows[triple], found)
                    reached[triple[2 - 2 * side]].append(edges.ends[1 - side, found])
            for label, parts in reached.items():
                there = nodes[label]
                nodes[label] = distinct(there, *parts)
                nearest[label].append(np.setdiff1d(nodes[label], there, assume_unique=True))
        return self._sampled(nearest, nodes, rows, unseen)

    def _sampled(
        self,
        nearest: Mapping[str, Sequence[IntArray]],
        nodes: Mapping[str, IntArray],
        rows: Mapping[Triple, IntArray],
        unseen: tuple[Triple, IntArray],
    ) -> SampledGraph:
        """A sample of these nodes of every label, ascending, and rows of edges.

        Args:
            nearest: the nodes once more: the seeds, then those that each round brought, ascending each.
            nodes: all of them, ascending.
            rows: of every edge type.
            unseen: an edge type, and rows of it that may not be seen.
        """
        ordered = {label: np.concatenate(parts) for label, parts in nearest.items()}
        place = {label: np.argsort(own) for label, own in ordered.items()}
        sizes = {label: np.array([len(part) for part in parts]) for label, parts in nearest.items()}
        away = {label: np.repeat(np.arange(len(own)), own) for label, own in sizes.items()}
        within = [
            {label: int(count) for label, count in zip(sizes, counts, strict=True)}
            for counts in zip(*(np.cumsum(own) for own in sizes.values()), strict=True)
        ]
        edges = []
        for triple, own in rows.items():
            hidden = unseen[1] if triple == unseen[0] else np.zeros(0, np.int64)
            whole, features = self.edges[triple], self.tensors.edge_features[triple]
            labels = (triple[0], triple[2])
            ends = [
                place[label][np.searchsorted(nodes[label], whole.ends[side, own])] for side, label in enumerate(labels)
            ]
            for side, direction in ((1, triple), (0, reverse_of(triple))):
                source, target, label = ends[1 - side], ends[side], labels[side]
                # what is read of a neighbour must be worked out: it may not be two edges farther from the seeds
                is_read = (target < within[-2][label]) & (away[labels[1 - side]][source] <= away[label][target] + 1)
                kept = np.flatnonzero(is_read)
                kept = kept[np.argsort(target[kept], kind="stable")]
                at = torch.from_numpy(np.stack([source[kept], target[kept]]))
                means = whole.means(side, nodes[label], hidden, features).to(features.dtype)
                means = means[torch.from_numpy(np.argsort(place[label]))]
                edges.append(SampledEdges(triple, direction, at, features[torch.from_numpy(own[kept])], means))
        node_features = {
            label: self.tensors.node_features[label][torch.from_numpy(own)] for label, own in ordered.items()
        }
        return SampledGraph(ordered, within, node_features, edges)
