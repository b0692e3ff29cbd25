"""The schema as people and tools read it: rows of a table, a Mermaid picture, plain data."""

from __future__ import annotations

from collections.abc import Iterator

from kindred.domain.properties import PropertyKind
from kindred.domain.schema import KEY_COLUMNS, GraphSchema, NodeType, Property, Table

SCHEMA_HEADER = ("label or edge", "property", "type", "required", "encoded")


def schema_rows(schema: GraphSchema) -> Iterator[tuple[str, str, str, str, str]]:
    """A row a property, under `SCHEMA_HEADER`; labels first. What every edge has, its key and ends, is left out."""
    tables: tuple[Table, ...] = (*schema.nodes, *schema.edges)
    for table in tables:
        shown = [prop for prop in _written(table) if prop.name not in KEY_COLUMNS]
        name = _name(table)
        for prop in shown:
            required, encoded = _yes(prop.required), _yes(_is_encoded(table, prop))
            yield (name, prop.name, prop.kind.value, required, encoded)
            name = ""
        if not shown:
            yield (name, "", "", "", "")


def schema_data(schema: GraphSchema) -> dict[str, list[dict[str, object]]]:
    """Labels and edge types with their properties, for JSON."""
    return {
        "nodes": [{"label": node.label, "properties": _described(node)} for node in schema.nodes],
        "edges": [
            {"source": edge.source, "type": edge.type, "target": edge.target, "properties": _described(edge)}
            for edge in schema.edges
        ],
    }


def mermaid(schema: GraphSchema) -> str:
    """A Mermaid flow chart: a box a label with its properties, an arrow an edge type."""
    boxes = [f'    {node.label}["{"<br/>".join([node.label, *_facts(node)])}"]' for node in schema.nodes]
    arrows = [f"    {edge.source} -->|{edge.type}| {edge.target}" for edge in schema.edges]
    return "\n".join(["graph LR", *boxes, *arrows])


def _facts(node: NodeType) -> list[str]:
    return [prop.name for prop in _written(node) if prop.name != "id"]


def _described(table: Table) -> list[dict[str, object]]:
    return [
        {
            "name": prop.name,
            "type": prop.kind.value,
            "required": prop.required,
            "encoded": _is_encoded(table, prop),
        }
        for prop in _written(table)
    ]


def _written(table: Table) -> list[Property]:
    """The properties that a record states; embeddings are derived from those."""
    return [prop for prop in table.properties if prop.kind is not PropertyKind.VECTOR]


def _is_encoded(table: Table, prop: Property) -> bool:
    return any(prop.name in other.encodes for other in table.properties)


def _name(table: Table) -> str:
    if isinstance(table, NodeType):
        return table.label
    return f"({table.source})-[{table.type}]->({table.target})"


def _yes(fact: bool) -> str:
    return "yes" if fact else ""
