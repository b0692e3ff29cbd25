"""Nodes of which a row tells the id alone, e.g. the user of an event."""

from __future__ import annotations

from functools import lru_cache

from kindred.domain.records import Node

_REMEMBERED = 200_000


@lru_cache(_REMEMBERED)
def node_of(kind: type[Node], node_id: str) -> Node:
    """The node of this class and id; one object while it is remembered, since rows name the same again and again."""
    return kind(id=node_id)
