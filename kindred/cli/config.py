"""`kindred config show`: the effective settings and where each came from."""

from __future__ import annotations

import os

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, settings_of

config_app = typer.Typer(help="The settings in force.", no_args_is_help=True, rich_markup_mode=None)


@config_app.command("show", epilog="Example: KINDRED_SEED=11 kindred config show")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Every setting: its value, where it came from, what it is for. Secrets are never shown."""
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
