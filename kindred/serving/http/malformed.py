"""Requests, and single records of theirs, that have not the form that is described: what is wrong, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kindred.domain.properties import ExternalId
from kindred.domain.refusals import refusal

_ID: TypeAdapter[str] = TypeAdapter(ExternalId)
_TYPES = ("bool", "float", "int", "str")


@dataclass(frozen=True)
class Malformed:
    """A record of a list that has not the form of the others, which are taken without it.

    Attributes:
        said: its fields; empty where it is no table of names and values.
        reason: what is wrong with it.
    """

    said: Mapping[str, Any]
    reason: str

    def id_of(self, name: str) -> str:
        """What the field of that name holds where that can be an id, else nothing."""
        try:
            return _ID.validate_python(self.said.get(name))
        except ValidationError:
            return ""


def or_malformed(value: Any, check: Callable[[Any], Any]) -> Any:
    """The record that a value is, or what keeps it from being one; a validator around that of a list's records."""
    try:
        return check(value)
    except ValidationError as error:
        return Malformed(value if isinstance(value, dict) else {}, wrong_in(error.errors())[1])


def wrong_in(errors: Sequence[Any], begin: int = 0, whole: str = "the record") -> tuple[list[str], str]:
    """Where the error that tells most lies, and the same with what is wrong there.

    Args:
        errors: of a validator.
        begin: how many parts of where each lies come before its field.
        whole: what it is called where no field is wrong.
    """
    first = _telling(errors)
    where = [str(part) for part in first["loc"][begin:]]
    if first["type"] == "json_invalid":
        where = ["the body"]  # not how many letters stand before the fault
    if where and where[0][:1].isupper():
        del where[0]  # the class of one of several shapes that a body may have; fields are in small letters
    told = refusal(first)
    if len(where) > 1 and where[-1] in _TYPES:  # the value may be of several types, and is of none of them
        del where[-1]
        beside = [refusal(error) for error in errors if error["loc"][:-1] == first["loc"][:-1]]
        told = " or ".join(
            [told, *(other.removeprefix("must be ") for other in dict.fromkeys(beside) if other != told)]
        )
    place = ".".join(part for part in where if "[" not in part)  # no names of validators
    return where, f"{place or whole}: {told}"


def _telling(errors: Sequence[Any]) -> Any:
    """The first error; where that only says that a body has not one of its shapes, the first inside of another."""
    first = errors[0]
    named = str(first["loc"][-1]) if first["loc"] else ""
    is_shape = "[" in named or named[:1].isupper()
    return next((error for error in errors if is_shape and len(error["loc"]) > len(first["loc"])), first)
