"""`kindred serve`: answers over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from kindred.cli.options import settings_of


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on; this machine only unless given.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes that answer.")] = None,
) -> None:
    """Answer over HTTP from what is published: recommendations, similar items, health and metrics."""
    settings = settings_of(context, serve_host=host, serve_port=port, serve_workers=workers)
    from kindred.serving.running import run

    run(settings)
