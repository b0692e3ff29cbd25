"""The past as the graph held it when it was read: every user's events as a few arrays, without texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kindred.domain.groups import rows_until
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.domain.schema import graph_schema
from kindred.gnn.columns import Column, edge_columns
from kindred.graph.store import GraphStore
from kindred.graph.tables import ids_of_nodes, numbers_of_nodes
from kindred.recommenders.evidence import Lists, are_told
from kindred.recommenders.histories import BEFORE_ALL, Histories, are_skipped, telling_properties, times_of
from kindred.recommenders.item_context import context_columns, likely_of
from kindred.recommenders.publishing import read_titles
from kindred.recommenders.system import System, Triple


@dataclass(frozen=True)
class LightEvent:
    """An event without its texts.

    Attributes:
        at: seconds UTC, None where unknown.
        rating: None where it has none.
    """

    event_id: str
    item_id: str
    at: int | None
    rating: float | None


@dataclass(frozen=True)
class Past:
    """What a graph held of one system.

    Attributes:
        users: user ids by position.
        items: item ids by position, those without events too.
        starts: where each user's events begin, `[num_users + 1]`; they stand in the order (`at`, `event_id`).
        item_index: item of each event, `[num_events]`.
        at: seconds UTC of each event, `BEFORE_ALL` where unknown, `[num_events]`.
        rating: of each event, NaN where it has none, `[num_events]`.
        event_ids: `[num_events]`.
        skipped: which events are skips, `[num_events]`; None where none is.
        titles: item → title, of those that have one.
        numbers: property of items that is a number, or true or false → item → value.
        context: edge type → of each item the nodes that its edges lead to, and the ids of such nodes.
    """

    users: IdMap
    items: IdMap
    starts: IntArray
    item_index: NDArray[np.int32]
    at: IntArray
    rating: FloatArray
    event_ids: pa.Array
    skipped: NDArray[np.bool_] | None
    titles: dict[str, str]
    numbers: dict[str, dict[str, float]]
    context: dict[Triple, tuple[Lists, IdMap]]

    def rows(self, user_id: str, until: int | None = None, after: int | None = None) -> slice:
        """Where a user's events up to a time are, those that came after another."""
        found = rows_until(self.users.position(user_id), self.starts, self.at, until)
        return found if after is None else slice(self.rows(user_id, after).stop, found.stop)

    def active_users(self) -> list[str]:
        """The users that have events."""
        return [self.users.external(int(position)) for position in np.flatnonzero(np.diff(self.starts))]

    def item_ids(self, rows: slice) -> list[str]:
        """The item of each of these events."""
        ids, found = self.items.ids, self.item_index[rows]
        if self.skipped is not None:
            found = found[~self.skipped[rows]]
        return [ids[item] for item in found.tolist()]

    def times(self, rows: slice) -> IntArray:
        """The time of each of these events but the skips, `BEFORE_ALL` where unknown, `[num_events]`."""
        return self.at[rows] if self.skipped is None else self.at[rows][~self.skipped[rows]]

    def skipped_ids(self, rows: slice) -> list[str]:
        """The item of each of these events that is a skip."""
        if self.skipped is None:
            return []
        return [self.items.external(item) for item in self.item_index[rows][self.skipped[rows]].tolist()]

    def events(self, rows: slice) -> list[LightEvent]:
        """These events without the skips."""
        own = np.arange(rows.start, rows.stop)
        if self.skipped is not None:
            own = own[~self.skipped[rows]]
        times, ratings = self.at[own].tolist(), self.rating[own].tolist()
        named = zip(self.event_ids.take(own).to_pylist(), self.item_ids(rows), times, ratings, strict=True)
        return [
            LightEvent(event_id, item, None if at == BEFORE_ALL else at, None if rating != rating else rating)
            for event_id, item, at, rating in named
        ]

    def counts(self, until: int | None, after: int | None = None) -> dict[str, int]:
        """Events of each item up to a time, of those that came after another; skips are none."""
        counted = np.ones(len(self.at), dtype=np.bool_) if self.skipped is None else ~self.skipped
        if after is not None:
            counted &= self.at > after
        if until is not None:
            counted &= self.at <= until
        counts = np.bincount(self.item_index[counted], minlength=len(self.items))
        there, ids = np.flatnonzero(counts), self.items.ids
        return dict(zip([ids[item] for item in there.tolist()], counts[there].tolist(), strict=True))

    def user_with(self, event_id: str) -> str | None:
        """Whose event has this id, skips too; None where there is no such event."""
        hashed = hash(event_id)
        found = int(np.searchsorted(self._hashes, hashed))
        if found == len(self._hashes) or self._hashes[found] != hashed:
            return None
        row = pc.index(self.event_ids, event_id).as_py()
        return None if row < 0 else self.users.external(int(np.searchsorted(self.starts, row, side="right")) - 1)

    def prepare(self) -> None:
        """Makes what the first look for an event's id needs: of a million ids it takes a third of a second."""
        len(self._hashes)

    @cached_property
    def _hashes(self) -> IntArray:
        """Of the ids of all events, ascending: nearly every id that is asked about is new, and a look tells."""
        return np.sort(np.fromiter(map(hash, self.event_ids.to_pylist()), np.int64, len(self.event_ids)))

    @cached_property
    def by_item(self) -> Lists:
        """The users of each item."""
        users = np.repeat(np.arange(len(self.users)), np.diff(self.starts))
        return Lists.group(self.item_index.astype(np.int64), users, len(self.items))

    def light_histories(self, system: System, items: IdMap) -> Histories:
        """Every user's history without texts, on these item positions, for its keys."""
        positions = items.positions(self.items.ids) if len(self.items) else np.empty(0, np.int64)
        users = np.repeat(np.arange(len(self.users)), np.diff(self.starts))
        events = slice(None) if self.skipped is None else np.flatnonzero(~self.skipped)
        of_items = positions[self.item_index[events]]
        index = Interactions(users[events], of_items, len(self.users), len(items))
        return Histories(index, light_columns(system, self.at[events], self.rating[events]))


def light_columns(system: System, at: IntArray, rating: FloatArray) -> dict[str, Column]:
    """Columns of events as a history has them, from times and ratings."""
    columns: dict[str, Column] = {"at": np.where(at == BEFORE_ALL, 0, at), "has_at": at != BEFORE_ALL}
    if system.rating is not None:
        columns[system.rating] = np.nan_to_num(rating).astype(np.float32)
        columns[f"has_{system.rating}"] = ~np.isnan(rating)
    return columns


def read_past(system: System, store: GraphStore) -> Past:
    """The past of a system, as the graph holds it now."""
    users, items = ids_of_nodes(store, system.user), ids_of_nodes(store, system.item)
    names = ["source_id", "target_id", "event_id", "at", *telling_properties(system)]
    batches = [batch for batch in _events(system, store, names) if len(batch)]
    order, columns = edge_columns(system.edge, batches)
    num_events = len(order)
    keys = {name: pa.chunked_array([b.column(name) for b in batches], pa.string()) for name in names[:3]}
    user_index = users.positions_of_column(keys["source_id"])[order]
    by_user = np.argsort(user_index, kind="stable")
    item_index = items.positions_of_column(keys["target_id"])[order][by_user].astype(np.int32)
    counts = np.bincount(user_index, minlength=len(users))
    skipped = are_skipped(system, columns)
    at, rating = times_of(columns, num_events), _ratings(columns, system, num_events)
    return Past(
        users,
        items,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        item_index,
        at[by_user],
        rating[by_user],
        keys["event_id"].take(pa.array(order[by_user])).combine_chunks(),
        None if skipped is None else skipped[by_user],
        read_titles(system, store),
        numbers_of_nodes(store, system.item, system.numbers),
        {triple: _context(store, triple, items) for triple in system.triples[1:]},
    )


def _events(system: System, store: GraphStore, names: list[str]) -> Iterator[pa.RecordBatch]:
    """The events of a system with these properties, those left out that a run predicted."""
    if system.predicted is None:
        yield from store.read_edges(system.edge, names)
        return
    for batch in store.read_edges(system.edge, [*names, system.predicted]):
        yield batch.filter(pc.is_null(batch.column(system.predicted))).select(names)


def _ratings(columns: dict[str, Column], system: System, num_events: int) -> FloatArray:
    if system.rating is None or system.rating not in columns:
        return np.full(num_events, np.nan, np.float32)
    known = columns.get(f"has_{system.rating}", np.ones(num_events, np.bool_)).astype(np.bool_)
    return np.where(known, columns[system.rating].astype(np.float32), np.float32(np.nan))


def _context(store: GraphStore, triple: Triple, items: IdMap) -> tuple[Lists, IdMap]:
    edge = graph_schema().edge(triple)
    pairs: list[tuple[str, str]] = []
    for batch in store.read_edges(edge, context_columns(edge)):
        batch = batch.filter(pa.array(are_told(likely_of(batch), len(batch))))
        pairs += zip(batch.column("source_id").to_pylist(), batch.column("target_id").to_pylist(), strict=True)
    nodes = IdMap.sorted(node for _, node in pairs)
    sources, targets = items.positions([item for item, _ in pairs]), nodes.positions([node for _, node in pairs])
    return Lists.group(sources, targets, len(items)), nodes


def times_of_events(events: Sequence[LightEvent]) -> IntArray:
    """Seconds UTC of each event, `BEFORE_ALL` where unknown, `[num_events]`."""
    return np.array([BEFORE_ALL if event.at is None else event.at for event in events], np.int64)
