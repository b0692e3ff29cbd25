"""Times as people write them: ISO 8601 or seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from kindred.domain.errors import RecordError
from kindred.domain.properties import EARLIEST_TIME


@lru_cache(maxsize=64)  # most answers tell the same time: that of their version
def iso_time(seconds: int | None) -> str | None:
    """Seconds UTC as ISO 8601; None where it is a year that has no such form."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None


def seconds_of(text: str | None) -> int | None:
    """Seconds UTC of an ISO 8601 time, UTC where it names no zone, or of seconds since 1990, as events have.

    A smaller number is no time: 1999 is hardly meant to be a second of 1970.

    Raises:
        RecordError: it is no time.
    """
    if text is None:
        return None
    if text.isdecimal() and text.isascii() and len(text) <= 12 and int(text) >= EARLIEST_TIME:
        return int(text)
    try:
        time = datetime.fromisoformat(text)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise RecordError(
            f"at: {text[:40]!r} is no time", "write it like 2026-11-27T10:45:00Z, 2026-11-27, or as seconds"
        ) from error
