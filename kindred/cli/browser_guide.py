"""`kindred browser-guide`: Neo4j Browser with Kindred's guide, colours and saved queries."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson

PORT = 8765

browser_guide_app = typer.Typer(
    help="Guide, style and saved queries for Neo4j Browser.", no_args_is_help=True, rich_markup_mode=None
)

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to serve on; 0 picks a free one.")]


@browser_guide_app.command("serve", epilog="Example: kindred browser-guide serve --port 8765")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 only inside a container.")] = "127.0.0.1",
    port: Port = PORT,
) -> None:
    """Serve the pack to Neo4j Browser and say what to type there; Ctrl-C ends it with exit code 130."""
    from kindred.graph.browser.server import open_pack_server

    with open_pack_server(host, port) as server:
        console.result(_what_to_type(f"http://localhost:{server.server_port}"))
        console.note("serving; Ctrl-C stops")
        server.serve_forever()


def _what_to_type(address: str) -> str:
    style, guide = f"style {address}/style.grass", f"{address}/guide.html"
    return "\n".join([
        "Type in Neo4j Browser:",
        f"  :{style}",
        f"  :play {guide}",
        f"  :guide {guide}",
        "",
        "Or let neo4j.conf do so on every login:",
        "  browser.remote_content_hostname_whitelist=localhost",
        f"  browser.post_connect_cmd={style}; play {guide}",
    ])  # fmt: skip


@browser_guide_app.command("export", epilog="Example: kindred browser-guide export -o pack")
def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the pack to.")],
    port: Port = PORT,
    as_json: AsJson = False,
) -> None:
    """Write guide, style, saved queries and a Bloom perspective; the guide links to localhost at --port."""
    from kindred.graph.browser.pack import write_pack

    written = [str(path) for path in write_pack(out, f"http://localhost:{port}")]
    if as_json:
        console.json_result(written)
    else:
        console.result("\n".join(written))
    queries, style = (shlex.quote(str(out / name)) for name in ("queries.zip", "style.grass"))
    console.note(f"drag {queries} or {style} onto Neo4j Browser; the guide must be served over HTTP")
