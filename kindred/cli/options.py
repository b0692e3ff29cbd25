"""What commands share: the options that many take, and the settings that those and the flags of the tree make."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console

if TYPE_CHECKING:
    from kindred.settings import Settings

SystemName = Annotated[str, typer.Option("--system", metavar="NAME", help="Which recommender: products, tracks, …")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def given_id(value: str | None) -> str | None:
    """Callback of options that take an id: an empty one is a slip in the command, not somebody unknown."""
    if value is not None and not value.strip():
        raise typer.BadParameter("an id is never empty")
    return value


def command_line(context: typer.Context, *words: str) -> str:
    """A command of ours as one can paste it: quoted, with those flags that say where everything is."""
    flags = [
        part for name, value in context.obj.items() if value for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    return shlex.join(["kindred", *flags, *words])


def settings_of(context: typer.Context, **flags: object) -> Settings:
    """The settings in force for a command: its own flags, then the shared ones, then the environment and files.

    What is given there but is no setting is named on stderr.
    """
    from kindred.settings import load_settings, unknown_settings

    settings = load_settings(**context.obj, **flags)
    for warning in unknown_settings(os.environ):
        console.note(f"warning: {warning}")
    return settings
