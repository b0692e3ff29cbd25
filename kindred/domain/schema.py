"""The graph schema, derived from the record classes: labels, edge types, their properties and Arrow columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import TYPE_CHECKING, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from kindred.domain.errors import SchemaError
from kindred.domain.properties import Encoded, PropertyKind
from kindred.domain.records import RECORDS, Edge, Node

if TYPE_CHECKING:  # declarations of systems name node and edge types, and are read by commands that need no column
    import pyarrow as pa

KEY_COLUMNS = ("event_id", "source_id", "target_id")


@dataclass(frozen=True)
class Property:
    """A column of a node or edge table.

    Attributes:
        encodes: for a vector, the text properties that it is the embedding of, in the order they are read.
    """

    name: str
    kind: PropertyKind
    required: bool = False
    encodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeType:
    """A label and its properties; `id` is the first of them."""

    label: str
    properties: tuple[Property, ...]

    @property
    def name(self) -> str:
        return self.label


@dataclass(frozen=True)
class EdgeType:
    """An edge type between two labels and its properties; the key columns come first."""

    source: str
    type: str
    target: str
    properties: tuple[Property, ...]

    @property
    def name(self) -> str:
        return self.type

    @property
    def triple(self) -> tuple[str, str, str]:
        """The key that PyTorch Geometric uses: (source label, type, target label)."""
        return (self.source, self.type, self.target)

    @property
    def is_event(self) -> bool:
        return any(p.name == "at" for p in self.properties)


Table = NodeType | EdgeType
"""A node or edge table."""


@dataclass(frozen=True)
class GraphSchema:
    """Every label and edge type that a graph may hold."""

    nodes: tuple[NodeType, ...]
    edges: tuple[EdgeType, ...]

    def node(self, label: str) -> NodeType:
        """The node type of that label. Raises: SchemaError when there is none."""
        for node in self.nodes:
            if node.label == label:
                return node
        raise SchemaError(f"no label {label!r} in the schema", f"labels are {', '.join(n.label for n in self.nodes)}")

    def edge(self, triple: Sequence[str]) -> EdgeType:
        """The edge type of (source, type, target). Raises: SchemaError when there is none."""
        for edge in self.edges:
            if edge.triple == tuple(triple):
                return edge
        known = ", ".join("-".join(e.triple) for e in self.edges)
        raise SchemaError(f"no edge type {tuple(triple)!r} in the schema", f"edge types are {known}")


@cache
def graph_schema() -> GraphSchema:
    """The schema of everything declared in `records.RECORDS`."""
    return derive_schema(RECORDS)


def derive_schema(records: Iterable[type[Node] | type[Edge]]) -> GraphSchema:
    """The schema that the record classes declare.

    Raises:
        SchemaError: an edge names a node class that is not among the records.
    """
    records = tuple(records)
    nodes = tuple(NodeType(r.label, _properties(r)) for r in records if issubclass(r, Node))
    edges = tuple(edge_type_of(r) for r in records if issubclass(r, Edge))
    labels = {node.label for node in nodes}
    for edge in edges:
        if missing := {edge.source, edge.target} - labels:
            raise SchemaError(f"{edge.type} joins undeclared label {missing.pop()!r}", "declare its record class")
    return GraphSchema(nodes, edges)


@cache
def edge_type_of(record: type[Edge]) -> EdgeType:
    """The edge type that one record class declares."""
    return EdgeType(record.source.label, record.edge_type, record.target.label, _properties(record))


def _properties(record: type[Node] | type[Edge]) -> tuple[Property, ...]:
    found: list[Property] = []
    for name, field in record.model_fields.items():
        metadata = _metadata(field)
        kinds = [m for m in metadata if isinstance(m, PropertyKind)]
        if len(kinds) != 1:
            raise SchemaError(
                f"{record.__name__}.{name} has no property kind", "annotate it with a type of properties.py"
            )
        found.append(Property(name, kinds[0], required=field.is_required()))
        for mark in (m for m in metadata if isinstance(m, Encoded)):
            read = (mark.after, name) if mark.after else (name,)
            found.append(Property(f"{name}_embedding", PropertyKind.VECTOR, encodes=read))
    return tuple(found)


def _metadata(field: FieldInfo) -> list[object]:
    """Annotations of the field, those inside `X | None` included."""
    is_union = get_origin(field.annotation) in (Union, UnionType)
    options = get_args(field.annotation) if is_union else ()
    return [*field.metadata, *(m for option in options for m in getattr(option, "__metadata__", ()))]


@cache
def _arrow_types() -> dict[PropertyKind, pa.DataType]:
    import pyarrow as pa

    return {
        PropertyKind.STRING: pa.string(),
        PropertyKind.TEXT: pa.large_string(),
        PropertyKind.INTEGER: pa.int64(),
        PropertyKind.FLOAT: pa.float64(),
        PropertyKind.BOOLEAN: pa.bool_(),
        PropertyKind.TIMESTAMP: pa.int64(),
        PropertyKind.STRINGS: pa.list_(pa.string()),
    }


def arrow_schema(table: Table, vector_length: int | None = None) -> pa.Schema:
    """Columns of one node or edge table.

    Args:
        table: the node or edge type.
        vector_length: length of the embedding columns; None leaves these columns out.
    """
    import pyarrow as pa

    fields = []
    for prop in table.properties:
        if prop.kind is not PropertyKind.VECTOR:
            fields.append(pa.field(prop.name, _arrow_types()[prop.kind], nullable=not prop.required))
        elif vector_length is not None:
            fields.append(pa.field(prop.name, pa.list_(pa.float16(), vector_length)))
    return pa.schema(fields)


def to_table(table: Table, records: Sequence[Node | Edge]) -> pa.Table:
    """The records as Arrow columns, embeddings left out (the loader adds those)."""
    import pyarrow as pa

    schema = arrow_schema(table)
    # A field's name is a call into C++ each time it is asked for; an attrgetter asks once a column.
    columns = [pa.array(list(map(attrgetter(f.name), records)), type=f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)
