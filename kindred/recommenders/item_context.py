"""What a model knows of the nodes that items lead to, so that items which came later are described in the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray
from kindred.domain.schema import EdgeType, graph_schema
from kindred.graph.store import GraphStore
from kindred.linear.inputs.item_context import ContextMap, context_counts, fit_context
from kindred.recommenders.system import System, Triple

if TYPE_CHECKING:
    import pyarrow as pa
    import scipy.sparse as sp

    from kindred.recommenders.interaction_graph import InteractionGraph

LIKELY = "probability"
"""Property of edges: how likely one is that a model predicted; null where none did."""
FEW_ITEMS = 100
"""The edges of so many items are read one item at a time, which takes as long as reading those of a small catalogue."""


@dataclass(frozen=True)
class ItemContext:
    """The nodes of each context edge type in the order of the map, and the map.

    Attributes:
        nodes: ids of the nodes that the edges of each of a system's context triples lead to.
        map: from counts over all of them, one type after the other, to vectors.
    """

    nodes: tuple[IdMap, ...]
    map: ContextMap

    @classmethod
    def of(cls, graph: InteractionGraph, seed: int) -> ItemContext | None:
        """The context of a graph's items; None where what they lead to tells none from another."""
        counts = graph.item_context
        fitted = None if counts is None else fit_context(counts, seed)
        if fitted is None:
            return None
        return cls(tuple(graph.ids[triple[2]] for triple in graph.system.triples[1:]), fitted)

    def read(self, system: System, store: GraphStore, items: IdMap) -> FloatArray:
        """Vectors of items that the graph holds now, `[num_items, dim]`; nodes that are new say nothing.

        Args:
            system: whose items.
            store: the graph.
            items: ids of the items.
        """
        import scipy.sparse as sp

        parts = [_counts(store, *of, items) for of in zip(system.triples[1:], self.nodes, strict=True)]
        return self.map.vectors(sp.hstack(parts, format="csr"))

    def state(self) -> tuple[dict[str, NDArray[np.floating]], list[list[str]]]:
        """Plain arrays, and the ids of the nodes; `from_state` brings the same back."""
        arrays = {"context.rarity": self.map.rarity, "context.directions": self.map.directions}
        return arrays, [list(ids) for ids in self.nodes]

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], nodes: list[list[str]]) -> ItemContext:
        """The one whose `state` this is."""
        fitted = ContextMap(arrays["context.rarity"], arrays["context.directions"])
        return cls(tuple(IdMap(ids) for ids in nodes), fitted)


def _counts(store: GraphStore, triple: Triple, nodes: IdMap, items: IdMap) -> sp.csr_matrix:
    """How often each item leads to each known node by edges of one type."""
    import scipy.sparse as sp

    edge = graph_schema().edge(triple)
    counts = sp.csr_matrix((len(items), len(nodes)), dtype=np.float32)
    for batch in _edges(store, edge, context_columns(edge), items):
        rows = items.positions(batch.column("source_id").to_pylist())
        columns = nodes.positions(batch.column("target_id").to_pylist())
        known = (rows >= 0) & (columns >= 0)
        likely = likely_of(batch)
        likely = None if likely is None else likely[known]
        counts += context_counts(rows[known], columns[known], likely, counts.shape)
    return counts


def context_columns(edge: EdgeType) -> list[str]:
    """What is read of context edges: their ends, and how likely they are where a model may predict them."""
    return ["source_id", "target_id", *(p.name for p in edge.properties if p.name == LIKELY)]


def likely_of(batch: pa.RecordBatch | pa.Table) -> FloatArray | None:
    """How likely predicted context edges are, NaN for others, `[num_edges]`; None where no model predicts the type."""
    if LIKELY not in batch.schema.names:
        return None
    return np.array(batch.column(LIKELY).to_pylist(), dtype=np.float32)


def _edges(
    store: GraphStore, edge: EdgeType, columns: Sequence[str], items: IdMap
) -> Iterator[pa.RecordBatch | pa.Table]:
    """The edges that leave these items, where they are few; else all, those of other items among them."""
    if len(items) <= FEW_ITEMS:
        return (store.edges_of(edge, item, columns) for item in items)
    return store.read_edges(edge, columns)
