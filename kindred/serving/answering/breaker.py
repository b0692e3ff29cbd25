"""A breaker: what failed several times in a row is left alone for a while, then tried by one request."""

from __future__ import annotations

import threading
import time
from typing import Literal

FAILURES = 3
REST_SECONDS = 2.0
State = Literal["closed", "open", "half-open"]


class Breaker:
    """Says whether something may be tried now. Thread-safe; Nygard, "Release It!", 2007.

    Args:
        failures: so many in a row open it.
        rest_seconds: so long it stays open; then one try decides.
    """

    def __init__(self, failures: int = FAILURES, rest_seconds: float = REST_SECONDS) -> None:
        self._most = failures
        self._rest = rest_seconds
        self._num_failed = 0
        self._opened_at = 0.0
        self._is_trying = False
        self._lock = threading.Lock()
        self.reason = ""

    def allows(self) -> bool:
        """Whether to try; of those who ask while it is half-open, the first may."""
        if self._num_failed < self._most:
            return True
        with self._lock:
            if self._is_trying or time.monotonic() - self._opened_at < self._rest:
                return False
            self._is_trying = True
            return True

    def succeeded(self) -> None:
        """Closes it."""
        if self._num_failed:
            with self._lock:
                self._num_failed, self._is_trying, self.reason = 0, False, ""

    def failed(self, error: BaseException) -> None:
        """Counts a failure."""
        with self._lock:
            self._num_failed += 1
            self._is_trying, self._opened_at, self.reason = False, time.monotonic(), str(error)

    @property
    def state(self) -> State:
        """Open while it says no, half-open once one may try."""
        if self._num_failed < self._most:
            return "closed"
        return "open" if time.monotonic() - self._opened_at < self._rest else "half-open"
