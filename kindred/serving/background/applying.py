"""Brings what the journal holds into the graph and the published vectors, in its order, by one process at a time.

The graph comes first: what it holds is encoded from it, by the functions that `publish` uses, so a row that was
upserted is the one that the next version would hold. Everything here can be done twice: a kill costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import groupby

import numpy as np
import pyarrow as pa

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import KindredError
from kindred.domain.ids import IdMap
from kindred.domain.records import Edge, Node
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.graph.store import GraphStore
from kindred.ingest.loading.load import check_encoder, note_encoder, with_embeddings
from kindred.ingest.loading.merging import merge_rows
from kindred.ingest.loading.staging import SOURCE_COLUMN
from kindred.recommenders.answering.recommender import Recommender
from kindred.recommenders.histories import read_histories
from kindred.recommenders.publishing import place_new_items
from kindred.recommenders.releases import ITEMS, USERS
from kindred.recommenders.systems import SystemModule
from kindred.serving.answering.ladder import FAILURES
from kindred.serving.answering.opened_system import OpenedSystem
from kindred.serving.service import Service
from kindred.serving.writes.journal import Entry, OneProcess
from kindred.serving.writes.written import APPLIED, DELETE, EVENT, NODE, applied_value, event_in, nodes_in

BATCH = 500
"""Writes that go into the graph at once."""
SECONDS = 0.25
"""Between looks for new writes, at the least."""
_WRITING_SHARE = 0.1
"""Share of the time that goes into batches which are not full: the next answer knows of a write before the graph."""
_MOST_SECONDS = 5.0
"""So long a write waits for its batch at the most."""
COMPACT_BYTES = 64 << 20
"""A journal of this size is written anew without what was applied."""
FORGET_SECONDS = 30.0
"""So long a deletion stays in the journal after it was applied, for other processes to see."""
_PLACING_SHARE = 0.1
"""Share of the time that may go into placing new items again because of events."""
_LOG = logging.getLogger("kindred.serving")


async def apply_writes(service: Service) -> None:
    """Follows the journal until the service ends; the one process that holds the lock applies what is in it."""
    lock = OneProcess(service.live.folder / "applies.lock")
    applier, may_apply_at = Applier(service), 0.0
    try:
        while True:
            await asyncio.sleep(SECONDS)
            try:
                service.live.follow()
                is_full = len(service.live.pending) >= BATCH
                if lock.is_mine() and (is_full or time.monotonic() >= may_apply_at):
                    began = time.monotonic()
                    batch = sorted(service.live.pending.values(), key=_seq)[:BATCH]
                    with service.spans.stage("apply") if batch else nullcontext():
                        await asyncio.to_thread(applier.apply, batch)
                    service.live.follow()
                    took = time.monotonic() - began
                    may_apply_at = began + min(took / _WRITING_SHARE, _MOST_SECONDS)
                service.writes_problem = None
            except (KindredError, *FAILURES) as error:
                if str(error) != service.writes_problem:
                    _LOG.warning("writes wait in the journal: %s", error)
                service.writes_problem = str(error)
                await asyncio.sleep(4 * SECONDS)
    finally:
        lock.release()


class Applier:
    """Applies batches of the journal. Used by one thread at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._may_place_at = 0.0
        self._to_place: set[str] = set()
        self._to_clear: set[str] = set()
        self._put_again: dict[str, set[str]] = {}

    def apply(self, batch: Sequence[Entry]) -> None:
        """Brings a batch, oldest first, into the graph and the vectors, and notes that in the journal.

        Raises:
            StoreError: a store can't be opened or written; the batch is applied again.
        """
        if batch:
            with self._service.graph.write() as store:
                for deletes, entries in groupby(batch, lambda entry: bool(entry.value["kind"] == DELETE)):
                    (self._delete if deletes else self._upsert)(store, list(entries))
                systems = dict(self._service.systems)
                for name, opened in systems.items():
                    told = [e for e in batch if e.value["kind"] == EVENT and e.value["system"] == name]
                    self._encode_users(opened, store, told)
            versions = {name: opened.version for name, opened in systems.items()}
            self._note_new_items(batch)
            self._service.live.journal.append([applied_value(batch[-1].seq, versions)])
        if self._to_place and time.monotonic() >= self._may_place_at:
            self._place_items()
        self._compact()

    def _upsert(self, store: GraphStore, entries: Sequence[Entry]) -> None:
        nodes: dict[type[Node], dict[str, Node]] = {}
        edges: dict[type[Edge], list[Edge]] = {}
        for entry in entries:
            for record in self._records(entry):
                if isinstance(record, Node):
                    before = nodes.setdefault(type(record), {}).get(record.id)
                    nodes[type(record)][record.id] = record if before is None else _merged(before, record)
                else:
                    edges.setdefault(type(record), []).append(record)
        encoder = self._service.encoder
        check_encoder(store, encoder)
        note_encoder(store, encoder)
        for kind, of_kind in nodes.items():
            node = graph_schema().node(kind.label)
            store.upsert_nodes(node, with_embeddings(to_table(node, list(of_kind.values())), node, encoder))
        for edge_kind, told in edges.items():
            edge = edge_type_of(edge_kind)
            rows = to_table(edge, told).append_column(SOURCE_COLUMN, pa.nulls(len(told), pa.int16()))
            store.upsert_edges(edge, with_embeddings(merge_rows(rows, edge, "event_id"), edge, encoder))

    def _records(self, entry: Entry) -> list[Node | Edge]:
        opened = self._service.systems.get(entry.value["system"])
        if opened is None:  # nothing of it is published any more
            return []
        system = opened.module.system
        if entry.value["kind"] == NODE:
            return nodes_in(system, entry.value)
        event = event_in(system, entry.value)
        return [system.target.source(id=event.source_id), system.target.target(id=event.target_id), event]

    def _delete(self, store: GraphStore, entries: Sequence[Entry]) -> None:
        """Out of the graph and out of every version that is there."""
        for entry in entries:
            label, node_id = entry.value["label"], entry.value["id"]
            store.delete_nodes(graph_schema().node(label), [node_id])
            for name, opened in list(self._service.systems.items()):
                vectors, collection = self._service.vectors.of(name), _collection_of(opened.module, label)
                for version in vectors.versions() if collection else ():
                    vectors.remove(version, str(collection), [node_id])

    def _encode_users(self, opened: OpenedSystem, store: GraphStore, entries: Sequence[Entry]) -> None:
        """New rows of the users who did something: those that answers had need of, and those of the others."""
        recommender, system = opened.recommender, opened.module.system
        if not entries or not isinstance(recommender, Recommender):
            return
        version = recommender.version()
        wrote = sorted({entry.value["record"]["source_id"] for entry in entries})
        rows = {user: row for user in wrote if (row := recommender.row_of(user)) is not None}
        users = IdMap(user for user in wrote if user not in rows)
        histories = read_histories(system, store, version.model.items, users.ids, None)
        there = np.unique(histories.events.user_index)  # not those who were deleted since
        encoded = version.model.encode(histories) if len(there) else ()
        rows |= {users.external(int(user)): encoded[user] for user in there}
        if rows:
            embeddings = Embeddings(IdMap(rows), np.stack(list(rows.values())))
            self._service.vectors.of(opened.name).upsert(version.name, USERS, embeddings)

    def _note_new_items(self, batch: Sequence[Entry]) -> None:
        """Systems whose new items must be placed, at once where one was put, else in their turn."""
        for entry in batch:
            value = entry.value
            if value["kind"] == DELETE:
                self._note_deleted(value["label"])
                continue
            opened = self._service.systems.get(value["system"])
            if opened is None or not isinstance(opened.recommender, Recommender):
                continue
            if value["kind"] == NODE and value["label"] == opened.module.system.item_label:
                self._to_place.add(opened.name)
                self._may_place_at = 0.0
                if _knows(opened.recommender, value["said"]["id"]):
                    self._put_again.setdefault(opened.name, set()).add(value["said"]["id"])
            elif value["kind"] == EVENT and not _knows(opened.recommender, value["record"]["target_id"]):
                self._to_place.add(opened.name)

    def _note_deleted(self, label: str) -> None:
        """The same where somebody is gone who may have chosen some: these are placed without them."""
        for name, opened in list(self._service.systems.items()):
            if isinstance(opened.recommender, Recommender) and label == opened.module.system.user_label:
                self._to_place.add(name)
                self._to_clear.add(name)

    def _place_items(self) -> None:
        """Rows of every item that the model does not know; one of which nothing is known any more has none."""
        began = time.monotonic()
        for name in list(self._to_place):
            opened = self._service.systems[name]
            assert isinstance(opened.recommender, Recommender)
            version = opened.recommender.version()
            with self._service.graph.read() as store:
                new = place_new_items(opened.module.system, store, version.model)
            opened.memory.reload()
            if len(new.ids):
                titles = opened.memory.titles(new.ids)
                payloads = [{"title": titles.get(item, "")} for item in new.ids]
                rows = Embeddings(IdMap(new.ids), new.rows)
                self._service.vectors.of(name).upsert(version.name, ITEMS, rows, payloads)
            if name in self._to_clear:
                placed = {*version.model.items.ids, *new.ids}
                unplaced = [item for item in opened.memory.past.items.ids if item not in placed]
                self._service.vectors.of(name).remove(version.name, ITEMS, unplaced)
            self._place_again(opened, opened.recommender)
            self._to_place.discard(name)
            self._to_clear.discard(name)
        self._may_place_at = time.monotonic() + (time.monotonic() - began) / _PLACING_SHARE

    def _place_again(self, opened: OpenedSystem, recommender: Recommender) -> None:
        """Rows of items that the model knows, which were deleted and put again, as the next `publish` has them."""
        put, version = sorted(self._put_again.pop(opened.name, ())), recommender.version()
        vectors = self._service.vectors.of(opened.name)
        there = vectors.fetch(version.name, ITEMS, put).ids if put else ()
        back = IdMap(item for item in put if item not in there and opened.memory.knows_item(item))
        if len(back):
            titles = opened.memory.titles(back.ids)
            rows = version.model.ranking.items[version.model.items.known_positions(back.ids)]
            vectors.upsert(version.name, ITEMS, Embeddings(back, rows), [{"title": titles.get(i, "")} for i in back])

    def _compact(self) -> None:
        """Takes out of the journal what no longer may be in it, and what it need not hold."""
        live, through = self._service.live, self._service.live.applied
        before = time.time() - FORGET_SECONDS
        gone = {about for about, entry in live.deletions.items() if entry.seq <= through and entry.time < before}
        too_big = live.journal.num_bytes > COMPACT_BYTES
        if not gone and not too_big:
            return
        for opened in list(self._service.systems.values()):
            opened.memory.reload()
        live.journal.keep_only(lambda e: e.seq > through or not (too_big or _is_about(e, gone)))
        for about in gone:
            live.deletions.pop(about, None)


def _collection_of(module: SystemModule, label: str) -> str | None:
    """The collection of a version with the rows of nodes of a label; None where these have no rows."""
    if label == module.system.user_label:
        return ITEMS if module.finds_users else USERS
    return ITEMS if label == module.system.item_label and not module.finds_users else None


def _knows(recommender: Recommender, item_id: str) -> bool:
    return item_id in recommender.version().model.items


def _seq(entry: Entry) -> int:
    return entry.seq


def _merged(before: Node, later: Node) -> Node:
    """A node with what was said last of each property; what was left out stays."""
    return before.model_copy(update=later.model_dump(exclude_none=True))


def _is_about(entry: Entry, nodes: set[tuple[str, str]]) -> bool:
    """Whether an entry names one of these (label, id)."""
    value = entry.value
    if value["kind"] == APPLIED:
        return False
    if value["kind"] == DELETE:
        return (value["label"], value["id"]) in nodes
    if value["kind"] == NODE:
        return (value["label"], value["said"].get("id")) in nodes
    ids = {value["record"]["source_id"], value["record"]["target_id"]}
    return any(node_id in ids for _, node_id in nodes)
