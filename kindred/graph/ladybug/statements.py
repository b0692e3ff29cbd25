"""The Cypher that the embedded engine is sent: built from the schema's names alone, every value a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
from xxhash import xxh3_128

from kindred.domain.errors import SchemaError
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import EdgeType, GraphSchema, NodeType, Property, Table
from kindred.graph.rows import key_of

# The row of a node's or edge's texts and vectors, which the engine does not hold.
ROW = "_row"
_BESIDE = (PropertyKind.TEXT, PropertyKind.VECTOR)
_END_POINTS = {"source_id": "s.`id`", "target_id": "t.`id`"}
_ENGINE_TYPES: dict[PropertyKind, str] = {
    PropertyKind.STRING: "STRING",
    PropertyKind.INTEGER: "INT64",
    PropertyKind.FLOAT: "DOUBLE",
    PropertyKind.BOOLEAN: "BOOL",
    PropertyKind.TIMESTAMP: "INT64",
    PropertyKind.STRINGS: "STRING[]",
}
_CAST_TYPES = {
    "string": "STRING",
    "large_string": "STRING",
    "int64": "INT64",
    "double": "DOUBLE",
    "bool": "BOOL",
    "list<item: string>": "STRING[]",
}
_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")


def is_beside(prop: Property) -> bool:
    """Whether the property is kept beside the engine."""
    return prop.kind in _BESIDE


def engine_columns(table: Table) -> dict[str, str]:
    """Names and engine types of the properties that the engine itself holds, the row number last."""
    light = {p.name: _ENGINE_TYPES[p.kind] for p in table.properties if not is_beside(p) and p.name not in _END_POINTS}
    return light | ({ROW: "INT64"} if any(map(is_beside, table.properties)) else {})


def excerpt_columns(table: Table) -> dict[str, str]:
    """Names and engine types of the texts of which the engine holds the start, for Cypher alone: those of nodes."""
    if isinstance(table, EdgeType):
        return {}
    return {prop.name: "STRING" for prop in table.properties if prop.kind is PropertyKind.TEXT}


def written_columns(table: Table) -> dict[str, str]:
    """Names and engine types of every column of the engine's table."""
    return engine_columns(table) | excerpt_columns(table)


def pattern(table: Table) -> str:
    """A MATCH of every row `x` of the table, an edge's end points `s` and `t`."""
    if isinstance(table, NodeType):
        return f"MATCH (x:`{table.label}`)"
    return f"MATCH (s:`{table.source}`)-[x:`{table.type}`]->(t:`{table.target}`)"


def read_rows(table: Table, columns: Sequence[str], conditions: Sequence[str] = ()) -> str:
    """The columns of every row that fulfils all the conditions."""
    where = f"WHERE {' AND '.join(f'({condition})' for condition in conditions)}" if conditions else ""
    return f"{pattern(table)} {where} {_returned(columns)}"


def in_part(table: Table) -> str:
    """The condition of a row that its own offset, or that of an edge's source, is from `$first` to before `$after`."""
    offset = f"offset(id({'x' if isinstance(table, NodeType) else 's'}))"
    return f"{offset} >= $first AND {offset} < $after"


def end_of_offsets(table: Table) -> str:
    """The number after the last offset that `in_part` asks for."""
    label = table.label if isinstance(table, NodeType) else table.source
    return f"MATCH (x:`{label}`) RETURN max(offset(id(x))) + 1 AS `end`"


def read_rows_by_key(table: Table, columns: Sequence[str]) -> str:
    """The columns of the rows whose keys are in `$keys`."""
    return f"UNWIND $keys AS key {pattern(table)} WHERE x.`{key_of(table)}` = key {_returned(columns)}"


def read_edges_of_source(edge: EdgeType, columns: Sequence[str]) -> str:
    """The columns of the edges that start at node `$source`; only a single id is looked up in the index."""
    hop = f"MATCH (s:`{edge.source}` {{`id`: $source}})-[x:`{edge.type}`]->(t:`{edge.target}`)"
    return f"{hop} {_returned(columns)}"


def target_ids(edge: EdgeType) -> str:
    """The ids that the edges of node `$source` lead to."""
    return f"MATCH (s:`{edge.source}` {{`id`: $source}})-[x:`{edge.type}`]->(t:`{edge.target}`) RETURN t.`id` AS `id`"


def count_rows(table: Table) -> str:
    """The number of rows. It counts values: `count(*)` reads a size that is wrong after some deletions."""
    return f"{pattern(table)} RETURN count(x.`{key_of(table)}`) AS rows"


def copy_rows(table: Table, columns: Sequence[str], variable: str) -> str:
    """Adds the rows of the Arrow table in that Python variable, whose columns are in this order."""
    pair = "" if isinstance(table, NodeType) else f" (from='{table.source}', to='{table.target}')"
    named = ", ".join(f"`{name}`" for name in columns if name not in _END_POINTS)
    return f"COPY `{table.name}` ({named}) FROM {variable}{pair}"


def create_rows(table: Table, columns: pa.Schema) -> str:
    """Adds the rows of `$rows`, which have these columns."""
    values = ", ".join(f"`{name}`: {value}" for name, value in _given(columns).items())
    if isinstance(table, NodeType):
        return f"UNWIND $rows AS row CREATE (:`{table.label}` {{{values}}})"
    return (
        f"UNWIND $rows AS row MATCH (s:`{table.source}` {{`id`: row.`source_id`}}) "
        f"MATCH (t:`{table.target}` {{`id`: row.`target_id`}}) CREATE (s)-[:`{table.type}` {{{values}}}]->(t)"
    )


def update_nodes(node: NodeType, columns: pa.Schema) -> str:
    """Gives the nodes of `$rows`, which have these columns, their values."""
    values = ", ".join(f"x.`{name}` = {value}" for name, value in _given(columns).items() if name != "id")
    return f"UNWIND $rows AS row MATCH (x:`{node.label}` {{`id`: row.`id`}}) SET {values}"


def delete_rows(table: Table) -> str:
    """Deletes the rows whose keys are in `$keys`, nodes with their edges."""
    verb = "DETACH DELETE" if isinstance(table, NodeType) else "DELETE"
    return f"UNWIND $keys AS key {pattern(table)} WHERE x.`{key_of(table)}` = key {verb} x"


def neighbours(edge: EdgeType, columns: Sequence[str], outgoing: bool) -> str:
    """Edges at node `$id`, newest first, at most `$limit`: the id at the other end, and the columns."""
    here, there = ("s", "t") if outgoing else ("t", "s")
    newest = "coalesce(x.`at`, 0) DESC, x.`event_id`" if edge.is_event else "x.`event_id`"
    return (
        f"{pattern(edge)} WHERE {here}.`id` = $id {_returned(columns)}, {there}.`id` AS `_other` "
        f"ORDER BY {newest} LIMIT $limit"
    )


def _returned(columns: Sequence[str]) -> str:
    return "RETURN " + ", ".join(f"{_END_POINTS.get(name, f'x.`{name}`')} AS `{name}`" for name in columns)


def _given(columns: pa.Schema) -> dict[str, str]:
    """The value of each column of `row`; cast, since a column of nothing but nulls has no type of its own."""
    names = [name for name in columns.names if name not in _END_POINTS]
    return {name: f"CAST(row.`{name}` AS {_CAST_TYPES[str(columns.field(name).type)]})" for name in names}


def schema_statements(
    schema: GraphSchema, columns: Mapping[str, Mapping[str, str]], pairs: Mapping[str, Iterable[tuple[str, str]]]
) -> list[str]:
    """What brings an existing database up to the schema; nothing where it is already.

    Args:
        schema: the labels and edge types that there must be.
        columns: engine type by column of each table that is there.
        pairs: source and target labels that each relationship table joins.

    Raises:
        SchemaError: a name that the engine can't hold, or a property that is there with another type.
    """
    _check_names(schema)
    statements: list[str] = []
    there = {name: dict(types) for name, types in columns.items()}
    joined = {name: set(labels) for name, labels in pairs.items()}
    tables: tuple[Table, ...] = (*schema.nodes, *schema.edges)
    for table in tables:
        if table.name not in there:
            there[table.name] = written_columns(table)
            statements.append(_create_table(table))
            if isinstance(table, EdgeType):
                joined[table.name] = {(table.source, table.target)}
            continue
        if isinstance(table, EdgeType) and (table.source, table.target) not in joined.setdefault(table.name, set()):
            joined[table.name].add((table.source, table.target))
            statements.append(f"ALTER TABLE `{table.type}` ADD FROM `{table.source}` TO `{table.target}`")
        statements += _added_columns(table, there[table.name])
    return statements


def schema_key(schema: GraphSchema) -> str:
    """A name of the tables that a schema asks for: a graph that is known to have them need not be asked one by one."""
    return xxh3_128("\n".join(schema_statements(schema, {}, {})).encode()).hexdigest()


def _create_table(table: Table) -> str:
    columns = ", ".join(f"`{name}` {kind}" for name, kind in written_columns(table).items())
    if isinstance(table, NodeType):
        return f"CREATE NODE TABLE `{table.label}` ({columns}, PRIMARY KEY (`id`))"
    return f"CREATE REL TABLE `{table.type}` (FROM `{table.source}` TO `{table.target}`, {columns})"


def _added_columns(table: Table, there: dict[str, str]) -> list[str]:
    added = []
    for name, kind in written_columns(table).items():
        if name not in there:
            there[name] = kind
            added.append(f"ALTER TABLE `{table.name}` ADD `{name}` {kind}")
        elif (found := there[name]) != kind:
            raise SchemaError(
                f"{table.name}.{name} is {found} in the graph, {kind} in the schema",
                "give the property another name, or build the graph anew",
            )
    return added


def _check_names(schema: GraphSchema) -> None:
    tables: tuple[Table, ...] = (*schema.nodes, *schema.edges)
    names = [(table.name, prop.name) for table in tables for prop in table.properties]
    for name in dict.fromkeys(name for pair in names for name in pair):
        if not _NAME.fullmatch(name):
            raise SchemaError(f"{name!r} can't name a table or property", "use letters, digits and underscores")
    both = {node.label for node in schema.nodes} & {edge.type for edge in schema.edges}
    if both:
        raise SchemaError(f"{both.pop()!r} is a label and an edge type", "rename one of them")
