"""Paths that reach a command with `~` in them, because quotes kept the shell from reading it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from kindred.files import at_home


def read_home_paths(app: typer.Typer) -> None:
    """Makes every command of the tree, those of its groups included, take `~` in a path as the home folder."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _with_home_paths(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            read_home_paths(group.typer_instance)


def _with_home_paths(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def with_home_paths(*arguments: Any, **options: Any) -> Any:
        return command(*arguments, **{name: _read(value) for name, value in options.items()})

    return with_home_paths


def _read(value: object) -> object:
    if isinstance(value, Path):
        return at_home(value)
    return [_read(inner) for inner in value] if isinstance(value, list) else value
