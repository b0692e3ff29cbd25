"""Lengths of time as people write them: `90s`, `30m`, `6h`, `7d`."""

from __future__ import annotations

import re

import typer

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_in(text: str) -> int:
    """Seconds of a length of time. Raises: BadParameter where it is none."""
    found = re.fullmatch(r"(\d{1,7})\s*([smhd])", text.strip())
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no length of time; write 90s, 30m, 6h or 7d")
    return int(found[1]) * _UNITS[found[2]]
