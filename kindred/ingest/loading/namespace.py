"""Namespaces: ids of one source told apart from equal ids of another.

Without one, equal ids mean the same thing: a user who writes reviews and listens to music under one id is one node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from kindred.domain.records import Brand, Category, Edge, Event, Genre, Node, Query, Topic, User, content_id
from kindred.ingest.formats.source import Parsed, Source, Values

# Their ids are names and texts, which mean the same wherever they come from.
_NAMED: tuple[type[Node], ...] = (Category, Brand, Genre, Topic, Query)
_REMEMBERED = 50_000


@dataclass(frozen=True)
class Namespace:
    """Prefixes for ids: `users` for those of users, `items` for those of whatever else a source numbers by itself."""

    users: str = ""
    items: str = ""

    def id_of(self, node: type[Node], external: str) -> str:
        """The id in this namespace of a node that the source calls `external`."""
        prefix = self.users if node is User else "" if node in _NAMED else self.items
        return f"{prefix}:{external}" if prefix else external


def in_namespace(source: Source, namespace: Namespace) -> Source:
    """The source, all ids of its records in that namespace."""
    if namespace == Namespace():
        return source

    @lru_cache(_REMEMBERED)  # a node that is mentioned again and again stays one object, which staging relies on
    def renamed_node(node: Node) -> Node:
        return node.model_copy(update={"id": namespace.id_of(type(node), node.id)})

    def renamed_edge(edge: Edge) -> Edge:
        prefixes = [namespace.users, namespace.items]
        if not isinstance(edge, Event):  # what holds once between two nodes is told apart by its ends alone
            prefixes = [namespace.id_of(end, "") for end in (edge.source, edge.target)]
        return edge.model_copy(
            update={
                "event_id": content_id(*prefixes, edge.event_id) if any(prefixes) else edge.event_id,
                "source_id": namespace.id_of(edge.source, edge.source_id),
                "target_id": namespace.id_of(edge.target, edge.target_id),
            }
        )

    def parse(row: Values) -> Parsed:
        parsed = source.parse(row)
        records: Sequence[Node | Edge] = parsed.records
        return parsed._replace(records=[renamed_edge(r) if isinstance(r, Edge) else renamed_node(r) for r in records])

    if (prepare := source.prepare) is None:
        return replace(source, parse=parse)
    return replace(source, parse=parse, prepare=lambda rows: in_namespace(prepare(rows), namespace))
