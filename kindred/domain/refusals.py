"""Why a value was refused, in words for people: what the validator of settings and config files found, said plainly."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be above {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be below {lt:g}",
    "finite_number": "must be finite",
    "int_from_float": "must be a whole number",
    "json_invalid": "is no JSON: {error}",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "string_too_short": "must have at least so many characters: {min_length}",
    "string_too_long": "must have at most so many characters: {max_length}",
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "dict": "a table of names and values",
    "model": "a table of names and values",
}


def refusal(error: ErrorDetails) -> str:
    """What is wrong with one value, to be read after its name: `must be at least 0`."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    wanted = wanted_kind(kind)
    if wanted is not None and kind.endswith(("_type", "_parsing")):
        return f"must be {wanted}"
    return error["msg"].replace("Input should be", "must be").replace("Input should", "must")


def wanted_kind(error_type: str) -> str | None:
    """What is wanted instead of a value of another kind, by pydantic's type of error; None where that can't be told."""
    return _KINDS.get(error_type.partition("_")[0])


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Words that offer the known name which a mistyped one most likely means; empty where none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[found[0]]}?" if found else ""
