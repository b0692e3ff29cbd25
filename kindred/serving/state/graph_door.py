"""How the service holds the graph: as one reader among many, and as its writer for as long as a batch takes.

An embedded graph has many readers or one writer. The service reads, so that commands that read work beside it, lets go
when it has not read for a while, and closes its reader while it writes; who reads meanwhile reads what the writer has
open. A graph server takes both at any time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kindred.domain.deadline import check_deadline
from kindred.domain.errors import KindredError, StoreError
from kindred.graph.store import GraphStore, RefusedError

RETRY_SECONDS = 2.0
"""How long a server that is gone is asked again: an answer goes on without the graph, a batch is written the next time;
and how long after it failed one reader tries again, while the others are told so at once."""
IDLE_SECONDS = 5.0
MOST_READING = 8
"""Threads that read at once, half of those that answer: a server that hangs must not hold them all."""
ROOM_SECONDS = 1.0
HANG_SECONDS = 10.0
"""A read, or a batch's opening or closing, that takes longer says that the graph hangs."""
REFUSED_SECONDS = 10.0
"""How long a server that refuses the password is left alone: tries in a row lock its user out, for others too."""
LOOK_HANG_SECONDS = 3.0
"""The least there is to read takes no longer, where the graph does not hang."""


class NotReadError(StoreError):
    """The graph can't be read now."""


class GraphDoor:
    """Opens the graph for those who read and for those who write. Thread-safe.

    Args:
        open_reader: opens it to read.
        open_writer: opens it to write; the same store where a server takes both.
    """

    def __init__(self, open_reader: Callable[[], GraphStore], open_writer: Callable[[], GraphStore]) -> None:
        self._open_reader = open_reader
        self._open_writer = open_writer
        self._reader: GraphStore | None = None
        self._reading: dict[object, float] = {}
        self._looking: dict[object, float] = {}
        self._last_read = 0.0
        self._one_opener = threading.Lock()
        self._one_writer = threading.Lock()
        self._writer: GraphStore | None = None
        self._turning_since: float | None = None
        self._num_waiting = 0
        self._failed: KindredError | None = None
        self._last_failure: KindredError | None = None
        self._failed_at = 0.0
        self._again_at = 0.0
        self._refused: RefusedError | None = None
        self._refused_until = 0.0
        self._trying: object | None = None
        self._changed = threading.Condition()

    @contextmanager
    def read(self, tries_at_once: bool = False) -> Iterator[GraphStore]:
        """The graph to read; that of the writer while a batch is written, so that none has to wait for its end.

        Args:
            tries_at_once: whether this one tries again also right after it could not be read.

        Raises:
            NotReadError: it can't be read, or hangs; at once where that was so just now, or one reader tries whether it
                still is.
            LateError: it would be read for an answer that none waits for any more.
        """
        check_deadline()
        try:
            with self._room(tries_at_once) as store:
                yield store
        except StoreError as error:
            raise NotReadError(error.message, error.next_step) from error

    @contextmanager
    def _room(self, tries_at_once: bool) -> Iterator[GraphStore]:
        """The same, as one of those that read at once. Raises: StoreError."""
        this = object()
        with self._changed:
            self._check_failed(this, tries_at_once)
            try:
                self._wait_for_room()
            except StoreError as error:
                self._last_failure, self._failed_at = error, time.monotonic()
                self._end_trying(this)
                raise
            self._reading[this] = time.monotonic()
            store = self._writer
        try:
            store = self._opened(this) if store is None else store
            yield store
            self._failed = None
        except StoreError as error:
            self._note_failure(error)
            raise
        finally:
            with self._changed:
                del self._reading[this]
                self._end_trying(this)
                self._last_read = time.monotonic()
                self._changed.notify_all()

    def _check_refused(self) -> None:
        """Leaves a server alone that refused the password just now. Raises: RefusedError."""
        if self._refused is not None and time.monotonic() < self._refused_until:
            self._failed_at = time.monotonic()
            raise RefusedError(self._refused.message, self._refused.next_step)

    def _check_failed(self, this: object, tries_at_once: bool) -> None:
        """Lets one reader try again what failed a while ago. Raises: StoreError for the others."""
        self._check_refused()
        if self._failed is None:
            return
        now = time.monotonic()
        if self._trying is not None or (now < self._again_at and not tries_at_once):
            self._failed_at = now
            raise StoreError(self._failed.message, self._failed.next_step)
        self._trying = this

    def _end_trying(self, this: object) -> None:
        if self._trying is this:
            self._trying = None

    def _wait_for_room(self) -> None:
        """Waits while a batch is opened or closed, and a little where many read already."""
        is_soon = self._turning_since is not None and self._num_waiting < MOST_READING
        self._num_waiting += 1
        try:
            seconds = HANG_SECONDS if is_soon else ROOM_SECONDS
            if self._hangs() or not self._changed.wait_for(self._has_room, seconds):
                raise self._no_answer()
        finally:
            self._num_waiting -= 1

    def _has_room(self) -> bool:
        return self._turning_since is None and len(self._reading) < MOST_READING

    def _waited(self) -> float:
        """Seconds since the first of those began that read, or that open or close it for a batch."""
        first = min(self._reading.values(), default=math.inf)
        return max(0.0, time.monotonic() - min(first, self._turning_since or math.inf))

    def _hangs(self) -> bool:
        looked = min(self._looking.values(), default=math.inf)
        return self._waited() > HANG_SECONDS or time.monotonic() - looked > LOOK_HANG_SECONDS

    def _no_answer(self) -> StoreError:
        what = f"the graph gives no answer since {self._waited():.0f} s, {len(self._reading)} reads wait for it"
        return StoreError(what, "look whether its server hangs; what does not need it is answered")

    @contextmanager
    def write(self) -> Iterator[GraphStore]:
        """The graph to write one batch; readers of this process wait while it is opened and closed.

        Raises:
            LockedError: another process has the graph.
            StoreError: it can't be opened or written.
        """
        with self._one_writer:
            self._check_refused()
            with self._turning():
                self._close_reader()
                try:
                    store = self._writer = self._open_writer()
                except RefusedError as error:
                    self._note_failure(error)
                    raise
            try:
                yield store
                self._failed = None
            finally:
                with self._turning():
                    self._writer = None
                    store.close()

    @contextmanager
    def _turning(self) -> Iterator[None]:
        """From readers to a writer or back: none reads meanwhile, and who wants to waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._turning_since is None)
            self._turning_since = time.monotonic()
            self._changed.wait_for(lambda: not self._reading)
        try:
            yield
        finally:
            with self._changed:
                self._turning_since = None
                self._changed.notify_all()

    def problem(self, since: float = math.inf) -> str | None:
        """Why the graph can't be read, could not just now, or could not since a time; None where nothing is wrong."""
        with self._changed:
            if self._hangs():
                return str(self._no_answer())
        failed = self._failed if self._failed_at < since else self._last_failure
        recent = min(time.monotonic(), since) - self._failed_at < RETRY_SECONDS
        return str(failed) if failed is not None and recent else None

    def look(self) -> str | None:
        """Reads the least there is: why the graph can't be read, None where nothing is wrong."""
        try:
            with self.read(tries_at_once=True) as store, self._bounded():
                store.read_metadata()
        except KindredError as error:
            return str(error)
        return None

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Something that takes no time, unless the graph hangs."""
        this = object()
        with self._changed:
            self._looking[this] = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._looking[this]

    def let_go(self, at_once: bool = False) -> bool:
        """Closes a reader that has not been used for a while, so that others can write.

        Args:
            at_once: also one that was used just now.

        Returns:
            Whether none is open.
        """
        with self._changed:
            idle = at_once or time.monotonic() - self._last_read > IDLE_SECONDS
            if idle and not self._reading and self._turning_since is None:
                self._close_reader()
            return self._reader is None

    def close(self) -> None:
        """Closes what is open."""
        with self._changed:
            self._changed.wait_for(lambda: not self._reading and self._writer is None, timeout=10.0)
            self._close_reader()

    def _opened(self, this: object) -> GraphStore:
        with self._one_opener:
            if self._reader is None:
                if self._failed is not None and self._trying is not this:  # it failed while this one waited
                    raise StoreError(self._failed.message, self._failed.next_step)
                try:
                    self._reader = self._open_reader()
                except KindredError as error:
                    self._note_failure(error)
                    raise
            return self._reader

    def _note_failure(self, error: KindredError) -> None:
        self._failed = self._last_failure = error
        self._failed_at = time.monotonic()
        self._again_at = self._failed_at + RETRY_SECONDS
        if isinstance(error, RefusedError):
            self._refused, self._refused_until = error, self._failed_at + REFUSED_SECONDS

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
