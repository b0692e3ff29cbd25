"""Items that came after training: placed by their texts, what they lead to and first events, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kindred.domain.embeddings import Vectors
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray
from kindred.graph.store import GraphStore
from kindred.linear.cold_items.rows import EVENT_COUNTS, FirstEvents
from kindred.recommenders.histories import Histories, read_histories
from kindred.recommenders.model import Model
from kindred.recommenders.system import System

MOST_EVENTS = max(EVENT_COUNTS)
"""So many first events of an item are looked at: what an item is placed by must not grow with its success."""


@dataclass(frozen=True)
class NewItems:
    """Items that the model does not know, and their rows.

    Attributes:
        ids: of the items, sorted.
        rows: `[num_new, width]`.
    """

    ids: tuple[str, ...]
    rows: Vectors


@dataclass(frozen=True)
class Choosers:
    """Who chose each of the new items first.

    Attributes:
        new: ids of the new items by position.
        items: position of the item of each event, `[num_events]`.
        user_ids: who chose it.
    """

    new: IdMap
    items: IntArray
    user_ids: Sequence[str]


def read_new_items(
    system: System, store: GraphStore, model: Model, events: Histories, users: IdMap, until: int | None
) -> NewItems:
    """The items of the graph that came after training and can be placed: they have events, a text or a context.

    Args:
        system: whose items.
        store: the graph.
        model: it knows the others.
        events: every event, oldest first, without texts.
        users: their user axis.
        until: events up to this time only count, seconds UTC.
    """
    none = NewItems((), np.zeros((0, model.ranking.items.shape[1]), dtype=np.float32))
    if model.ranking.cold_items is None:
        return none
    own_text, any_text = _own_texts(system, store, model)
    new = IdMap.sorted(own_text)
    if not len(new):
        return none
    choosers = _first_choosers(events, users, new)
    context = None if model.context is None else model.context.read(system, store, new)
    dim = len(model.ranking.cold_items.text_mean) - (0 if context is None else context.shape[1])
    text = np.stack([own if (own := own_text[item]) is not None else np.zeros(dim, np.float32) for item in new])
    first, event_text = _first_events(system, store, model, choosers, until)
    if not any_text and event_text is not None:
        text = event_text
    told = text if context is None else np.hstack([text, context])
    placed = np.flatnonzero((told != 0).any(axis=1) | (first.counts > 0))
    rows = model.ranking.encode_cold_items(told[placed], FirstEvents(first.rows[placed], first.counts[placed]))
    return NewItems(tuple(new.external(int(position)) for position in placed), rows)


def _own_texts(system: System, store: GraphStore, model: Model) -> tuple[Mapping[str, FloatArray | None], bool]:
    """Vector of each new item's own texts, None where it has none; and whether any item of the graph has one.

    A missing text counts as a vector of zeros, as in training (`InteractionGraph.item_text`).
    """
    found: dict[str, FloatArray | None] = {}
    any_text = False
    vectors = system.item_vectors if model.reads_text else ()
    for batch in store.read_nodes(system.item, ["id", *vectors]):
        columns = [batch.column(name) for name in vectors if name in batch.schema.names]
        any_text = any_text or any(column.null_count < len(column) for column in columns)
        for row, item in enumerate(batch.column("id").to_pylist()):
            if item not in model.items:
                cells = [np.array(c[row].as_py(), dtype=np.float32) for c in columns if c[row].is_valid]
                found[item] = np.sum(cells, axis=0) / len(columns) if any(cell.any() for cell in cells) else None
    return found, any_text


def _first_choosers(events: Histories, users: IdMap, new: IdMap) -> Choosers:
    """The first users of each new item, each once, oldest first."""
    rows = np.flatnonzero(events.events.item_index < 0)
    found: dict[int, dict[int, None]] = {}
    for row in rows:
        position = new.position(events.item_ids[int(row)])
        if position is not None:
            of_item = found.setdefault(position, {})
            if len(of_item) < MOST_EVENTS:
                of_item[int(events.events.user_index[row])] = None
    pairs = [(item, user) for item, of_item in found.items() for user in of_item]
    return Choosers(new, np.array([item for item, _ in pairs], np.int64), [users.external(user) for _, user in pairs])


def _first_events(
    system: System, store: GraphStore, model: Model, choosers: Choosers, until: int | None
) -> tuple[FirstEvents, FloatArray | None]:
    """The sum of the rows of each new item's choosers, from what else they did, and the mean text of their events.

    Args:
        system: whose items.
        store: the graph.
        model: encodes the choosers.
        choosers: who chose which of the new items.
        until: events up to this time count, seconds UTC.
    """
    new = choosers.new
    counts = np.bincount(choosers.items, minlength=len(new))
    rows = np.zeros((len(new), model.ranking.items.shape[1]), dtype=np.float32)
    if not len(choosers.items):
        return FirstEvents(rows, counts), None
    users = IdMap.sorted(choosers.user_ids)
    told = read_histories(system, store, model.items, users.ids, until)
    of_user = [np.flatnonzero(told.events.user_index == user) for user in range(len(users))]
    chosen = np.array([new.position(item) if item in new else -1 for item in told.item_ids], np.int64)
    own = [of_user[user] for user in users.positions(choosers.user_ids)]
    others = [history[chosen[history] != item] for history, item in zip(own, choosers.items, strict=True)]
    np.add.at(rows, choosers.items, model.encode(told.as_users(others)))
    text = told.text(system) if model.reads_text else None
    if text is None:
        return FirstEvents(rows, counts), None
    this = [history[chosen[history] == item] for history, item in zip(own, choosers.items, strict=True)]
    items = np.repeat(choosers.items, [len(history) for history in this])
    return FirstEvents(rows, counts), text.take(np.concatenate(this)).means(items, len(new))
