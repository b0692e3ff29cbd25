"""Conditions on items as people write them: `category=Guitars`, `price<=20`, `in_stock=yes`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from kindred.domain.errors import SettingsError
from kindred.domain.recommendation import Bounds
from kindred.recommenders.system import System

_CONDITION = re.compile(r"\s*([A-Za-z_]+)\s*(<=|>=|=)\s*(\S.*)")
_TRUTHS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


def conditions_of(system: System, given: Iterable[str]) -> tuple[dict[str, str], dict[str, Bounds]]:
    """What `Request.where` and `Request.bounds` are to hold; conditions on one number are taken together.

    Raises:
        SettingsError: one can't be read, or the system's items have nothing that it names.
    """
    where: dict[str, str] = {}
    bounds: dict[str, Bounds] = {}
    for text in given:
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise _unread(text)
        name, sign, value = found[1].lower(), found[2], found[3]
        if name not in system.numbers and sign == "=":
            where[name] = value
            continue
        before, number = bounds.get(name, Bounds()), _number(text, value)
        least, most = (number if sign != "<=" else before.least), (number if sign != ">=" else before.most)
        bounds[name] = Bounds(least, most)
    system.check_conditions(where, bounds)
    return where, bounds


def _number(text: str, value: str) -> float:
    try:
        number = _TRUTHS[value.lower()] if value.lower() in _TRUTHS else float(value)
    except ValueError as error:
        raise _unread(text) from error
    if not math.isfinite(number):
        raise _unread(text)
    return number


def _unread(text: str) -> SettingsError:
    return SettingsError(
        f"where takes LABEL=NAME, NUMBER<=N, NUMBER>=N or NUMBER=N, got {text!r}",
        "e.g. category=Guitars, price<=20, in_stock=yes",
    )
