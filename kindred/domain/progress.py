"""Progress: how long work tells its caller how far it is, and on Ctrl-C what is kept, without knowing of terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Called as work goes on: `done` of `total` units of `stage` (total None where it is not known).

    A stage of several parts names the part that is worked on after a colon: `evaluate: ease`.
    """

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Takes one report; must be cheap, and may be called from the working thread only."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Drops every report."""


@contextmanager
def told_on_interrupt(what_is_kept: Callable[[], str]) -> Iterator[None]:
    """Adds a note to a Ctrl-C that passes: what is kept of the work inside, and how to go on with it."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        stopped.add_note(what_is_kept())
        raise
