"""Edges of one relation as the message passing wants them: sorted by target once, grouped by either end."""

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
    """The sorted orders of all edges of a relation, found once, from which any part of the edges is cut in linear time.

    Attributes:
        rows: row in the edge table of the edge at each place; the places are sorted by target, `[num_edges]`.
        places_by_source: places sorted by source, `[num_edges]`.
        edge_index: source and target at each place, `[2, num_edges]`.
    """

    rows: Tensor
    places_by_source: Tensor
    edge_index: Tensor
    num_sources: int
    num_targets: int

    @classmethod
    def of(cls, edge_index: Tensor, num_sources: int, num_targets: int) -> EdgeOrder:
        """The orders of these edges; edges of equal ends keep the order of the table."""
        rows = torch.argsort(edge_index[1], stable=True)
        ordered = edge_index[:, rows]
        return cls(rows, torch.argsort(ordered[0], stable=True), ordered, num_sources, num_targets)

    def select(self, kept: Tensor | None = None) -> tuple[Adjacency, Tensor]:
        """The edges of the rows where `kept` is true (all where None), and their rows in the edge table,
        `[num_kept]`.
        """
        if kept is None:
            rows, by_source, (source, target) = self.rows, self.places_by_source, self.edge_index
        else:
            at_place = kept[self.rows]
            rows, (source, target) = self.rows[at_place], self.edge_index[:, at_place]
            new_place = torch.cumsum(at_place, 0) - 1
            by_source = new_place[self.places_by_source[at_place[self.places_by_source]]]
        adjacency = Adjacency(
            source,
            target,
            Grouping(by_source, _offsets(source, self.num_sources)),
            Grouping(None, _offsets(target, self.num_targets)),
        )
        return adjacency, rows


def _offsets(positions: Tensor, num_nodes: int) -> Tensor:
    offsets = torch.zeros(num_nodes + 1, dtype=torch.int64, device=positions.device)
    torch.cumsum(torch.bincount(positions, minlength=num_nodes), 0, out=offsets[1:])
    return offsets
