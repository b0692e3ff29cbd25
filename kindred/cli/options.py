"""What commands share: the options that many take, and the settings that those and the flags of the tree make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kindred.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def given_id(value: str | None) -> str | None:
    """Callback of options that take an id: an empty one is a slip in the command, not somebody unknown."""
    if value is not None and not value.strip():
        raise typer.BadParameter("an id is never empty")
    return value


def settings_of(context: typer.Context, **flags: object) -> Settings:
    """The settings in force for a command: its own flags, then the shared ones, then the environment and files."""
    from kindred.settings import load_settings

    return load_settings(**context.obj, **flags)
