"""Which parts of a request a recommender goes by: the others are refused, never left aside without a word."""

from __future__ import annotations

from collections.abc import Container, Iterable
from collections.abc import Set as AbstractSet

from kindred.domain.errors import SettingsError
from kindred.domain.recommendation import Request
from kindred.recommenders.system import System

_WORDS = {
    "events": "events of the request",
    "queries": "searches",
    "text": "text",
    "viewed": "viewed items",
    "at": "time",
    "where": "conditions",
    "bounds": "bounds of numbers",
    "exclude": "excluded items",
    "among": "given candidates",
    "at_most": "so many of one label",
    "diversity": "diversity",
    "pinned": "pinned items",
    "boosts": "boosts",
    "version": "version",
}
"""What parts of a request are called; who asks, how many, and what is told beside the answer every system goes by."""

OF_EVENTS = frozenset(_WORDS) - {"queries"}
OF_SEARCHES = frozenset({"queries", "text", "at", "where", "bounds", "exclude", "among", "version"})
OF_FEED = frozenset({"at", "where", "exclude", "among", "version"})
OF_TAGS = frozenset({"exclude", "among", "version"})

_NAMED = 5
"""Ids of items that are not there which a note names."""


def named_items(request: Request) -> list[str]:
    """Items that the request says something about but does not ask to be shown, each once."""
    return list(dict.fromkeys([*sorted(request.exclude), *request.boosts, *(request.among or ())]))


def left_aside(named: Iterable[str], there: Container[str], version: str) -> str:
    """Which of the items that a request names a version does not have, in words; empty where there are none."""
    unknown = [item for item in dict.fromkeys(named) if item not in there]
    if not unknown:
        return ""
    more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    return f"left aside, not in version {version}: {', '.join(unknown[:_NAMED])}{more}"


def check_parts(system: System, request: Request, heeded: AbstractSet[str]) -> None:
    """Checks that an answer will go by all that the request says.

    Raises:
        SettingsError: it has a part that the recommender does not go by, or items have nothing that a condition names.
    """
    for part, word in _WORDS.items():
        if part in heeded:
            continue
        value = getattr(request, part)
        is_given = value is not None if getattr(Request, part, ()) is None else bool(value)
        if is_given:
            goes_by = ", ".join(of for name, of in _WORDS.items() if name in heeded)
            raise SettingsError(f"system {system.name} does not go by {word}", f"it goes by {goes_by}")
    system.check_conditions((*request.where, *request.at_most), request.bounds)
