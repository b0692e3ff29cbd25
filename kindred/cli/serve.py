"""`kindred serve`: answers over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli.options import settings_of
from kindred.stores import vectors_of

if TYPE_CHECKING:
    from kindred.settings import Settings


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on; this machine only unless given.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes that answer.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Where nothing is published, generate, train and publish the sample first.")
    ] = False,
) -> None:
    """Answer over HTTP from what is published: recommendations, similar items, health and metrics; pages for people."""
    settings = settings_of(context, serve_host=host, serve_port=port, serve_workers=workers)
    if demo and not _is_published(settings):
        from kindred.cli.demo import prepare
        from kindred.serving.running import check_address

        check_address(settings)
        prepare(settings)
    from kindred.serving.running import run

    run(settings)


def _is_published(settings: Settings) -> bool:
    """Whether there is anything to answer from."""
    with vectors_of(settings) as vectors:
        return any(vectors.of(system).published() is not None for system in vectors.systems())
