"""Until when an answer is of use: set where a request is taken, looked at before each thing that takes a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kindred.domain.errors import LateError

_LATEST: ContextVar[tuple[float, float] | None] = ContextVar("latest", default=None)


@contextmanager
def deadline(seconds: float, since: float) -> Iterator[None]:
    """What is done here is of use for so many seconds since a time, monotonic."""
    token = _LATEST.set((seconds, since))
    try:
        yield
    finally:
        _LATEST.reset(token)


def check_deadline() -> None:
    """Ends what is of no use any more. Raises: LateError once the deadline is over, if there is one."""
    latest = _LATEST.get()
    if latest is not None and time.monotonic() > sum(latest):
        raise late(latest[0])


def late(seconds: float) -> LateError:
    """The error that an answer was not there in so many seconds."""
    return LateError(f"no answer within {seconds:g} s", "ask again, or raise KINDRED_SERVE_DEADLINE_MS")
