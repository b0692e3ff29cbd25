"""A breaker: what failed several times in a row is left alone for a while, then tried by one request."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Literal

FAILURES = 3
"""So many in a row open it."""
REST_SECONDS = 2.0
"""So long it stays open; then one try decides."""
State = Literal["closed", "open", "half-open"]


WORDS: Mapping[State, str] = {"closed": "asked", "open": "left alone", "half-open": "tried by one request"}
"""What each state means for what may fail: closed is the healthy one."""


class Breaker:
    """Says whether something may be tried now. Thread-safe; Nygard, "Release It!", 2007."""

    def __init__(self) -> None:
        self._num_failed = 0
        self._opened_at = 0.0
        self._is_trying = False
        self._lock = threading.Lock()
        self.reason = ""

    def allows(self) -> bool:
        """Whether to try; of those who ask while it is half-open, the first may."""
        if self._num_failed < FAILURES:
            return True
        with self._lock:
            if self._is_trying or time.monotonic() - self._opened_at < REST_SECONDS:
                return False
            self._is_trying = True
            return True

    def succeeded(self) -> bool:
        """Closes it; whether it was open."""
        if not self._num_failed:
            return False
        with self._lock:
            was_open = self._num_failed >= FAILURES
            self._num_failed, self._is_trying, self.reason = 0, False, ""
            return was_open

    def failed(self, error: BaseException) -> bool:
        """Counts a failure; whether it is the one that opens it."""
        with self._lock:
            self._num_failed += 1
            self._is_trying, self._opened_at, self.reason = False, time.monotonic(), str(error)
            return self._num_failed == FAILURES

    @property
    def state(self) -> State:
        """Open while it says no, half-open once one may try."""
        if self._num_failed < FAILURES:
            return "closed"
        return "open" if time.monotonic() - self._opened_at < REST_SECONDS else "half-open"
