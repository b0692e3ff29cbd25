"""Who asks: the row that a request is searched with, what it is made of, and what must not come back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kindred.domain.embeddings import TextEncoder, Vectors
from kindred.domain.errors import RecordError, StoreError
from kindred.domain.interactions import FloatArray
from kindred.domain.recommendation import Request
from kindred.domain.records import Event
from kindred.gnn.columns import Column
from kindred.recommenders.answering.known import Known
from kindred.recommenders.answering.opened import Version
from kindred.recommenders.answering.user_pasts import UserPast, UserPasts
from kindred.recommenders.histories import UNKNOWN_ITEM, Histories, histories_of_records, no_histories
from kindred.recommenders.model import ANONYMOUS, Model
from kindred.recommenders.releases import USERS
from kindred.recommenders.system import System
from kindred.vectorstore.store import PublishedVectors


@dataclass(frozen=True)
class EncodedRow:
    """A user as the model encodes them.

    Attributes:
        vector: the row to search with, `[width]`.
        learned: what the graph network makes of them, `[1, dim]`; None without one.
    """

    vector: Vectors
    learned: FloatArray | None

    @staticmethod
    def of(model: Model, histories: Histories) -> list[EncodedRow]:
        """Each of these users."""
        rows, learned = model.encode_both(histories)
        return [EncodedRow(row, None if learned is None else learned[n : n + 1]) for n, row in enumerate(rows)]


@dataclass(frozen=True)
class Asker:
    """Who a request is for, as a recommender sees them.

    Attributes:
        user_id: None for somebody who need not be known.
        level: what they are known by, as an answer says it.
        vector: the row to search with, `[width]`.
        past: items of their events, oldest first, and those that they skipped.
        history: gives their events in full; may read the graph.
        learned: what the graph network makes of them, `[1, dim]`; None where it was not asked, or there is none.
    """

    user_id: str | None
    level: str
    vector: Vectors
    past: UserPast
    history: Callable[[], Histories]
    learned: FloatArray | None = None

    @property
    def seen(self) -> Sequence[str]:
        """Items of their events, oldest first."""
        return self.past.seen


ROWS_KEPT = 10_000


class EncodedRows:
    """Rows of users who did something since the publish: encoded once for all answers until they do more. Thread-safe.

    Who waits is encoded together with the others who wait: many users at once cost little more than one, and two
    threads that encode would take the interpreter from each other and from answers. Of each user only the latest row
    is kept, of so many users those who asked last.

    Args:
        known: tells when something else is known of a user.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._rows: OrderedDict[tuple[str, str], tuple[Hashable, EncodedRow]] = OrderedDict()
        self._lock = threading.Lock()
        self._encoding = threading.Lock()
        self._waiting: dict[str, set[str]] = {}

    def get(self, version: str, user_id: str) -> EncodedRow | None:
        """The row of a user in a version; None unless it says all that is known of them."""
        state = self._known.state(user_id)
        with self._lock:
            kept = self._rows.get((version, user_id))
            if kept is None or state is None or kept[0] != state:
                return None
            self._rows.move_to_end((version, user_id))
            return kept[1]

    def forget(self, user_id: str) -> None:
        """Drops what is kept of a user."""
        with self._lock:
            for key in [key for key in self._rows if key[1] == user_id]:
                del self._rows[key]

    def encoded(self, version: Version, user_id: str) -> EncodedRow:
        """The same, encoded where it is not there; without what the graph would tell where it can't be read."""
        try:
            self._known.load(user_id)  # before the others wait for this one: a graph that hangs would hold them all
        except StoreError:
            history = self._known.history(user_id, version.model.items, None)
            with self._encoding:
                return EncodedRow.of(version.model, history)[0]
        with self._lock:
            self._waiting.setdefault(version.name, set()).add(user_id)
        with self._encoding:
            row = self.get(version.name, user_id)
            if row is not None:
                return row
            with self._lock:
                users = sorted(self._waiting.pop(version.name, set()) | {user_id})
            states = [self._known.state(user) for user in users]
            try:
                rows = EncodedRow.of(version.model, self._known.histories(users, version.model.items))
            except StoreError:
                return EncodedRow.of(version.model, self._known.history(user_id, version.model.items, None))[0]
            for user, state, own in zip(users, states, rows, strict=True):
                if state is not None and state == self._known.state(user):
                    self._keep(version.name, user, state, own)
            return rows[users.index(user_id)]

    def _keep(self, version: str, user_id: str, state: Hashable, row: EncodedRow) -> None:
        with self._lock:
            self._rows[version, user_id] = (state, row)
            self._rows.move_to_end((version, user_id))
            while len(self._rows) > ROWS_KEPT:
                self._rows.popitem(last=False)


@dataclass(frozen=True)
class Askers:
    """Finds out who asks.

    Attributes:
        system: whose users they are.
        known: what they did until now.
        vectors: where versions are published.
        encoder: opens the text encoder.
        rows: those that were encoded for answers before.
        pasts: what those did who asked before.
    """

    system: System
    known: Known
    vectors: PublishedVectors
    encoder: Callable[[], TextEncoder]
    rows: EncodedRows
    pasts: UserPasts

    def asker(self, request: Request, version: Version, published: Mapping[str, Vectors] | None = None) -> Asker:
        """Who asks.

        Args:
            request: what was asked.
            version: what answers.
            published: rows of users that were fetched for several requests, as `published` gives them.

        Raises:
            RecordError: the events are of several users.
        """
        own = self._of_events(request, version) if request.events else self._of_user(request, version, published or {})
        return own if not request.viewed and not request.text else self._with_context(own, request, version)

    def published(self, requests: Sequence[Request], version: Version) -> Mapping[str, Vectors]:
        """The published rows of those who ask, of whom one says all that they did, fetched together."""
        users = {r.user_id for r in requests if r.user_id is not None and self._is_current(r.user_id, r, version)}
        found = self.vectors.fetch(version.name, USERS, sorted(users))
        return dict(zip(found.ids, found.vectors, strict=True))

    def is_quick(self, request: Request, version: Version) -> bool:
        """Whether a row is there that answers, so that nothing must be encoded and no graph read."""
        if request.events or request.viewed or request.text or request.reasons:
            return False
        user_id = request.user_id
        if user_id is None or self._is_current(user_id, request, version):
            return True
        return not self.pasts.of(user_id, request.at).seen or self._kept(user_id, request, version) is not None

    def _kept(self, user_id: str, request: Request, version: Version) -> EncodedRow | None:
        """The row that was encoded for an answer before, if the user did nothing since."""
        return None if request.at is not None else self.rows.get(version.name, user_id)

    def _is_current(self, user_id: str, request: Request, version: Version) -> bool:
        return self.known.row_is_current(user_id, version.release, version.model.items, request.at)

    def _of_user(self, request: Request, version: Version, published: Mapping[str, Vectors]) -> Asker:
        user_id, items = request.user_id, version.model.items
        if user_id is None:
            return self._anonymous(user_id, version)
        past = self.pasts.of(user_id, request.at)
        if not past.seen:
            return replace(self._anonymous(user_id, version), past=past)

        def history() -> Histories:
            return self.known.history(user_id, items, request.at)

        own = None
        if self._is_current(user_id, request, version):
            own = (published if user_id in published else self.published([request], version)).get(user_id)
        if own is not None and not version.ranks_at(past.seen_at, request.at):
            return Asker(user_id, "model", own, past, history)
        row = self._kept(user_id, request, version)
        if row is None:
            now = request.at is None
            row = self.rows.encoded(version, user_id) if now else EncodedRow.of(version.model, history())[0]
        if own is not None:  # the ranker reads what the graph network makes of them, which is not published
            return Asker(user_id, "model", own, past, history, row.learned)
        level = "inductive" if version.release.key(user_id) is None else "folded-in"
        return Asker(user_id, level, row.vector, past, history, row.learned)

    def _of_events(self, request: Request, version: Version) -> Asker:
        model = version.model
        events = [event for event in request.events if _is_before(event, request.at)]
        encoder = self.encoder if model.reads_text else None
        histories, users = histories_of_records(self.system, model.items, events, encoder)
        if len(users) > 1:
            raise RecordError(f"events of {len(users)} users in one request", "ask for one user at a time")
        user_id = request.user_id or request.events[0].source_id
        past = UserPast(histories.item_ids, histories.times, histories.skipped_ids)
        if not len(histories.events):
            return replace(self._anonymous(user_id, version), past=past)
        [row] = EncodedRow.of(model, histories)
        return Asker(user_id, "inductive", row.vector, past, lambda: histories, row.learned)

    def _anonymous(self, user_id: str | None, version: Version) -> Asker:
        """The anonymous user: nothing is known of them."""
        vector = self.vectors.fetch(version.name, ANONYMOUS, [ANONYMOUS]).vectors[0]
        return Asker(user_id, "popular", vector, UserPast(), lambda: no_histories(1, len(version.model.items)))

    def _with_context(self, own: Asker, request: Request, version: Version) -> Asker:
        """The same with what they look at or say now: a row is a sum over events, so each adds what it says alone."""
        added = list(version.similarity_vectors(request.viewed, self.vectors).values())
        if request.text and version.model.reads_text:
            added.append(text_vector(version.model, self.encoder(), request.text))
        if not added:
            return own
        vector = np.asarray(own.vector + np.sum(added, axis=0), dtype=np.float32)
        level = "inductive" if own.level == "popular" else own.level
        return replace(own, level=level, vector=vector, past=own.past.with_viewed(request.viewed))


def text_vector(model: Model, encoder: TextEncoder, text: str) -> Vectors:
    """What an event that speaks for an item with these words adds to the row of an anonymous user, `[width]`."""
    name = model.system.event_vector
    columns: dict[str, Column] = {} if name is None else {name: encoder.encode([text])}
    row: Vectors = model.rows_of_single_events(np.array([UNKNOWN_ITEM]), columns)[0]
    return row


def _is_before(event: Event, at: int | None) -> bool:
    return at is None or event.at is None or event.at <= at
