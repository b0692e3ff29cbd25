"""`kindred graph export`: the graph in files, for other tools."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.app import settings_of
from kindred.cli.graph import graph_app, seconds_of
from kindred.cli.stores import graph_of


class ExportFormat(StrEnum):
    """What `graph export` writes."""

    HETERO_DATA = "hetero-data"
    NEO4J_ADMIN = "neo4j-admin"


@graph_app.command("export", epilog="Example: kindred graph export --format hetero-data -o data/export")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option("-o", "--out", help="File or folder to write.")],
    form: Annotated[ExportFormat, typer.Option("--format")] = ExportFormat.HETERO_DATA,
    until: Annotated[datetime | None, typer.Option(help="The graph as of this moment (UTC).")] = None,
) -> None:
    """Write the graph for other tools."""
    from kindred.domain.schema import graph_schema
    from kindred.gnn.hetero_data import read_hetero_data
    from kindred.gnn.hetero_files import write_hetero_data
    from kindred.graph.neo4j_admin_files import write_admin_files

    with graph_of(settings_of(context)) as store, console.Bars() as bars:
        if form is ExportFormat.NEO4J_ADMIN:
            command = write_admin_files(store, graph_schema(), out, bars)
            console.result(command)
            console.note(
                "run this on an empty, stopped server, start it, then any kindred command makes the constraints"
            )
            return
        data, ids = read_hetero_data(store, graph_schema(), until=seconds_of(until))
    write_hetero_data(data, ids, out)
    console.result(str(out))
