"""What commands share: options that many take, groups of options, and the settings that flags make."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.domain.id_text import id_in

if TYPE_CHECKING:
    from kindred.settings import Settings

SystemName = Annotated[str, typer.Option("--system", metavar="NAME", help="Which recommender: products, tracks, …")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter that is a dataclass of options taken apart, one parameter an option."""
    parameters: list[Parameter] = []
    groups: dict[str, type] = {}
    for parameter in signature(command, eval_str=True).parameters.values():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            groups[parameter.name] = kind
            parameters += signature(kind, eval_str=True).parameters.values()
        else:
            parameters.append(parameter)

    @wraps(command)
    def taken_apart(**given: object) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    apart = Signature([parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in parameters])
    taken_apart.__signature__ = apart  # type: ignore[attr-defined]
    taken_apart.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return taken_apart


def given_id(value: str | None) -> str | None:
    """Callback of options that take an id: what no id can be is a slip in the command, not somebody unknown."""
    from kindred.domain.properties import check_storable_id

    if value is None:
        return None
    if not (found := id_in(value)):
        raise typer.BadParameter("an id is never empty")
    try:
        return check_storable_id(found)
    except ValueError as error:
        raise typer.BadParameter(f"no id holds a {error}") from error


def command_line(context: typer.Context, *words: str) -> str:
    """A command of ours as one can paste it: quoted, with those flags that say where everything is."""
    flags = [
        part for name, value in context.obj.items() if value for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    return shlex.join(["kindred", *flags, *words])


def naming(system: str) -> tuple[str, ...]:
    """The words of a command that name a system; none for the one that commands mean without."""
    return () if system == "products" else ("--system", system)


def evaluate_line(context: typer.Context, system: str, *, timed: bool) -> str:
    """The command that evaluates a system, by the protocol that its events allow: without times none is the last."""
    return command_line(context, "evaluate", *naming(system), *(() if timed else ("--protocol", "random")))


def settings_of(context: typer.Context, **flags: object) -> Settings:
    """The settings in force for a command: its own flags, then the shared ones, then the environment and files.

    What is given there but is no setting is named on stderr.
    """
    from kindred.settings import load_settings, unknown_settings

    settings = load_settings(**context.obj, **flags)
    for warning in unknown_settings(os.environ):
        console.note(f"warning: {warning}")
    return settings
