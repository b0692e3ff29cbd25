"""What a write says, as the journal keeps it, and the records that it becomes in the graph."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import uuid4

from kindred.domain.errors import RecordError
from kindred.domain.properties import PropertyKind
from kindred.domain.records import Edge, Event, Node, content_id
from kindred.domain.refusals import did_you_mean
from kindred.domain.schema import edge_type_of
from kindred.ingest.cells.bad_records import BadRecord, Reason, checked, shown
from kindred.ingest.cells.numbers import number_of
from kindred.ingest.cells.times import seconds_of
from kindred.ingest.cells.values import given
from kindred.recommenders.system import System

EVENT, NODE, DELETE, APPLIED = "event", "node", "delete", "applied"
"""Kinds of entries; an applied one says up to which number the graph holds what was written."""
_NAMES = {"source_id": "user_id", "target_id": "item_id"}


def event_of(system: System, said: Mapping[str, Any]) -> Event:
    """The event that a client tells of: `user_id`, `item_id`, and properties of the system's event type.

    Without a time it happened now. Without an `event_id` its content is its key, so that the same said twice is one
    event, where it comes with a time; without either it is new each time.

    Raises:
        BadRecord: something is missing or can't be kept.
    """
    _check_names(said, [_NAMES.get(name, name) for name in system.target.model_fields])
    values = {_names_here(name): value for name, value in said.items() if value is not None}
    said_at = values.pop("at", "")
    at = None if said_at == "" else given(seconds_of(said_at, "at"), "at")
    values["at"] = int(time.time()) if at is None else at
    if "event_id" not in values:
        values["event_id"] = uuid4().hex if at is None else content_id(*_content(values))
    for prop in edge_type_of(system.target).properties:
        if prop.kind is PropertyKind.FLOAT and type(values.get(prop.name)) is int:
            values[prop.name] = float(number_of(values[prop.name], prop.name) or 0)
    event = checked(system.target, values, _NAMES)
    check_rating(system, event)
    return event


def _content(values: Mapping[str, Any]) -> Iterator[str]:
    """What an event says, in one form: 5.0 says what 5 says, and an empty text what none says."""
    for name in sorted(values):
        value = values[name]
        if value != "":
            yield f"{name}={int(value) if isinstance(value, float) and value.is_integer() else value}"


def _check_names(said: Collection[str], known: Sequence[str]) -> None:
    """Nothing, where all that is said has a place in a record. Raises: BadRecord."""
    for name in said:
        if name not in known:
            meant = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise BadRecord(Reason.WRONG_TYPE, f"there is no such property here{meant}", name)


def check_rating(system: System, event: Event) -> None:
    """Nothing, where the event's rating is on the system's scale. Raises: RecordError."""
    stars = None if system.rating is None else getattr(event, system.rating)
    if stars is not None and system.scale is not None and not system.scale.low <= stars <= system.scale.high:
        raise RecordError(f"rating: {stars:g} is not from {system.scale.low:g} to {system.scale.high:g}")


def _names_here(name: str) -> str:
    return next((here for here, there in _NAMES.items() if there == name), name)


def reason_of(error: RecordError) -> str:
    """What is wrong with a record, as a client is told."""
    field = error.field if isinstance(error, BadRecord) else ""
    return f"{field}: {error.message}" if field else error.message


def nodes_of(kind: type[Node], context: Sequence[type[Edge]], said: Mapping[str, Any]) -> list[Node | Edge]:
    """The node that a client tells of, and the nodes and edges of its context, e.g. `"category": ["Guitars"]`.

    Raises:
        BadRecord: something is missing or can't be kept.
    """
    names = {edge.target.label.lower(): edge for edge in context}
    _check_names(said, [*kind.model_fields, *names])
    node = checked(kind, {name: value for name, value in said.items() if name not in names}, {})
    found: list[Node | Edge] = [node]
    for name, edge in names.items():
        for target in _names_in(said.get(name), name):
            other = checked(edge.target, {"id": target}, {"id": name})
            key = content_id(node.id, other.id)
            found += [other, checked(edge, {"event_id": key, "source_id": node.id, "target_id": other.id}, {})]
    return found


def _names_in(value: object, field: str) -> Sequence[str]:
    """The names that a value holds, one or a list of them. Raises: BadRecord."""
    names = [] if value in (None, "") else [value] if isinstance(value, str) else value
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    raise BadRecord(Reason.WRONG_TYPE, f"a name or a list of names is wanted, got {shown(value)}", field)


def event_value(system: str, event: Event) -> dict[str, Any]:
    """The entry of an event."""
    return {"kind": EVENT, "system": system, "record": event.model_dump(exclude_none=True)}


def node_value(system: str, label: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of an item or user with properties."""
    return {"kind": NODE, "system": system, "label": label, "said": dict(said)}


def delete_value(system: str, label: str, node_id: str) -> dict[str, Any]:
    """The entry of a deletion."""
    return {"kind": DELETE, "system": system, "label": label, "id": node_id}


def applied_value(through: int, versions: Mapping[str, str]) -> dict[str, Any]:
    """The entry that says what the graph holds, and which versions hold the rows of the users who wrote."""
    return {"kind": APPLIED, "through": through, "versions": dict(versions)}


def event_in(system: System, value: Mapping[str, Any]) -> Event:
    """The event of an entry; events of a kind share the set of their fields, which would be more than half of each."""
    said = system.target.model_validate(value["record"])
    return system.target.model_construct(_fields_of(system.target), **dict(said))


@cache
def _fields_of(kind: type[Event]) -> set[str]:
    return set(kind.model_fields)


def nodes_in(system: System, value: Mapping[str, Any]) -> list[Node | Edge]:
    """The records of an entry of an item or user."""
    is_item = value["label"] == system.item_label
    kind = system.target.target if is_item else system.target.source
    return nodes_of(kind, system.context if is_item else (), value["said"])
