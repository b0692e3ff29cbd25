"""Times as people write them, in options and requests: ISO 8601 or seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from kindred.domain.properties import EARLIEST_TIME

_PLUS_AS_BLANK = re.compile(r"(?<=:\d\d) (?=\d\d(?::?\d\d)?$)")
"""Where the plus sign of an offset stands in a query as it is, and not as %2B, it arrives as a blank."""


@lru_cache(maxsize=64)  # most answers tell the same time: that of their version
def iso_time(seconds: int | None) -> str | None:
    """Seconds UTC as ISO 8601; None where it is a year that has no such form."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None


def time_of(text: str) -> datetime:
    """The time of an ISO 8601 text, UTC where it names no zone, or of seconds since 1990, as events have.

    A smaller number is no time: 1999 is hardly meant to be a second of 1970.

    Raises:
        ValueError: it is no time.
    """
    bare = text.strip()
    try:
        if bare.isdecimal() and bare.isascii() and len(bare) <= 12 and int(bare) >= EARLIEST_TIME:
            return datetime.fromtimestamp(int(bare), UTC)
        found = datetime.fromisoformat(_PLUS_AS_BLANK.sub("+", bare))
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is no time") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
