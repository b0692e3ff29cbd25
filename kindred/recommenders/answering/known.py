"""What is known of users and items beside the published version: what they did until now, and what things are called.

A recommender reads it through `Known`. Commands read the graph (`StoreKnown`); the service holds it in memory.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from kindred.domain.ids import IdMap
from kindred.domain.interactions import IntArray
from kindred.domain.recommendation import Request
from kindred.domain.schema import graph_schema
from kindred.graph.store import GraphStore, QueryLimits
from kindred.graph.tables import ids_of_nodes, numbers_of_nodes
from kindred.recommenders.histories import Histories, events_of_user, histories_of_tables, read_histories
from kindred.recommenders.releases import Release
from kindred.recommenders.system import System, Triple

if TYPE_CHECKING:
    import pyarrow as pa

_NO_ITEMS = IdMap(())
MOST_COUNTED = 100_000
"""Items whose events are counted, those with the most."""


class Known(Protocol):
    """What users did and what items are called, as of now."""

    def one_answer(self) -> AbstractContextManager[None]:
        """While an answer is made: what is read of a user need not be read again."""

    def judge(self, release: Release, items: IdMap) -> None:
        """Called before a version answers: finds out whose published rows say all that they did."""

    def seen(self, user_id: str, until: int | None) -> Sequence[str]:
        """Items of a user's events up to a time, oldest first; none for somebody unknown."""

    def seen_with_times(self, user_id: str, until: int | None) -> tuple[Sequence[str], IntArray]:
        """The same, and seconds UTC of each of these events, `BEFORE_ALL` where unknown."""

    def skipped(self, user_id: str, until: int | None) -> Sequence[str]:
        """Items that a user skipped up to a time."""

    def row_is_current(self, user_id: str, release: Release, items: IdMap, until: int | None) -> bool:
        """Whether the published row of a user says all that they did up to a time, and nothing later."""

    def history(self, user_id: str, items: IdMap, until: int | None) -> Histories:
        """What a user did up to a time, with the vectors of texts, on these item positions."""

    def histories(self, user_ids: Sequence[str], items: IdMap) -> Histories:
        """What these users did until now, in their order. Raises: StoreError where the graph must tell and can't."""

    def load(self, user_id: str) -> None:
        """Reads what the graph must tell of a user, so that `histories` need not. Raises: StoreError where it can't."""

    def state(self, user_id: str) -> Hashable | None:
        """Another one whenever something else is known of a user; None where nothing tells when that is."""

    def texts(self, user_id: str, until: int | None) -> list[tuple[str, str]]:
        """Item and words of those of a user's events up to a time that have words; may read the graph."""

    def titles(self, item_ids: Collection[str]) -> dict[str, str]:
        """Titles of these items, of those that have one."""

    def members(self, item_id: str, triple: Triple) -> Sequence[str]:
        """The nodes that an item's edges of one type lead to."""

    def numbers(self, names: Collection[str]) -> Mapping[str, Mapping[str, float]]:
        """These properties of every item that has them: name → item → value, true as 1."""

    def counts(self, until: int | None, after: int | None = None) -> Mapping[str, int]:
        """Events of each item up to a time, of those that came after another; skips are none."""

    def barred(self, until: int | None) -> Collection[str]:
        """Items that are no longer there, or came only after a time; another object whenever they are others."""

    def gone_users(self) -> Collection[str]:
        """Users that were deleted since the version was published, of those that it lists."""

    def still_there(self, user_ids: Sequence[str]) -> Sequence[str]:
        """Those of these users, in their order, who were not deleted since the version was published."""

    def busy_users(self, count: int, fewer_than: float = math.inf) -> list[str]:
        """Ids of users with events, with most first, of those whose events are with fewer different items."""


def left_out(known: Known, request: Request) -> set[str]:
    """Items that a list made of counts may not hold: excluded, not there, or chosen or skipped by who asks."""
    barred = _not_there(known, request)
    if request.user_id is not None and request.exclude_seen:
        barred |= {*known.seen(request.user_id, request.at), *known.skipped(request.user_id, request.at)}
    return barred


def pinned_items(known: Known, request: Request) -> list[str]:
    """The pinned items that may be in an answer, in their order, each once; also what the asker has."""
    barred = _not_there(known, request)
    return [item for item in dict.fromkeys(request.pinned) if item not in barred]


def _not_there(known: Known, request: Request) -> set[str]:
    return {*request.exclude, *known.barred(request.at)}


class StoreKnown:
    """Reads each answer from the graph."""

    def __init__(self, system: System, store: GraphStore) -> None:
        self._system = system
        self._store = store
        self._read: dict[tuple[str, int | None], pa.Table] | None = None
        self._users: tuple[Hashable, IdMap] | None = None

    @contextmanager
    def one_answer(self) -> Iterator[None]:
        self._read = {}
        try:
            yield
        finally:
            self._read = None

    def judge(self, release: Release, items: IdMap) -> None:
        """Nothing: each row is judged when it is asked for."""

    def seen(self, user_id: str, until: int | None) -> Sequence[str]:
        return self.seen_with_times(user_id, until)[0]

    def seen_with_times(self, user_id: str, until: int | None) -> tuple[Sequence[str], IntArray]:
        history = self.history(user_id, _NO_ITEMS, until)
        return history.item_ids, history.times

    def skipped(self, user_id: str, until: int | None) -> Sequence[str]:
        return () if self._system.skipped_below is None else self.history(user_id, _NO_ITEMS, until).skipped_ids

    def row_is_current(self, user_id: str, release: Release, items: IdMap, until: int | None) -> bool:
        published = release.key(user_id)
        return published is not None and published == int(self.history(user_id, items, until).keys(self._system)[0])

    def history(self, user_id: str, items: IdMap, until: int | None) -> Histories:
        return histories_of_tables(self._system, items, [user_id], [self._events(user_id, until)])

    def _events(self, user_id: str, until: int | None) -> pa.Table:
        """What a user did up to a time, read once while an answer is made."""
        read, asked = self._read, (user_id, until)
        if read is None or asked not in read:
            events = events_of_user(self._system, self._store, user_id, until)
            if read is None:
                return events
            read[asked] = events
        return read[asked]

    def histories(self, user_ids: Sequence[str], items: IdMap) -> Histories:
        return read_histories(self._system, self._store, items, user_ids)

    def load(self, user_id: str) -> None:
        """Nothing: it is read when it is asked for."""

    def state(self, user_id: str) -> Hashable | None:
        return None

    def texts(self, user_id: str, until: int | None) -> list[tuple[str, str]]:
        return read_texts(self._system, self._store, user_id, until)

    def titles(self, item_ids: Collection[str]) -> dict[str, str]:
        system = self._system
        if system.title is None or system.has_long_titles or not item_ids:
            return {}  # long texts can't be asked for by query on every engine: who has such items reads them once
        question = (
            f"MATCH (item:{system.item_label}) WHERE item.id IN $ids RETURN item.id AS id, item.{system.title} AS title"
        )
        ids = sorted(set(item_ids))
        found = self._store.query(question, {"ids": ids}, QueryLimits(rows=len(ids)))
        pairs = zip(found["id"].to_pylist(), found["title"].to_pylist(), strict=True)
        return {item: title for item, title in pairs if title}

    def members(self, item_id: str, triple: Triple) -> Sequence[str]:
        return self._store.target_ids(graph_schema().edge(triple), item_id)

    def numbers(self, names: Collection[str]) -> Mapping[str, Mapping[str, float]]:
        return numbers_of_nodes(self._store, self._system.item, names)

    def counts(self, until: int | None, after: int | None = None) -> Mapping[str, int]:
        source, event, target = self._system.triple
        conditions = ["true"]
        values: dict[str, object] = {"count": MOST_COUNTED}
        if after is not None:
            conditions.append("event.at > $after")
            values["after"] = after
        if until is not None:
            conditions.append("(event.at IS NULL OR event.at <= $until)")
            values["until"] = until
        if self._system.skipped_below is not None:
            name, values["least"] = self._system.skipped_below
            conditions.append(f"(event.{name} IS NULL OR event.{name} >= $least)")
        question = (
            f"MATCH (:{source})-[event:{event}]->(item:{target}) WHERE {' AND '.join(conditions)} "
            "RETURN item.id AS id, count(event) AS events ORDER BY events DESC, id LIMIT $count"
        )
        found = self._store.query(question, values, QueryLimits(rows=MOST_COUNTED))
        return dict(zip(found["id"].to_pylist(), found["events"].to_pylist(), strict=True))

    def barred(self, until: int | None) -> Collection[str]:
        return ()

    def gone_users(self) -> Collection[str]:
        return ()

    def still_there(self, user_ids: Sequence[str]) -> Sequence[str]:
        if self._users is None or self._users[0] != self._store.state:
            self._users = self._store.state, ids_of_nodes(self._store, self._system.user)
        return [user for user in user_ids if user in self._users[1]]

    def busy_users(self, count: int, fewer_than: float = math.inf) -> list[str]:
        source, event, target = self._system.triple
        busy = (
            f"MATCH (user:{source})-[event:{event}]->(item:{target}) "
            "WITH user.id AS id, count(event) AS events, count(DISTINCT item.id) AS items WHERE items < $fewer_than "
            "RETURN id, events ORDER BY events DESC, id LIMIT $count"
        )
        found = self._store.query(busy, {"count": count, "fewer_than": float(fewer_than)}, QueryLimits(rows=count))
        ids: list[str] = found.column("id").to_pylist()
        return ids


def read_texts(system: System, store: GraphStore, user_id: str, until: int | None) -> list[tuple[str, str]]:
    """Item and words of those of a user's events up to a time that have words."""
    names = list(system.event_texts)
    rows = store.edges_of(system.edge, user_id, ["target_id", *names], until).to_pylist() if names else []
    said = ((row["target_id"], "\n".join(row[name] for name in names if row[name])) for row in rows)
    return [(item, words) for item, words in said if words]
