"""`kindred graph`: what is in the graph, asked in Cypher, copied; `graph_files.py` adds what writes files."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, settings_of
from kindred.stores import graph_of, graph_to_read, query_graph

if TYPE_CHECKING:
    from kindred.domain.properties import PropertyKind
    from kindred.domain.schema import GraphSchema
    from kindred.graph.statistics import GraphStatistics

graph_app = typer.Typer(help="Look into the graph.", no_args_is_help=True, rich_markup_mode=None)


@graph_app.command("stats", epilog="Example: kindred graph stats --json")
def stats(context: typer.Context, as_json: AsJson = False) -> None:
    """Counts per label and edge type, the time span, and the content hash (equal content, equal hash)."""
    from kindred.domain.schema import graph_schema
    from kindred.graph.statistics import graph_statistics

    with graph_to_read(settings_of(context)) as store, console.Bars() as bars:
        found = graph_statistics(store, graph_schema(), bars)
    if as_json:
        console.json_result(asdict(found))
    else:
        console.result(_stats_table(found))


def _stats_table(found: GraphStatistics) -> str:
    rows = [(name, count) for name, count in (*found.nodes.items(), *found.edges.items()) if count]
    text = console.table(["label or type", "count"], rows) if rows else "the graph is empty"
    if found.earliest is not None and found.latest is not None:
        text += f"\n\nevents from {_day(found.earliest)} to {_day(found.latest)}"
    return f"{text}\ncontent hash {found.content_hash}"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


class SchemaFormat(StrEnum):
    """How `graph schema` shows the schema."""

    TABLE = "table"
    MERMAID = "mermaid"


@graph_app.command("schema", epilog="Example: kindred graph schema --format mermaid")
def schema(
    form: Annotated[SchemaFormat, typer.Option("--format", help="A table, or a Mermaid picture.")] = SchemaFormat.TABLE,
    as_json: AsJson = False,
) -> None:
    """What a graph may hold: labels, edge types, their properties. No graph is opened."""
    from kindred.domain.schema import graph_schema
    from kindred.graph import schema_text

    if as_json:
        console.json_result(schema_text.schema_data(graph_schema()))
    elif form is SchemaFormat.MERMAID:
        console.result(schema_text.mermaid(graph_schema()))
    else:
        console.result(console.table(schema_text.SCHEMA_HEADER, schema_text.schema_rows(graph_schema())))
        console.note("every edge has event_id, its key; encoded: a text whose embedding is kept beside it")


@graph_app.command("query", epilog="Example: kindred graph query 'MATCH (p:Product) RETURN p.id AS id LIMIT 5'")
def query(
    context: typer.Context,
    cypher: Annotated[str, typer.Argument(help="A read-only query; alias every column.")],
    param: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE for $NAME: a string beside a property of strings, else JSON where it is that."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows returned at most.")] = 1000,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Time allowed; KINDRED_QUERY_SECONDS.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run your own Cypher, read-only, within the memory that KINDRED_QUERY_MEMORY_MB allows."""
    from kindred.cli.answer_text import answer_text
    from kindred.domain.properties import PropertyKind
    from kindred.domain.schema import graph_schema

    answer = query_graph(settings_of(context), cypher, parameters_of(param or [], cypher), rows, seconds)
    if as_json:
        console.json_result(answer.to_pylist())
    else:
        console.result(answer_text(answer, kinds_of(graph_schema(), PropertyKind.VECTOR)))
    if answer.num_rows >= rows:
        console.note(f"stopped at {rows} rows; raise --rows for more")


def parameters_of(pairs: list[str], cypher: str) -> dict[str, object]:
    """Query parameters from NAME=VALUE; a value that is JSON is taken as JSON, anything else as a string.

    So is a number that the query compares with a property that the schema knows as a string only: ids may be digits.
    """
    import json

    from kindred.domain.properties import PropertyKind
    from kindred.domain.schema import graph_schema

    strings = kinds_of(graph_schema(), PropertyKind.STRING)
    parameters: dict[str, object] = {}
    for name, text in texts_of(pairs).items():
        try:
            parameters[name] = json.loads(text)
        except json.JSONDecodeError:
            parameters[name] = text
        if compared_with(cypher, name) & strings:
            parameters[name] = _as_strings(parameters[name], text)
    return parameters


def kinds_of(schema: GraphSchema, kind: PropertyKind) -> set[str]:
    """Names of the properties that are of this kind wherever they occur."""
    named = [prop for node in schema.nodes for prop in node.properties]
    named += [prop for edge in schema.edges for prop in edge.properties]
    return {prop.name for prop in named} - {prop.name for prop in named if prop.kind is not kind}


def compared_with(cypher: str, parameter: str) -> set[str]:
    """Names of the properties that a query compares with a parameter."""
    name, value = r"`?(\w+)`?", rf"\${re.escape(parameter)}\b"
    before = rf"(?:\.|[{{,])\s*{name}\s*(?:=|<>|:|\bIN\b|\bSTARTS\s+WITH\b|\bENDS\s+WITH\b|\bCONTAINS\b)\s*{value}"
    after = rf"{value}\s*(?:=|<>)\s*`?\w+`?\.{name}"
    return {*re.findall(before, cypher, re.IGNORECASE), *re.findall(after, cypher, re.IGNORECASE)}


def _as_strings(value: object, text: str) -> object:
    if isinstance(value, list):
        return [inner if isinstance(inner, str) else str(inner) for inner in value]
    return value if value is None or isinstance(value, str) else text


def texts_of(pairs: list[str]) -> dict[str, str]:
    """The text of each NAME=VALUE by its name."""
    from kindred.domain.errors import SettingsError

    texts: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise SettingsError(f"--param {pair!r} is not NAME=VALUE", "for example --param user=U00042")
        texts[name] = value
    return texts


@graph_app.command("copy", epilog="Example: kindred graph copy --from ladybug:data/graph --to neo4j://127.0.0.1:7687")
def copy(
    context: typer.Context,
    source: Annotated[str, typer.Option("--from", help="URL of the graph to copy.")],
    target: Annotated[str, typer.Option("--to", help="URL of the graph to fill.")],
    as_json: AsJson = False,
) -> None:
    """Copy a graph from one engine to another, proved by its content hash; the same completes an interrupted one."""
    from kindred.domain.schema import graph_schema
    from kindred.graph.copy import copy_graph

    settings = settings_of(context)
    urls = [settings.model_copy(update={"graph_url": url}) for url in (source, target)]
    with graph_to_read(urls[0]) as given, graph_of(urls[1]) as filled, console.Bars() as bars:
        report = copy_graph(given, filled, graph_schema(), bars)
    if as_json:
        console.json_result(asdict(report))
    else:
        console.result(f"{report.num_nodes:,} nodes and {report.num_edges:,} edges, content hash {report.content_hash}")
