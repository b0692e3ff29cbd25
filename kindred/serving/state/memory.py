"""What the service knows in memory: what users did and what items are called, so that an answer reads no database."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pyarrow as pa

from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import StoreError
from kindred.domain.ids import IdMap, gone_since
from kindred.domain.interactions import IntArray, Interactions, ratings_of
from kindred.domain.records import Event, User
from kindred.domain.schema import to_table
from kindred.ingest.loading.load import with_embeddings
from kindred.recommenders.answering.known import read_texts
from kindred.recommenders.histories import BEFORE_ALL, Histories, histories_of_table, no_histories
from kindred.recommenders.releases import Release
from kindred.recommenders.system import System, Triple
from kindred.serving.state.graph_door import GraphDoor
from kindred.serving.state.graph_fit import LEAST_SHARE
from kindred.serving.state.items_now import ItemsNow
from kindred.serving.state.past import LightEvent, Past, light_columns, read_past, times_of_events
from kindred.serving.state.stored_events import StoredEvents

_USERS_LOOKED_AT = 3


class Memory:
    """Implements `Known` for one system: the past as the graph held it, and what came since.

    Whoever writes tells it (`add_events`, `put_items`, `put_numbers`, `forget_user`, `forget_item`, `row_written`);
    what is told twice counts once.

    Args:
        system: whose users and items.
        graph: where the past is, and the texts of events.
        encoder: opens the text encoder.
    """

    def __init__(self, system: System, graph: GraphDoor, encoder: Callable[[], TextEncoder]) -> None:
        self.system = system
        self._graph = graph
        self._encoder = encoder
        self._lock = threading.Lock()
        self._stored = StoredEvents(system, graph)
        self._num_changes: dict[str, int] = {}
        self._num_reloads = 0
        self.past = self.read()
        self._new: dict[str, dict[str, Event]] = {}
        self._new_counts: Counter[str] = Counter()
        self._users_with: dict[str, str] = {}
        self._counted: tuple[Past, tuple[int | None, int | None], Mapping[str, int]] | None = None
        self._items = ItemsNow()
        self._forgotten: set[str] = set()
        self._gone_users: frozenset[str] = frozenset()
        self._current: dict[str, set[str]] = {}
        self._written: dict[str, set[str]] = {}

    def read(self) -> Past:
        """The past as the graph holds it now, which takes a while; `past` stays."""
        with self._graph.read() as store:
            past = read_past(self.system, store)
        past.prepare()
        return past

    def reload(self, past: Past | None = None) -> None:
        """Takes the past as it was just read, or reads it again; what came since is kept, and counts once."""
        past = self.read() if past is None else past
        with self._lock:
            self.past = past
            self._stored.forget()
            self._num_reloads += 1
            self._new = {user: new for user in self._new if (new := self._unapplied(past, user))}
            self._users_with = {event_id: user for user, new in self._new.items() for event_id in new}
            self._new_counts = self._counts_of_new(None)

    def one_answer(self) -> AbstractContextManager[None]:
        return nullcontext()

    def judge(self, release: Release, items: IdMap) -> None:
        past = self.past
        keys = dict(
            zip(past.users.ids, past.light_histories(self.system, items).keys(self.system).tolist(), strict=True)
        )
        rows = zip(release.users, release.keys.tolist(), strict=True)
        current = {user for user, key in rows if keys.get(user) == key}
        with self._lock:
            current -= {user for user in self._new if self._unapplied(past, user)}
            self._current = {release.version: current} | dict(list(self._current.items())[-2:])

    # what the recommender asks

    def seen(self, user_id: str, until: int | None) -> Sequence[str]:
        return self.seen_with_times(user_id, until)[0]

    def seen_with_times(self, user_id: str, until: int | None) -> tuple[Sequence[str], IntArray]:
        if user_id not in self._new:
            past, rows = self.past, self._rows(user_id, until)
            return past.item_ids(rows), past.times(rows)
        events = self.light_events(user_id, until)
        return [event.item_id for event in events], times_of_events(events)

    def skipped(self, user_id: str, until: int | None) -> Sequence[str]:
        least = self.system.skipped_below
        if least is None:
            return ()
        skips = [e.target_id for e in self._later(user_id, until) if _is_skip(e, least)]
        return [*self.past.skipped_ids(self._rows(user_id, until)), *skips]

    def row_is_current(self, user_id: str, release: Release, items: IdMap, until: int | None) -> bool:
        if release.version not in self._current:
            self.judge(release, items)
        if user_id in self._current.get(release.version, ()):
            return until is None or not self._knows_later(user_id, until)
        if until is None or user_id in self._written.get(release.version, ()):
            return False
        return release.key(user_id) == int(self._light(user_id, items, until).keys(self.system)[0])

    def history(self, user_id: str, items: IdMap, until: int | None) -> Histories:
        try:
            return self._histories([user_id], items, until)
        except StoreError:
            return self._light(user_id, items, until)

    def histories(self, user_ids: Sequence[str], items: IdMap) -> Histories:
        return self._histories(user_ids, items, None)

    def _histories(self, user_ids: Sequence[str], items: IdMap, until: int | None) -> Histories:
        tables = [self._in_graph(user, until) for user in user_ids if self._is_in_graph(user)]
        stored = {key for table in tables for key in table["event_id"].to_pylist()}
        added = [event for user in user_ids for event in self._later(user, until) if event.event_id not in stored]
        if added:
            told = to_table(self.system.edge, added)
            tables.append(with_embeddings(told, self.system.edge, self._encoder()))
        filled = [table for table in tables if len(table)]
        if not filled:
            return no_histories(len(user_ids), len(items))
        table = pa.concat_tables(filled, promote_options="permissive") if len(filled) > 1 else filled[0]
        return histories_of_table(self.system, items, IdMap(user_ids), table)

    def load(self, user_id: str) -> None:
        if self._is_in_graph(user_id):
            self._stored.of(user_id)

    def _is_in_graph(self, user_id: str) -> bool:
        """Whether the graph held events of a user when the past was read."""
        return user_id not in self._forgotten and user_id in self.past.users

    def _in_graph(self, user_id: str, until: int | None) -> pa.Table:
        return self._stored.of(user_id) if until is None else self._stored.up_to(user_id, until)

    def state(self, user_id: str) -> Hashable | None:
        return self._num_reloads, self._num_changes.get(user_id, 0)

    def texts(self, user_id: str, until: int | None) -> list[tuple[str, str]]:
        """Item and words of a user's events; none of those that the graph would have to tell while it can't be read."""
        new = [
            (event.target_id, "\n".join(filter(None, (getattr(event, name) for name in self.system.event_texts))))
            for event in self._later(user_id, until)
        ]
        if user_id in self._forgotten:
            return [(item, words) for item, words in new if words]
        try:
            with self._graph.read() as store:
                stored = read_texts(self.system, store, user_id, until)
        except StoreError:
            stored = []
        return [*stored, *((item, words) for item, words in new if words and (item, words) not in stored)]

    def titles(self, item_ids: Collection[str]) -> dict[str, str]:
        return self._items.titles(self.past, item_ids)

    def members(self, item_id: str, triple: Triple) -> Sequence[str]:
        position = self.past.items.position(item_id)
        if position is None or triple not in self.past.context:
            return ()
        lists, ids = self.past.context[triple]
        return [ids.external(int(node)) for node in lists.of(position)]

    def numbers(self, names: Collection[str]) -> Mapping[str, Mapping[str, float]]:
        return self._items.numbers(self.past, names)

    def counts(self, until: int | None, after: int | None = None) -> Mapping[str, int]:
        past, asked, held = self.past, (until, after), self._counted  # another thread may put others there
        if held is None or held[0] is not past or held[1] != asked:
            self._counted = held = (past, asked, past.counts(until, after))
        found = Counter(held[2])
        for user_id in list(self._forgotten):
            found.subtract(past.item_ids(past.rows(user_id, until, after)))
        found.update(self._new_counts if until is None else self._counts_of_new(until))
        return {item: count for item, count in found.items() if count > 0}

    def _counts_of_new(self, until: int | None) -> Counter[str]:
        """Events of each item since the past was read, up to a time."""
        events = (event for user in list(self._new) for event in self._later(user, until))
        return Counter(event.target_id for event in events if not _is_skip(event, self.system.skipped_below))

    def barred(self, until: int | None) -> Collection[str]:
        return self._items.barred(until)

    def gone_users(self) -> Collection[str]:
        return self._gone_users

    def still_there(self, user_ids: Sequence[str]) -> Sequence[str]:
        gone = self._gone_users
        return [user for user in user_ids if user not in gone] if gone else user_ids

    def busy_users(self, count: int, fewer_than: float = math.inf) -> list[str]:
        past, found = self.past, list[str]()
        num_events = np.diff(past.starts)
        for user in np.argsort(-num_events, kind="stable")[: np.count_nonzero(num_events)]:
            rows = slice(past.starts[user], past.starts[user + 1])
            has_all = num_events[user] >= fewer_than and len(np.unique(past.item_index[rows])) >= fewer_than
            if not has_all and (user_id := past.users.external(int(user))) not in self._forgotten:
                found.append(user_id)
            if len(found) == count:
                break
        return found

    # what others ask

    def knows_item(self, item_id: str) -> bool:
        """Whether there is such an item."""
        return self._items.knows(self.past, item_id)

    def light_events(self, user_id: str, until: int | None = None) -> list[LightEvent]:
        """What a user did, without texts and skips, oldest first."""
        found = self.past.events(self._rows(user_id, until))
        there = {event.event_id for event in found}
        rating = self.system.rating
        for event in self._later(user_id, until):
            if event.event_id not in there and not _is_skip(event, self.system.skipped_below):
                stars = None if rating is None else getattr(event, rating)
                found.append(LightEvent(event.event_id, event.target_id, event.at, stars))
        return sorted(found, key=lambda event: (BEFORE_ALL if event.at is None else event.at, event.event_id))

    def user_with(self, event_id: str) -> str | None:
        """Whose event has this id; None where no event has it."""
        user = self._users_with.get(event_id)
        if user is not None and event_id in self._new.get(user, {}):
            return user
        user = self.past.user_with(event_id)
        return None if user in self._forgotten else user

    def users_after(self, item_id: str, after: int) -> set[str]:
        """Users who did something with an item after that time."""
        past = self.past
        position = past.items.position(item_id)
        rows = np.flatnonzero((past.item_index == (-1 if position is None else position)) & (past.at > after))
        found = {past.users.external(int(user)) for user in np.searchsorted(past.starts, rows, side="right") - 1}
        new = list(self._new.items())
        told = {user for user, events in new if any(e.target_id == item_id for e in list(events.values()))}
        return (found | told) - self._forgotten

    def find_users(self, start: str, count: int) -> list[str]:
        """Ids of users that begin so, in order."""
        wanted = start.casefold()
        ids = {*self.past.users.ids, *self._new} - self._forgotten
        return sorted(user for user in ids if user.casefold().startswith(wanted))[:count]

    def find_items(self, text: str, count: int) -> list[tuple[str, str | None]]:
        """Id and title of items whose id begins so or whose title holds the text, those first that begin so."""
        return self._items.find(self.past, text, count)

    def size(self) -> tuple[int, int, int]:
        """Numbers of users, items and events, skips left out; of people those who did something in this domain."""
        known = self.past.users.ids if self.system.user_label != User.label else self.past.active_users()
        users = len((set(known) - self._forgotten) | set(self._new))
        num_items = len(self._items.ids(self.past))
        return users, num_items, sum(self.counts(None).values())

    def num_stale(self, version: str) -> int:
        """Users whose published row does not say all that they did; each is encoded anew when they ask."""
        past = self.past
        there = {past.users.external(int(user)) for user in np.flatnonzero(np.diff(past.starts))}
        return len(((there - self._forgotten) | set(self._new)) - self._current.get(version, set()))

    def graph_problem(self, since: float = math.inf) -> str | None:
        """Why the graph can't be read just now, or could not since a time; None where nothing is wrong."""
        return self._graph.problem(since)

    def seems_of_graph(self) -> bool:
        """Whether nothing speaks against it that the graph is the one that the past was read from.

        It holds half as much or more, and something that one of those did who did most: that is quick to see.
        """
        past, edge = self.past, self.system.edge
        held = ((self.system.user, past.users), (self.system.item, past.items), (edge, past.item_index))
        did = {user: set(past.item_ids(self._rows(user))) for user in self.busy_users(_USERS_LOOKED_AT)}
        chosen = [(user, items) for user, items in did.items() if items]
        with self._graph.read() as store:
            if any(store.count(table) < LEAST_SHARE * len(before) for table, before in held):
                return False
            return not chosen or any(items & set(store.target_ids(edge, user)) for user, items in chosen)

    # what writers tell

    def add_events(self, events: Sequence[Event]) -> None:
        """Events that were accepted: in the next answer, and the users' published rows no longer say everything."""
        with self._lock:
            for event in events:
                of_user = self._new.setdefault(event.source_id, {})
                if event.event_id not in of_user and not _is_skip(event, self.system.skipped_below):
                    self._new_counts[event.target_id] += 1
                of_user[event.event_id] = event
                self._users_with[event.event_id] = event.source_id
                self._note_change(event.source_id)
                for current in self._current.values():
                    current.discard(event.source_id)

    def put_items(self, items: Sequence[tuple[str, str | None]], at: int) -> None:
        """Items that came or changed, with their titles; an answer for an earlier time does not hold new ones."""
        with self._lock:
            self._items.put(self.past, items, at)

    def put_numbers(self, item_id: str, numbers: Mapping[str, float]) -> None:
        """What the numbers of an item are now; others that it has stay."""
        with self._lock:
            self._items.put_numbers(item_id, numbers)

    def forget_user(self, user_id: str) -> None:
        """As if they had never been there, until an event of theirs comes."""
        with self._lock:
            self._forgotten.add(user_id)
            self._gone_users |= {user_id}
            self._new.pop(user_id, None)
            self._new_counts = self._counts_of_new(None)
            self._stored.forget(user_id)
            self._note_change(user_id)
            for current in self._current.values():
                current.discard(user_id)

    def forget_item(self, item_id: str) -> None:
        """The item is in no answer any more."""
        with self._lock:
            self._items.forget(item_id)

    def note_listed(self, items: Collection[str], users: Collection[str], leaving: Collection[str]) -> None:
        """What a version lists when it is taken: what the graph held no more of it then, or lets go, is gone."""
        with self._lock:
            self._items.note_absent(gone_since(items, self.past.items))
            self._gone_users = gone_since(users, self.past.users) | set(leaving)

    def row_written(self, user_id: str, version: str) -> None:
        """The row of a user in that version says all that was told of them so far."""
        with self._lock:
            self._current.setdefault(version, set()).add(user_id)
            self._written.setdefault(version, set()).add(user_id)

    def _note_change(self, user_id: str) -> None:
        self._num_changes[user_id] = self._num_changes.get(user_id, 0) + 1

    def _rows(self, user_id: str, until: int | None = None) -> slice:
        """Where a user's past up to a time is; nowhere for those who were forgotten."""
        return slice(0, 0) if user_id in self._forgotten else self.past.rows(user_id, until)

    def _later(self, user_id: str, until: int | None) -> list[Event]:
        """What came since the past was read, up to a time, oldest first."""
        new = self._new.get(user_id)
        if not new:
            return []
        events = [e for e in list(new.values()) if until is None or e.at is None or e.at <= until]
        return sorted(events, key=lambda event: (event.at or BEFORE_ALL, event.event_id))

    def _knows_later(self, user_id: str, until: int) -> bool:
        rows = self._rows(user_id)
        last = int(self.past.at[rows.stop - 1]) if rows.stop > rows.start else BEFORE_ALL
        return last > until or any((event.at or 0) > until for event in self._new.get(user_id, {}).values())

    def _unapplied(self, past: Past, user_id: str) -> dict[str, Event]:
        """What came of a user and is not in the past yet; all of it where their past is not looked at."""
        if user_id in self._forgotten:
            return self._new[user_id]
        stored = {event.event_id for event in past.events(past.rows(user_id))}
        return {key: event for key, event in self._new[user_id].items() if key not in stored}

    def _light(self, user_id: str, items: IdMap, until: int | None) -> Histories:
        """A history without texts, where the graph can't be read."""
        events = self.light_events(user_id, until)
        at = times_of_events(events)
        rating = np.array([np.nan if e.rating is None else e.rating for e in events], np.float32)
        ids = [event.item_id for event in events]
        columns = light_columns(self.system, at, rating)
        rated = None if self.system.rating is None else ratings_of(np.nan_to_num(rating), ~np.isnan(rating))
        index = Interactions(np.zeros(len(events), np.int64), items.positions(ids), 1, len(items), rated, at)
        return Histories(index, columns, ids)


def _is_skip(event: Event, skipped_below: tuple[str, float] | None) -> bool:
    if skipped_below is None:
        return False
    value = getattr(event, skipped_below[0])
    return value is not None and value < skipped_below[1]
