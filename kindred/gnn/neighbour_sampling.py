"""A part of a graph that is enough to encode some of its nodes: a few edges of each, a few of those at their ends.

So a step of training costs what its batch costs, however large the graph is. Hamilton, Ying and Leskovec, "Inductive
Representation Learning on Large Graphs" (GraphSAGE), 2017, arXiv 1706.02216.

Only attention sees a sample. Mean features and the number of a node's edges, from which its first state is made, are
those of the whole graph but for the edges that the step must not see, so a node starts as it does when all edges are
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindred.domain.distinct import distinct
from kindred.domain.groups import spans
from kindred.domain.interactions import IntArray
from kindred.gnn.adjacency import EdgeOrder
from kindred.gnn.encoder import Relation
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.trained import GraphTensors

_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class SampledGraph:
    """Some nodes and edges, with what the encoder reads of them.

    Attributes:
        nodes: positions in the whole graph, ascending, of every label, `[num_nodes]`.
        node_features: `[num_nodes, node_dim]` of every label.
        relations: the edges, between positions in `nodes`.
    """

    nodes: dict[str, IntArray]
    node_features: dict[str, Tensor]
    relations: list[Relation]


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
        nodes = {label: np.zeros(0, np.int64) for label in self.tensors.node_features}
        nodes |= {label: distinct(positions) for label, positions in seeds.items()}
        frontier, rows = dict(nodes), {triple: np.zeros(0, np.int64) for triple in self.edges}
        hidden = np.zeros(self.edges[unseen[0]].ends.shape[1], dtype=np.bool_)
        hidden[unseen[1]] = True
        for most in fanouts:
            reached: dict[str, list[IntArray]] = {label: [] for label in nodes}
            for triple, edges in self.edges.items():
                for side, label in ((0, triple[0]), (1, triple[2])):
                    found = edges.sample(side, frontier[label], most, rng)
                    if triple == unseen[0]:
                        found = found[~hidden[found]]
                    rows[triple] = distinct(rows[triple], found)
                    reached[triple[2 - 2 * side]].append(edges.ends[1 - side, found])
            for label, parts in reached.items():
                there = nodes[label]
                nodes[label] = distinct(there, *parts)
                frontier[label] = np.setdiff1d(nodes[label], there, assume_unique=True)
        features = {
            label: self.tensors.node_features[label][torch.from_numpy(positions)] for label, positions in nodes.items()
        }
        relations = [self._relation(triple, rows[triple], nodes, unseen) for triple in self.edges]
        return SampledGraph(nodes, features, relations)

    def _relation(
        self, triple: Triple, rows: IntArray, nodes: Mapping[str, IntArray], unseen: tuple[Triple, IntArray]
    ) -> Relation:
        edges, features = self.edges[triple], self.tensors.edge_features[triple]
        sides = (nodes[triple[0]], nodes[triple[2]])
        local = np.stack([np.searchsorted(own, edges.ends[side, rows]) for side, own in enumerate(sides)])
        order = EdgeOrder.of(torch.from_numpy(local), len(sides[0]), len(sides[1]))
        adjacency, chosen = order.select()
        hidden = unseen[1] if triple == unseen[0] else np.zeros(0, np.int64)
        means = tuple(edges.means(side, own, hidden, features).to(features.dtype) for side, own in enumerate(sides))
        return Relation(triple, adjacency, features[torch.from_numpy(rows)[chosen]], (means[0], means[1]))
