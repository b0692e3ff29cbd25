"""What is around one node: the nodes within some hops and the edges between them, at most so many."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kindred.domain.errors import SchemaError
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import EdgeType, GraphSchema, NodeType
from kindred.graph.store import GraphStore, Neighbour, QueryLimits, Scalar

NodeKey = tuple[str, str]  # label, id
EDGES_READ = 200  # a node, edge type and direction; as many as the limit of nodes where that is more

_Values = tuple[tuple[str, Scalar], ...]
_EdgeKey = tuple[EdgeType, NodeKey, NodeKey, _Values]


@dataclass(frozen=True)
class ViewNode:
    """A node of the view, `hops` edges away from the one in the middle."""

    type: NodeType
    id: str
    hops: int
    properties: Mapping[str, Scalar]

    @property
    def key(self) -> NodeKey:
        return (self.type.label, self.id)


@dataclass(frozen=True)
class ViewEdge:
    """An edge between two nodes of the view."""

    type: EdgeType
    source: NodeKey
    target: NodeKey
    properties: Mapping[str, Scalar]


@dataclass(frozen=True)
class View:
    """Nodes, the middle one first and each after one it is joined to, and the edges between them.

    Attributes:
        num_left_out: nodes that were found within the hops, but are over the limit.
        num_partly_read: nodes with so many edges of one type that only the newest `num_edges_read` of these were read.
    """

    nodes: tuple[ViewNode, ...]
    edges: tuple[ViewEdge, ...]
    num_left_out: int
    num_partly_read: int = 0
    num_edges_read: int = EDGES_READ


def read_view(store: GraphStore, schema: GraphSchema, middle: NodeKey, hops: int = 2, limit: int = 150) -> View:
    """The nodes within `hops` of the middle, at most `limit` of them, and the edges between them.

    Where there are more, a hop before the last takes half of the room that is left, and within a hop those come first
    that join several nodes of the hop before, then the newest of each. Any engine gives the same view.

    Raises:
        SchemaError: there is no such label, or no node of that id.
    """
    schema.node(middle[0])
    first = _read_properties(store, schema, [middle])
    if middle not in first:
        raise SchemaError(f"no {middle[0]} {middle[1]!r} in the graph", "`kindred graph query` lists ids")
    walk = _Walk(store, schema, {middle: 0}, max(EDGES_READ, limit))
    ring = [middle]
    for hop in range(1, hops + 1):
        room = limit - len(walk.distance)
        ring = walk.widen(ring, hop, room if hop == hops else (room + 1) // 2)
    properties = first | _read_properties(store, schema, list(walk.distance)[1:])
    nodes = tuple(
        ViewNode(schema.node(key[0]), key[1], hop, properties[key])
        for key, hop in walk.distance.items()
        if key in properties
    )
    there = {node.key for node in nodes}
    edges = tuple(walk.edges_between(there))
    return View(nodes, edges, len(walk.found - there), len(walk.partly_read), walk.edges_read)


@dataclass
class _Walk:
    """A walk outwards, ring by ring; `distance` holds the nodes taken, in order."""

    store: GraphStore
    schema: GraphSchema
    distance: dict[NodeKey, int]
    edges_read: int
    partly_read: set[NodeKey] = field(default_factory=set)
    found: set[NodeKey] = field(default_factory=set)
    _seen: dict[tuple[NodeKey, bool], Counter[_EdgeKey]] = field(default_factory=lambda: defaultdict(Counter))

    def widen(self, ring: list[NodeKey], hop: int, room: int) -> list[NodeKey]:
        """Takes the best `room` nodes around the ring, and returns them."""
        ranks: dict[NodeKey, list[int]] = defaultdict(list)
        for key in ring:
            new = (other for other in self._look_around(key) if other not in self.distance)
            for rank, other in enumerate(new):
                ranks[other].append(rank)
        self.found.update(ranks)
        best = sorted(ranks, key=lambda other: (-len(ranks[other]), min(ranks[other]), other))[:room]
        self.distance.update(dict.fromkeys(best, hop))
        return best

    def _look_around(self, key: NodeKey) -> list[NodeKey]:
        """The nodes around one, newest first, types taking turns; notes the edges."""
        node = self.schema.node(key[0])
        turns: dict[tuple[EdgeType, bool], int] = defaultdict(int)
        order: dict[NodeKey, tuple[int, NodeKey]] = {}
        for edge in self.store.neighbourhood(node, key[1], self.edges_read, self.schema.edges):
            other = (edge.node_label, edge.node_id)
            ends = (key, other) if edge.outgoing else (other, key)
            self._seen[key, edge.outgoing][edge.edge, *ends, _values(edge)] += 1
            order.setdefault(other, (turns[edge.edge, edge.outgoing], other))
            turns[edge.edge, edge.outgoing] += 1
        if max(turns.values(), default=0) >= self.edges_read:
            self.partly_read.add(key)
        return sorted(order, key=order.__getitem__)

    def edges_between(self, nodes: set[NodeKey]) -> Iterator[ViewEdge]:
        """The edges whose ends are both among the nodes, those that both ends saw once, in a fixed order."""
        edges: Counter[_EdgeKey] = Counter()
        for seen in self._seen.values():
            edges |= seen  # the greater count: both ends see the same edges
        within = (edge for edge in edges if edge[1] in nodes and edge[2] in nodes)
        for type_, source, target, values in sorted(within, key=_edge_order):
            for _ in range(edges[type_, source, target, values]):
                yield ViewEdge(type_, source, target, dict(values))


def _values(edge: Neighbour) -> _Values:
    """An edge's properties, hashable: without its key, this is all that tells two edges apart."""
    known = ((name, value) for name, value in edge.properties.items() if value is not None)
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in known)


def _edge_order(edge: _EdgeKey) -> tuple[str, NodeKey, NodeKey, str]:
    return edge[0].type, edge[1], edge[2], repr(edge[3])


def _read_properties(
    store: GraphStore, schema: GraphSchema, keys: Iterable[NodeKey]
) -> dict[NodeKey, dict[str, Scalar]]:
    """The properties of the nodes that are there, vectors and what is null left out."""
    ids: dict[str, list[str]] = defaultdict(list)
    for label, node_id in keys:
        ids[label].append(node_id)
    found: dict[NodeKey, dict[str, Scalar]] = {}
    for label, wanted in ids.items():
        names = [p.name for p in schema.node(label).properties if p.kind is not PropertyKind.VECTOR]
        returned = ", ".join(f"n.`{name}` AS `{name}`" for name in names)
        cypher = f"MATCH (n:`{label}`) WHERE n.`id` IN $ids RETURN {returned}"
        for row in store.query(cypher, {"ids": wanted}, QueryLimits(rows=len(wanted))).to_pylist():
            found[label, row["id"]] = {name: value for name, value in row.items() if value is not None}
    return found
