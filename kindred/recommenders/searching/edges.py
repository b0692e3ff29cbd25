"""The edges that leave users and queries: read one by one, or held whole for as long as the graph is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kindred.domain.groups import rows_until
from kindred.domain.ids import IdMap
from kindred.domain.interactions import IntArray
from kindred.domain.records import Bought, Event, LedTo, Searched
from kindred.domain.schema import edge_type_of
from kindred.graph.store import GraphStore
from kindred.graph.tables import edge_table

_HELD: tuple[type[Event], ...] = (Searched, Bought, LedTo)
_UNKNOWN = np.iinfo(np.int64).min  # a time: it is before any other


class Edges(Protocol):
    """Edges by where they begin, up to a time; those of unknown time always."""

    def targets(self, record: type[Event], source_id: str, until: int | None) -> list[tuple[int | None, str]]:
        """When each edge was, and where it leads."""

    def times(
        self, record: type[Event], source_id: str, target_ids: Collection[str], until: int | None
    ) -> Mapping[str, int]:
        """How many edges lead to each of these, of those that one leads to."""


@dataclass(frozen=True)
class EdgesOfGraph:
    """Reads them when they are asked for."""

    store: GraphStore

    def targets(self, record: type[Event], source_id: str, until: int | None) -> list[tuple[int | None, str]]:
        found = self.store.edges_of(edge_type_of(record), source_id, ["at", "target_id"], until)
        return list(zip(found["at"].to_pylist(), found["target_id"].to_pylist(), strict=True))

    def times(
        self, record: type[Event], source_id: str, target_ids: Collection[str], until: int | None
    ) -> Mapping[str, int]:
        counts = Counter(target for _, target in self.targets(record, source_id, until))
        return {target: counts[target] for target in target_ids if target in counts}


@dataclass(frozen=True)
class HeldEdges:
    """All of them, as the graph was in one state.

    Attributes:
        state: of the graph (`GraphStore.state`).
        edges: those of each type.
    """

    state: Hashable
    edges: Mapping[type[Event], _OfType]

    @staticmethod
    def read(store: GraphStore) -> HeldEdges:
        """What the graph holds now."""
        return HeldEdges(store.state, {record: _OfType.read(store, record) for record in _HELD})

    def targets(self, record: type[Event], source_id: str, until: int | None) -> list[tuple[int | None, str]]:
        of_type = self.edges[record]
        rows = of_type.rows(source_id, until)
        times, targets = of_type.at[rows].tolist(), of_type.target[rows].tolist()
        ids = of_type.targets
        return [(None if at == _UNKNOWN else at, ids.external(to)) for at, to in zip(times, targets, strict=True)]

    def times(
        self, record: type[Event], source_id: str, target_ids: Collection[str], until: int | None
    ) -> Mapping[str, int]:
        of_type = self.edges[record]
        own = of_type.target[of_type.rows(source_id, until)]
        positions = ((target, of_type.targets.position(target)) for target in target_ids)
        counts = {target: int(np.count_nonzero(own == to)) for target, to in positions if to is not None}
        return {target: count for target, count in counts.items() if count}


@dataclass(frozen=True)
class _OfType:
    """Edges of one type by source, each source's in the order of their times.

    Attributes:
        sources, targets: ids of the nodes that they join.
        starts: where those of each source begin, `[num_sources + 1]`.
        target: position of the node that each leads to, `[num_edges]`.
        at: seconds UTC, `_UNKNOWN` where it is, `[num_edges]`.
    """

    sources: IdMap
    targets: IdMap
    starts: IntArray
    target: NDArray[np.int32]
    at: IntArray

    @staticmethod
    def read(store: GraphStore, record: type[Event]) -> _OfType:
        table = edge_table(store, edge_type_of(record), ["source_id", "target_id", "at"], None)
        if table is None:
            nothing = np.zeros(0, np.int64)
            return _OfType(IdMap(()), IdMap(()), np.zeros(1, np.int64), nothing.astype(np.int32), nothing)
        ends = [table[name].combine_chunks().dictionary_encode() for name in ("source_id", "target_id")]
        source, target = (end.indices.to_numpy() for end in ends)
        at = table["at"].fill_null(_UNKNOWN).to_numpy()
        order = np.lexsort((at, source))
        ids = [IdMap(end.dictionary.to_pylist()) for end in ends]
        starts = np.searchsorted(source[order], np.arange(len(ids[0]) + 1))
        return _OfType(ids[0], ids[1], starts, target[order].astype(np.int32), at[order])

    def rows(self, source_id: str, until: int | None) -> slice:
        """Where the edges of a node up to a time are."""
        return rows_until(self.sources.position(source_id), self.starts, self.at, until)
