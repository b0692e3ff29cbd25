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
    """What `Request.where` and `Request.bounds` are to hold; conditions on one number hold all together.

    Raises:
        SettingsError: one can't be read, the system's items have nothing that it names, or two name a label.
    """
    labels: list[tuple[str, str]] = []
    bounds: dict[str, Bounds] = {}
    for text in given:
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise _unread(text)
        name, sign, value = found[1].lower(), found[2], found[3]
        if name not in system.numbers and sign == "=":
            labels.append((name, value))
            continue
        number = _number(text, value)
        told = Bounds(number if sign != "<=" else None, number if sign != ">=" else None)
        bounds[name] = told.within(bounds.get(name, Bounds()))
    where = one_of_each(labels)
    system.check_conditions(where, bounds)
    return where, bounds


def one_of_each(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Label in lower case → the name that items are to lead to.

    Raises:
        SettingsError: a label has two names; that of either alone would be left aside without a word.
    """
    where: dict[str, str] = {}
    for label, name in labels:
        if where.setdefault(label.lower(), name) != name:
            raise SettingsError(f"two of {label.lower()}: {where[label.lower()]!r} and {name!r}", "ask for one of them")
    return where


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
