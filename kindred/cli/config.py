"""`kindred config`: the effective settings and where each came from."""

from __future__ import annotations

import os

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, settings_of

_EPILOG = "Example: KINDRED_SEED=11 kindred config --json"

config_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@config_app.callback(epilog=_EPILOG)
def config(context: typer.Context, as_json: AsJson = False) -> None:
    """The settings in force: each value, where it came from, what it is for. Secrets are never shown."""
    if context.invoked_subcommand is None:
        show(context, as_json)


@config_app.command("show", epilog=_EPILOG)
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """The same as `kindred config`."""
    rows = _rows(context)
    if as_json:
        console.json_result({name: {"value": value, "source": source} for name, value, source, _ in rows})
    else:
        console.result(console.table(["setting", "value", "from", "meaning"], rows))


def _rows(context: typer.Context) -> list[tuple[str, str, str, str]]:
    from kindred.settings import Settings, setting_sources

    settings = settings_of(context)
    flags = {name for name, value in context.obj.items() if value is not None}
    sources = setting_sources(os.environ)
    rows = []
    for name, field in Settings.model_fields.items():
        source = "flag" if name in flags else sources.get(name, "default")
        rows.append((name, str(getattr(settings, name)), source, field.description or ""))
    return rows
