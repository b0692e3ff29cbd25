"""Edges of one relation as the message passing wants them: sorted by one end, grouped by either."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Grouping:
    """Edges grouped by one end: node n has the edges `order[offsets[n]:offsets[n + 1]]`.

    Attributes:
        order: rows of edges, None where they already lie in the order of the nodes, `[num_edges]`.
        offsets: `[num_nodes + 1]`.
    """

    order: Tensor | None
    offsets: Tensor

    @property
    def counts(self) -> Tensor:
        """Edges of each node, `[num_nodes]`."""
        return self.offsets.diff()


@dataclass(frozen=True)
class Adjacency:
    """Edges of one relation, from `source` to `target` positions, both `[num_edges]`."""

    source: Tensor
    target: Tensor
    by_source: Grouping
    by_target: Grouping

    @property
    def num_edges(self) -> int:
        return len(self.source)

    def reversed(self) -> Adjacency:
        """The same edges, in the same order, walked the other way."""
        return Adjacency(self.target, self.source, self.by_target, self.by_source)


@dataclass(frozen=True)
class EdgeOrder:
    """The sorted orders of all edges of a relation, found once: any part is taken from them in linear time.

    The edges lie sorted by the end that has more nodes: what is read at random is then the smaller table, which fits
    the cache sooner.

    Attributes:
        rows: row in the edge table of the edge at each place, `[num_edges]`.
        positions_by_other: positions sorted by the end they are not sorted by, `[num_edges]`.
        edge_index: source and target at each place, `[2, num_edges]`.
        num_nodes: sources and targets.
    """

    rows: Tensor
    positions_by_other: Tensor
    edge_index: Tensor
    num_nodes: tuple[int, int]

    @classmethod
    def of(cls, edge_index: Tensor, num_sources: int, num_targets: int) -> EdgeOrder:
        """The orders of these edges; edges of equal ends keep the order of the table."""
        first = 0 if num_sources > num_targets else 1
        rows = torch.argsort(edge_index[first], stable=True)
        ordered = edge_index[:, rows]
        return cls(rows, torch.argsort(ordered[1 - first], stable=True), ordered, (num_sources, num_targets))

    def select(self, kept: Tensor | None = None) -> tuple[Adjacency, Tensor]:
        """The edges whose rows are `kept` (all where None), and these rows of the edge table, `[num_kept]`."""
        rows, other, (source, target) = self.rows, self.positions_by_other, self.edge_index
        if kept is not None:
            at_place = kept[rows]
            new_place = torch.cumsum(at_place, 0) - 1
            rows, (source, target) = rows[at_place], self.edge_index[:, at_place]
            other = new_place[other[at_place[other]]]
        num_sources, num_targets = self.num_nodes
        by_source = num_sources > num_targets
        grouped_by_source = Grouping(None if by_source else other, offsets_of(source, num_sources))
        grouped_by_target = Grouping(other if by_source else None, offsets_of(target, num_targets))
        return Adjacency(source, target, grouped_by_source, grouped_by_target), rows


def offsets_of(positions: Tensor, num_nodes: int) -> Tensor:
    """Where the edges of each node begin when they lie in the order of the nodes, `[num_nodes + 1]`."""
    offsets = torch.zeros(num_nodes + 1, dtype=torch.int64, device=positions.device)
    torch.cumsum(torch.bincount(positions, minlength=num_nodes), 0, out=offsets[1:])
    return offsets
