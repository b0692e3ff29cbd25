"""Times that requests name."""

from __future__ import annotations

from kindred.domain.errors import RecordError
from kindred.domain.times import time_of


def seconds_of(text: str | None) -> int | None:
    """Whole seconds UTC of a time in any form that `time_of` reads. Raises: RecordError where it is none."""
    try:
        return None if text is None else int(time_of(text).timestamp())
    except ValueError as error:
        raise RecordError(f"at: {error}", "write it like 2026-11-27T10:45:00Z, 2026-11-27, or as seconds") from error
