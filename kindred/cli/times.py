"""Times, and lengths of time, as people write them on the command line: `2026-01-31`, `90s`, `30m`, `6h`, `7d`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import typer

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MOST_DAYS = 36_500


def seconds_in(text: str) -> int:
    """Seconds of a length of time. Raises: BadParameter where it is none, or longer than a century."""
    found = re.fullmatch(r"(\d{1,7})\s*([smhd])", text.strip())
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no length of time; write 90s, 30m, 6h or 7d")
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds > _MOST_DAYS * _UNITS["d"]:
        raise typer.BadParameter(f"{text!r} is too long a time; write {_MOST_DAYS}d at most")
    return seconds


def seconds_of(timestamp: datetime | None) -> int | None:
    """Seconds UTC of a timestamp given on the command line; one without a zone is UTC.

    Raises:
        SettingsError: it is older than any event, as the second of 1970 is that a year alone is read as.
    """
    from kindred.domain.errors import SettingsError
    from kindred.domain.properties import EARLIEST_TIME

    if timestamp is None:
        return None
    seconds = int((timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp())
    if seconds < EARLIEST_TIME:
        raise SettingsError(f"{timestamp} is before every event, which are of 1990 at the earliest", "write 2026-11-27")
    return seconds
