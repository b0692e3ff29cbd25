"""Histories: what users did, in the columns of the event type; the one form that fitting, serving and folding in read.

They come from a graph's tensors (`InteractionGraph.histories`), from the events that a store holds of some users
(`read_histories`) or from records that the graph need not hold (`histories_of_records`), always with the same text
vectors: a record's texts are joined and encoded as ingest does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kindred.domain.embeddings import TextEncoder
from kindred.domain.ids import IdMap
from kindred.domain.interactions import IntArray, Interactions, ratings_of
from kindred.domain.properties import PropertyKind
from kindred.domain.records import Event
from kindred.domain.schema import to_table
from kindred.gnn.columns import Column, edge_columns
from kindred.graph.store import GraphStore
from kindred.linear.inputs.event_text import EventText
from kindred.recommenders.system import System

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

BEFORE_ALL = -(2**62)
"""The time of an event whose time is unknown: it counts as the oldest."""
UNKNOWN_ITEM = -1
"""Item position of an event whose item the model does not know; it counts with its text and time."""


@dataclass(frozen=True)
class Histories:
    """Events of some users, each user's in the order (`at`, `event_id`).

    Attributes:
        events: users counted from 0, items as positions of the model, `UNKNOWN_ITEM` for others.
        columns: attributes of the events as `edge_columns` makes them, `[num_events, …]` each.
        item_ids: the item of each event; empty where the histories are tensors of a graph, whose positions say it.
        skipped_ids: items of the users' skips, which are no events here.
    """

    events: Interactions
    columns: dict[str, Column]
    item_ids: Sequence[str] = ()
    skipped_ids: Sequence[str] = ()

    def text(self, system: System) -> EventText | None:
        """Of each event; None where none is known."""
        stored = self.columns.get(system.event_vector or "")
        return None if stored is None else EventText.of(stored.astype(np.float32, copy=False))

    @property
    def times(self) -> IntArray:
        """Seconds UTC of each event, `BEFORE_ALL` where unknown, `[num_events]`."""
        at = self.events.at
        return np.full(len(self.events), BEFORE_ALL, dtype=np.int64) if at is None else at

    def each_alone(self) -> Histories:
        """Every event as the history of a user of its own, in the same order."""
        num_events = len(self.events)
        alone = replace(self.events, user_index=np.arange(num_events), num_users=num_events)
        return Histories(alone, self.columns, self.item_ids)

    def as_users(self, rows: Sequence[IntArray]) -> Histories:
        """The events at each of these rows as the history of one user, in the order given."""
        chosen = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
        users = np.repeat(np.arange(len(rows)), [len(of_user) for of_user in rows])
        events = replace(self.events.take(chosen), user_index=users, num_users=len(rows))
        columns = {name: values[chosen] for name, values in self.columns.items()}
        return Histories(events, columns, [self.item_ids[row] for row in chosen] if self.item_ids else ())

    def keys(self, system: System) -> NDArray[np.uint64]:
        """A number for each user that changes when an event is added, taken away or rated anew, `[num_users]`."""
        rating = self.columns.get(system.rating or "", np.zeros(len(self.events), np.float32)).astype(np.float32)
        at = self.columns.get("at", np.zeros(len(self.events), np.int64)).astype(np.uint64)
        with np.errstate(over="ignore"):
            mixed = _mixed((self.events.item_index + 2).astype(np.uint64))
            mixed = _mixed(mixed ^ _mixed(at) ^ _mixed(rating.view(np.uint32).astype(np.uint64) << np.uint64(32)))
            keys = np.zeros(self.events.num_users, np.uint64)
            np.add.at(keys, self.events.user_index, mixed)
        return keys


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits spread over the whole word.

    Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (SplitMix64), 2014.
    """
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def event_columns(data: HeteroData, system: System) -> Iterator[tuple[str, Column]]:
    """Name and values of every attribute of the system's events."""
    for name, tensor in data[system.triple].items():
        if name != "edge_index":
            yield name, tensor.numpy()


def telling_properties(system: System) -> list[str]:
    """The properties that change what an event says of its user."""
    return [name for name in (system.rating, system.skipped_below and system.skipped_below[0]) if name]


def are_skipped(system: System, columns: Mapping[str, Column]) -> NDArray[np.bool_] | None:
    """Which events are skips, `[num_events]`; None where none is."""
    if system.skipped_below is None or system.skipped_below[0] not in columns:
        return None
    name, least = system.skipped_below
    known = columns.get(f"has_{name}", np.ones(len(columns[name]), dtype=np.bool_)).astype(np.bool_)
    skipped: NDArray[np.bool_] = known & (columns[name].astype(np.float32) < least)
    return skipped if skipped.any() else None


def read_histories(
    system: System, store: GraphStore, items: IdMap, user_ids: Sequence[str], until: int | None = None
) -> Histories:
    """What these users did, as the graph holds it; a user who is not there has an empty history.

    Args:
        system: whose events.
        store: the graph.
        items: positions of the items that the model knows.
        user_ids: the users, in the order of the histories.
        until: events up to this time only, seconds UTC.
    """
    return histories_of_tables(
        system, items, user_ids, [events_of_user(system, store, user_id, until) for user_id in user_ids]
    )


def events_of_user(system: System, store: GraphStore, user_id: str, until: int | None = None) -> pa.Table:
    """What a user did up to a time, with vectors and without texts."""
    columns = [prop.name for prop in system.edge.properties if prop.kind is not PropertyKind.TEXT]
    return store.edges_of(system.edge, user_id, columns, until)


def histories_of_tables(system: System, items: IdMap, user_ids: Sequence[str], tables: Sequence[pa.Table]) -> Histories:
    """The histories of these users from the events of each."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return no_histories(len(user_ids), len(items))
    return histories_of_table(system, items, IdMap(user_ids), pa.concat_tables(filled, promote_options="default"))


def histories_of_records(
    system: System, items: IdMap, events: Sequence[Event], encoder: Callable[[], TextEncoder] | None
) -> tuple[Histories, list[str]]:
    """The same of records, and whose they are, in order of appearance; without an encoder texts are left out.

    Args:
        system: whose events.
        items: positions of the items that the model knows.
        events: records of the system's event class.
        encoder: opens the text encoder of the graph; called where there is a text.
    """
    users = IdMap(dict.fromkeys(event.source_id for event in events))
    table = to_table(system.edge, events)
    if encoder is not None and system.event_vector and _has_text(system, table):
        from kindred.ingest.loading.load import with_embeddings

        table = with_embeddings(table, system.edge, encoder())
    return histories_of_table(system, items, users, table), list(users)


def no_histories(num_users: int, num_items: int) -> Histories:
    """So many users of whom nothing is known."""
    none = np.empty(0, dtype=np.int64)
    return Histories(Interactions(none, none, num_users, num_items), {})


def histories_of_table(system: System, items: IdMap, users: IdMap, table: pa.Table) -> Histories:
    """Histories from rows of the system's event table, on these axes."""
    order, columns = edge_columns(system.edge, table.combine_chunks().to_batches())
    item_ids, skipped_ids = table["target_id"].to_pylist(), []
    if (skipped := are_skipped(system, columns)) is not None:
        skipped_ids = [item_ids[row] for row in order[skipped]]
        order, columns = order[~skipped], {name: values[~skipped] for name, values in columns.items()}
    rating = columns.get(system.rating or "")
    known = columns.get(f"has_{system.rating}", np.ones(len(order), dtype=np.bool_)).astype(np.bool_)
    at = times_of(columns, len(order))
    events = Interactions(
        users.positions_of_column(table["source_id"])[order],
        items.positions_of_column(table["target_id"])[order],
        len(users),
        len(items),
        None if rating is None else ratings_of(rating.astype(np.float32), known),
        at if (at > BEFORE_ALL).any() else None,
    )
    return Histories(events, columns, [item_ids[row] for row in order], skipped_ids)


def _has_text(system: System, table: pa.Table) -> bool:
    vector = next(p for p in system.edge.properties if p.name == system.event_vector)
    return any(any(table[name].to_pylist()) for name in vector.encodes)


def times_of(columns: Mapping[str, Column], num_events: int) -> IntArray:
    """Seconds UTC of each event, `BEFORE_ALL` where unknown, `[num_events]`."""
    if "at" not in columns:
        return np.full(num_events, BEFORE_ALL, dtype=np.int64)
    known = columns.get("has_at", np.ones(num_events, dtype=np.bool_)).astype(np.bool_)
    return np.where(known, columns["at"].astype(np.int64), BEFORE_ALL)
