"""What users did, as every answer to them needs it: read once, and kept until they do more."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kindred.domain.interactions import IntArray
from kindred.domain.recommendation import Request
from kindred.recommenders.answering.known import Known
from kindred.recommenders.histories import BEFORE_ALL
from kindred.vectorstore.store import Excluded

ITEMS_KEPT = 500_000
"""Of all users together: about 100 MB."""


@dataclass
class UserPast:
    """What a user did.

    Attributes:
        seen: items of their events, oldest first.
        seen_at: seconds UTC of each of them, `BEFORE_ALL` where unknown.
        skipped: items that they skipped.
    """

    seen: Sequence[str] = ()
    seen_at: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    skipped: Sequence[str] = ()
    _kept: tuple[Collection[str], Excluded] | None = None

    def with_viewed(self, viewed: Sequence[str]) -> UserPast:
        """The same with items that they look at now, as if in their last session."""
        at = self.seen_at[-1:] if len(self.seen_at) else np.array([BEFORE_ALL])
        return UserPast([*self.seen, *viewed], np.concatenate([self.seen_at, np.repeat(at, len(viewed))]), self.skipped)

    def excluded(self, request: Request, barred: Collection[str], did: str) -> Excluded:
        """Items that an answer may not hold; the same object each time where the request adds nothing of its own.

        Args:
            request: who asks for what.
            barred: items that are not there; another object whenever they are others.
            did: what users do with items, in words.
        """
        if request.exclude or request.at is not None or not request.exclude_seen:
            return self._excluded(request, barred, did)
        if self._kept is None or self._kept[0] is not barred:
            self._kept = (barred, self._excluded(request, barred, did))
        return self._kept[1]

    def _excluded(self, request: Request, barred: Collection[str], did: str) -> Excluded:
        excluded = Excluded()
        excluded.update(dict.fromkeys(barred, "not there at that time"))
        excluded.update(dict.fromkeys(request.exclude, "excluded by the request"))
        if request.exclude_seen:
            excluded.update(dict.fromkeys(self.skipped, "skipped before"))
            excluded.update(dict.fromkeys(self.seen, f"already {did}"))
        return excluded


class UserPasts:
    """The pasts of users, of those who asked last up to `ITEMS_KEPT` items in all. Thread-safe.

    Args:
        known: what users did, and when something else is known of one.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._pasts: OrderedDict[str, tuple[Hashable, UserPast]] = OrderedDict()
        self._num_items = 0
        self._lock = threading.Lock()

    def of(self, user_id: str, until: int | None) -> UserPast:
        """What a user did up to a time."""
        state = None if until is not None else self._known.state(user_id)
        if state is None:
            return self._read(user_id, until)
        with self._lock:
            kept = self._pasts.get(user_id)
            if kept is not None and kept[0] == state:
                self._pasts.move_to_end(user_id)
                return kept[1]
        past = self._read(user_id, until)
        if state == self._known.state(user_id):
            self._keep(user_id, state, past)
        return past

    def forget(self, user_id: str) -> None:
        """Drops what is kept of a user."""
        with self._lock:
            self._drop(user_id)

    def _read(self, user_id: str, until: int | None) -> UserPast:
        return UserPast(*self._known.seen_with_times(user_id, until), self._known.skipped(user_id, until))

    def _keep(self, user_id: str, state: Hashable, past: UserPast) -> None:
        with self._lock:
            self._drop(user_id)
            self._pasts[user_id] = (state, past)
            self._num_items += _size(past)
            while self._num_items > ITEMS_KEPT:
                self._drop(next(iter(self._pasts)))

    def _drop(self, user_id: str) -> None:
        _, past = self._pasts.pop(user_id, (None, None))
        self._num_items -= 0 if past is None else _size(past)


def _size(past: UserPast) -> int:
    """In items; somebody who did nothing counts too."""
    return 1 + len(past.seen) + len(past.skipped)
