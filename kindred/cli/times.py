"""Times, and lengths of time, as people write them on the command line: `2026-01-31`, `90s`, `30m`, `6h`, `7d`."""

from __future__ import annotations

import re
from typing import Annotated

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


def _seconds_of(text: str) -> int:
    """Whole seconds UTC of a time, in any form that requests take too. Raises: SettingsError where it is none."""
    from kindred.domain.errors import SettingsError
    from kindred.domain.properties import EARLIEST_TIME
    from kindred.domain.times import time_of

    try:
        seconds = int(time_of(text).timestamp())
    except ValueError as error:
        advice = "write it like 2026-11-27, 2026-11-27T10:45:00Z, or as seconds"
        raise SettingsError(f"--until: {error}", advice) from error
    if seconds < EARLIEST_TIME:
        raise SettingsError(f"{text} is before every event, which are of 1990 at the earliest", "write 2026-11-27")
    return seconds


Until = Annotated[
    int | None,
    typer.Option(parser=_seconds_of, metavar="TIME", help="The graph as of this time (UTC), e.g. 2026-01-31."),
]
