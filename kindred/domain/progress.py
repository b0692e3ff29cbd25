"""Progress: how long work tells its caller how far it is, without knowing of terminals."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as work goes on: `done` of `total` units of `stage` (total None where it is not known)."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Takes one report; must be cheap, and may be called from the working thread only."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Reports to nobody."""
