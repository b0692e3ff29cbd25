"""The Cypher that Neo4jStore sends: built from the schema's names alone, every value a parameter.

Rows travel as columns, `$c.<column>[i]`: packing them costs the client a third of what a list of maps costs. Answers
come back as one record of lists for the same reason.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kindred.domain.schema import EdgeType, GraphSchema, NodeType, Property, Table
from kindred.graph.rows import key_of

EACH_ROW = "UNWIND range(0, size($c.{key}) - 1) AS i"
# Until an index is filled, statements are planned without it, and go on being run like that.
AWAIT_INDEXES = "CALL db.awaitIndexes(3600)"
SCHEMA_NAMES = "SHOW INDEXES YIELD name"  # an index that serves a constraint has its name
METADATA = "_Kindred"  # labels that no schema can declare: names there are identifiers of classes
VECTORS = "_KindredVector"


def quoted(name: str) -> str:
    """A name of the schema as Cypher writes it."""
    return "`" + name.replace("`", "``") + "`"


def pattern(table: Table, condition: str = "") -> str:
    """A MATCH pattern of the table's rows `x` (end points `s` and `t`), with a property map such as `{id: $id}`."""
    if isinstance(table, NodeType):
        return f"(x:{quoted(table.label)} {condition})"
    return f"(s:{quoted(table.source)})-[x:{quoted(table.type)} {condition}]->(t:{quoted(table.target)})"


def keyed(table: Table, key: str) -> str:
    """MATCH of the row whose key is the Cypher expression `key`, by its index whatever the planner thinks."""
    name = key_of(table)
    return f"MATCH {pattern(table, f'{{{name}: {key}}}')} {_by_index(table)}"


def _by_index(table: Table) -> str:
    # A seek: with `USING INDEX` alone the planner may scan the whole index once a row, if the type is empty as yet.
    return f"USING INDEX SEEK x:{quoted(table.name)}({key_of(table)})"


def value_of(column: str) -> str:
    """The Cypher expression of a column of row `x`."""
    ends = {"source_id": "s.id", "target_id": "t.id"}
    return ends.get(column) or f"x.{quoted(column)}"


def given(column: str) -> str:
    """The Cypher expression of a column of the row that was sent."""
    return f"$c.{quoted(column)}[i]"


def stored_columns(table: Table, columns: Sequence[str]) -> list[str]:
    """Those of the columns that are properties: all but the key and an edge's end points."""
    return [name for name in columns if name not in (key_of(table), "source_id", "target_id")]


def schema_statements(schema: GraphSchema, there: Collection[str] = ()) -> list[str]:
    """Constraints and indexes of every label and type; each is run in a transaction of its own.

    A type that joins several pairs of labels has its keys unique within each pair only, so it gets an index instead
    of a constraint.

    Args:
        schema: what the graph may hold.
        there: names of the constraints and indexes that the server has, which need no statement: who may only read
            can't even run one that would change nothing.
    """
    made = [
        (
            f"{node.label}_id",
            f"CREATE CONSTRAINT {{}} IF NOT EXISTS FOR (x:{quoted(node.label)}) REQUIRE x.id IS UNIQUE",
        )
        for node in schema.nodes
    ]
    single_pairs = {table.name for table in constrained_tables(schema) if isinstance(table, EdgeType)}
    for name in dict.fromkeys(edge.type for edge in schema.edges):
        constraint, index = f"{name}_event_id", f"{name}_event_id_index"
        edges = f"FOR ()-[x:{quoted(name)}]-()"
        if name in single_pairs:
            made.append((index, "DROP INDEX {} IF EXISTS"))
            made.append((constraint, f"CREATE CONSTRAINT {{}} IF NOT EXISTS {edges} REQUIRE x.event_id IS UNIQUE"))
        else:
            made.append((constraint, "DROP CONSTRAINT {} IF EXISTS"))
            made.append((index, f"CREATE INDEX {{}} IF NOT EXISTS {edges} ON (x.event_id)"))
    for label, key in ((METADATA, "key"), (VECTORS, "name")):
        made.append(
            (f"{label}_{key}", f"CREATE CONSTRAINT {{}} IF NOT EXISTS FOR (x:{label}) REQUIRE x.{key} IS UNIQUE")
        )
    wanted = [(name, statement) for name, statement in made if statement.startswith("DROP") == (name in there)]
    return [statement.format(quoted(name)) for name, statement in wanted]


def constrained_tables(schema: GraphSchema) -> list[Table]:
    """The tables whose keys the server keeps unique: every label, and each type that joins one pair of labels."""
    types = [edge.type for edge in schema.edges]
    return [*schema.nodes, *(edge for edge in schema.edges if types.count(edge.type) == 1)]


def known_rows(table: Table) -> str:
    """Which rows of `$c` are there: one list of row numbers."""
    key = key_of(table)
    return f"{EACH_ROW.format(key=key)} {keyed(table, given(key))} RETURN collect(i)"


def create_nodes(node: NodeType, columns: Sequence[str]) -> str:
    """Creates the nodes of `$c`."""
    return f"{EACH_ROW.format(key='id')} CREATE (x:{quoted(node.label)} {_given_map(columns)})"


def update_nodes(node: NodeType, columns: Sequence[str]) -> str:
    """Gives the nodes of `$c` those of its values that are not null and differ; how many nodes changed."""
    stored = stored_columns(node, columns)
    differs = [
        f"{given(name)} IS NOT NULL AND ({value_of(name)} IS NULL OR {value_of(name)} <> {given(name)})"
        for name in stored
    ]
    sets = ", ".join(f"{value_of(name)} = coalesce({given(name)}, {value_of(name)})" for name in stored)
    return (
        f"{EACH_ROW.format(key='id')} {keyed(node, given('id'))} WITH i, x WHERE {' OR '.join(differs)} "
        f"SET {sets} RETURN count(x)"
    )


def create_edges(edge: EdgeType, columns: Sequence[str]) -> str:
    """Creates the edges of `$c`, their end points being positions in `$sources` and `$targets`; how many.

    All of them, or none where a node is missing: both lists of nodes must be those that were asked for, in order.
    """
    properties = ["event_id", *stored_columns(edge, columns)]
    return (
        f"{_nodes_of('$sources', edge.source, 's')} {_nodes_of('$targets', edge.target, 't')} "
        f"WITH * WHERE s_ids = $sources AND t_ids = $targets {EACH_ROW.format(key='event_id')} "
        f"WITH i, ss[{given('source_id')}] AS s, ts[{given('target_id')}] AS t "
        f"CREATE (s)-[:{quoted(edge.type)} {_given_map(properties)}]->(t) RETURN count(*)"
    )


def _nodes_of(ids: str, label: str, name: str) -> str:
    """A subquery for the nodes with those ids, as the lists `<name>s` and `<name>_ids`."""
    node = quoted(label)
    found = f"MATCH ({name}:{node} {{id: id}}) USING INDEX SEEK {name}:{node}(id)"
    return (
        f"CALL () {{ UNWIND {ids} AS id {found} RETURN collect({name}) AS {name}s, collect({name}.id) AS {name}_ids }}"
    )


def differing_edges(edge: EdgeType, columns: Sequence[str]) -> str:
    """Which edges of `$c` are there with other content: one list of row numbers."""
    differs = [
        f"NOT coalesce({value_of(name)} = {given(name)}, {value_of(name)} IS NULL AND {given(name)} IS NULL)"
        for name in columns
        if name != "event_id"
    ]
    return (
        f"{EACH_ROW.format(key='event_id')} {keyed(edge, given('event_id'))} "
        f"WITH i, s, x, t WHERE {' OR '.join(differs)} RETURN collect(i)"
    )


def delete_rows(table: Table) -> str:
    """Deletes the rows with the keys of `$c`, nodes with their edges; how many there were."""
    key = key_of(table)
    verb = "DETACH DELETE" if isinstance(table, NodeType) else "DELETE"
    return f"{EACH_ROW.format(key=key)} {keyed(table, given(key))} {verb} x RETURN count(*)"


def rows_by_key(table: Table, columns: Sequence[str]) -> str:
    """The rows with the keys of `$c`, in no order: one list a column."""
    key = key_of(table)
    return f"{EACH_ROW.format(key=key)} {keyed(table, given(key))} {_collected(table, columns)}"


def page(table: Table, columns: Sequence[str], until: bool) -> str:
    """The next `$size` rows after key `$after`, by key: the last key and one list a column."""
    key = f"x.{key_of(table)}"
    in_time = " AND (x.at IS NULL OR x.at <= $until)" if until else ""
    carried = "x" if isinstance(table, NodeType) else "s, x, t"
    return (
        f"MATCH {pattern(table)} {_by_index(table)} WHERE {key} > $after{in_time} "
        f"WITH {carried} ORDER BY {key} LIMIT $size {_collected(table, columns, last_key=True)}"
    )


def edges_of_source(edge: EdgeType, columns: Sequence[str]) -> str:
    """The edges that leave node `$id`: one list a column."""
    here = f"(s:{quoted(edge.source)} {{id: $id}})-[x:{quoted(edge.type)}]->(t:{quoted(edge.target)})"
    return f"MATCH {here} WITH s, x, t {_collected(edge, columns)}"


def _collected(table: Table, columns: Sequence[str], last_key: bool = False) -> str:
    """One list a column. `collect` drops nulls, so what may be null is read from the collected rows."""
    required = {prop.name for prop in table.properties if prop.required}
    lists = ["collect(x) AS xs"]
    answers = [f"xs[-1].{key_of(table)}"] if last_key else []
    for number, name in enumerate(columns):
        if name in required:
            lists.append(f"collect({value_of(name)}) AS c{number}")
            answers.append(f"c{number}")
        else:
            answers.append(f"[x IN xs | x.{quoted(name)}] AS c{number}")
    return f"WITH {', '.join(lists)} RETURN {', '.join(answers)}"


def count_rows(table: Table) -> str:
    """The number of rows of the table."""
    return f"MATCH {pattern(table)} RETURN count(x)"


def count_named(table: Table) -> str:
    """The number of nodes with the table's label, or of edges of its type between any; the server has it counted."""
    rows = f"(x:{quoted(table.name)})" if isinstance(table, NodeType) else f"()-[x:{quoted(table.name)}]->()"
    return f"MATCH {rows} RETURN count(x)"


def neighbours(node: NodeType, edges: Sequence[EdgeType], light: Sequence[Sequence[Property]]) -> str:
    """Edges at node `$id`, newest first, `$limit` a type and direction: (number of type, outgoing, other id, values).

    Args:
        node: the label of the node.
        edges: the types to follow.
        light: for each of them, the properties to read, in the order of the values.
    """
    branches = []
    for number, (edge, properties) in enumerate(zip(edges, light, strict=True)):
        values = ", ".join(f"x.{quoted(prop.name)}" for prop in properties)
        newest = "coalesce(x.at, 0) DESC, x.event_id" if edge.is_event else "x.event_id"
        for outgoing, here, there in ((True, edge.source, edge.target), (False, edge.target, edge.source)):
            if here != node.label:
                continue
            left, right = ("-", "->") if outgoing else ("<-", "-")
            branches.append(
                f"MATCH (n){left}[x:{quoted(edge.type)}]{right}(m:{quoted(there)}) "
                f"WITH x, m ORDER BY {newest} LIMIT $limit "
                f"RETURN {number} AS type, {str(outgoing).lower()} AS outgoing, m.id AS id, [{values}] AS seen"
            )
    start = f"MATCH (n:{quoted(node.label)} {{id: $id}})"
    return f"{start} CALL (n) {{ {' UNION ALL '.join(branches)} }} RETURN type, outgoing, id, seen"


def target_ids(edge: EdgeType) -> str:
    """The ids that the edges of node `$id` lead to."""
    return f"MATCH (:{quoted(edge.source)} {{id: $id}})-[:{quoted(edge.type)}]->(t:{quoted(edge.target)}) RETURN t.id"


def _given_map(columns: Sequence[str]) -> str:
    return "{" + ", ".join(f"{quoted(name)}: {given(name)}" for name in columns) + "}"
