"""`kindred graph view` and `kindred graph export`: the graph in files, to look at and for other tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.graph import graph_app
from kindred.cli.options import AsJson, given_id, settings_of
from kindred.cli.times import Until
from kindred.stores import graph_to_read

if TYPE_CHECKING:
    from kindred.graph.store import GraphStore


class ExportFormat(StrEnum):
    """What `graph export` writes."""

    HETERO_DATA = "hetero-data"
    DGL = "dgl"
    NETWORKX = "networkx"
    GRAPHML = "graphml"
    NEO4J_ADMIN = "neo4j-admin"


@graph_app.command("export", epilog="Example: kindred graph export --format graphml -o graph.graphml")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option("-o", "--out", help="File or folder to write.")],
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="hetero-data: a folder of tensors; dgl, networkx (JSON), graphml: a file; "
            "neo4j-admin: a folder of CSV files for the offline import.",
        ),
    ] = ExportFormat.HETERO_DATA,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Write the graph for other tools."""
    from kindred.domain.errors import SettingsError

    if form is ExportFormat.NEO4J_ADMIN and until is not None:
        raise SettingsError("--until is not for --format neo4j-admin", "leave it out: the whole graph is written")
    done = {"format": form.value, "written": str(out)}
    with graph_to_read(settings_of(context)) as store:
        if form is ExportFormat.NEO4J_ADMIN:
            done["import_command"] = _export_neo4j_admin(store, out)
        elif form in (ExportFormat.NETWORKX, ExportFormat.GRAPHML):
            _export_networkx(store, form, out, until)
        else:
            _export_tensors(store, form, out, until)
    if as_json:
        console.json_result(done)
    else:
        console.result(done.get("import_command", str(out)))


def _export_neo4j_admin(store: GraphStore, out: Path) -> str:
    """Writes the files; the command that imports them."""
    from kindred.domain.schema import graph_schema
    from kindred.graph.export.neo4j_admin_files import write_admin_files

    with console.Bars() as bars:
        how = write_admin_files(store, graph_schema(), out, bars)
    console.note("run this on an empty, stopped server, start it, then any kindred command makes the constraints")
    return how


def _export_networkx(store: GraphStore, form: ExportFormat, out: Path, until: int | None) -> None:
    from kindred.domain.schema import graph_schema
    from kindred.graph.export.graphml import write_graphml
    from kindred.graph.export.networkx_graph import write_node_link

    write = write_graphml if form is ExportFormat.GRAPHML else write_node_link
    with console.Bars() as bars:
        write(store, graph_schema(), out, until, bars)


def _export_tensors(store: GraphStore, form: ExportFormat, out: Path, until: int | None) -> None:
    from kindred.domain.schema import graph_schema

    if form is ExportFormat.DGL:
        from kindred.gnn.dgl_graph import write_dgl
        from kindred.gnn.hetero_data import read_hetero_data
        from kindred.gnn.layer_input import layer_input

        write_dgl(layer_input(read_hetero_data(store, graph_schema(), until=until)[0]), out)
    else:  # PyTorch, which it can do without, would take most of the time and memory
        from kindred.gnn.graph_arrays import read_graph_arrays, write_graph_arrays

        write_graph_arrays(*read_graph_arrays(store, graph_schema(), until=until), out)


@graph_app.command("view", epilog="Example: kindred graph view --user U00042 -o view.html")
def view(
    context: typer.Context,
    out: Annotated[Path, typer.Option("-o", "--out", help="HTML file to write.")],
    user: Annotated[str | None, typer.Option(callback=given_id, help="Id of a user.")] = None,
    product: Annotated[str | None, typer.Option(callback=given_id, help="Id of a product.")] = None,
    node: Annotated[str | None, typer.Option(help="LABEL:ID of any other node, e.g. Brand:Fender.")] = None,
    hops: Annotated[int, typer.Option(min=1, max=4, help="How far from the node, in edges.")] = 2,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Nodes at most.")] = 150,
    as_json: AsJson = False,
) -> None:
    """Show what is around a node, as one page that works offline."""
    from kindred.domain.schema import graph_schema
    from kindred.files import check_ending, whole_file
    from kindred.graph.view.neighbourhood import read_view
    from kindred.graph.view.page import page_of, partly_read

    check_ending(out, ".html", ".htm")
    middle = _node_of(user, product, node)
    with graph_to_read(settings_of(context)) as store:
        found = read_view(store, graph_schema(), middle, hops, limit)
    with whole_file(out) as part:
        part.write_text(page_of(found), "utf-8")
    left_out = f", {found.num_left_out:,} more nodes left out by --limit {limit}" if found.num_left_out else ""
    console.note(f"{len(found.nodes):,} nodes and {len(found.edges):,} edges{left_out}; open it in a browser")
    if found.num_partly_read:
        console.note(partly_read(found))
    if as_json:
        counts = {"nodes": len(found.nodes), "edges": len(found.edges), "left_out": found.num_left_out}
        console.json_result({"written": str(out), **counts})
    else:
        console.result(str(out))


def _node_of(user: str | None, product: str | None, node: str | None) -> tuple[str, str]:
    """Label and id of the one node that the options name."""
    from kindred.domain.errors import SettingsError

    label, colon, node_id = (node or "").partition(":")
    named = {"User": user, "Product": product} | ({label: node_id} if node is not None else {})
    given = [(label, node_id) for label, node_id in named.items() if node_id is not None]
    if len([option for option in (user, product, node) if option is not None]) != 1:
        raise SettingsError("name one node", "give one of --user ID, --product ID, --node LABEL:ID")
    if node is not None and not (colon and label and node_id):
        raise SettingsError(f"--node {node!r} is not LABEL:ID", "for example --node Brand:Fender")
    return given[0]
