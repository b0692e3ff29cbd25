"""`kindred keys`: make, list and revoke the keys of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, settings_of

if TYPE_CHECKING:
    from kindred.serving.protection.keys import Key, Keys

keys_app = typer.Typer(
    help="Keys of the service: each is shown once, when it is made, and kept as a hash.",
    epilog="Example: kindred keys create --name shop --scope read --scope write",
    no_args_is_help=True,
)


@keys_app.command("create", epilog="Example: kindred keys create --name shop --scope read --scope write")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Who gets it; a name may have two active keys.")],
    scope: Annotated[list[str], typer.Option(help="read, write or admin (everything, deletion too); may be repeated.")],
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: it can't be read again."""
    from kindred.domain.errors import SettingsError
    from kindred.serving.protection.keys import Scope

    try:
        scopes = [Scope(one) for one in scope]
    except ValueError as error:
        raise SettingsError(str(error), f"scopes are {', '.join(Scope)}") from error
    key, secret = _keys(context).create(name, scopes)
    if as_json:
        console.json_result({**_said(key), "key": secret})
        return
    console.note(f"key {key.id} of {key.name}, scopes {', '.join(key.scopes)}; keep it now, only its hash is stored")
    console.result(secret)


@keys_app.command("list", epilog="Example: kindred keys list --json")
def list_keys(context: typer.Context, as_json: AsJson = False) -> None:
    """List keys, oldest first, revoked ones too."""
    from kindred.domain.times import iso_time

    keys = _keys(context).all()
    if as_json:
        console.json_result([_said(key) for key in keys])
        return
    rows = [[k.id, k.name, ", ".join(k.scopes), iso_time(k.created), iso_time(k.revoked)] for k in keys]
    console.result(console.table(["id", "name", "scopes", "created", "revoked"], rows))


@keys_app.command("revoke", epilog="Example: kindred keys revoke 1f00a7c2")
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a key, as `kindred keys list` has it.")],
    as_json: AsJson = False,
) -> None:
    """End a key: a service that runs refuses it from the next request on."""
    key = _keys(context).revoke(key_id)
    if as_json:
        console.json_result(_said(key))
        return
    console.result(f"revoked {key.id} of {key.name}")


def _keys(context: typer.Context) -> Keys:
    from kindred.serving.protection.keys import keys_of

    return keys_of(settings_of(context).data_dir)


def _said(key: Key) -> dict[str, object]:
    from kindred.domain.times import iso_time

    return {
        "id": key.id,
        "name": key.name,
        "scopes": [str(scope) for scope in key.scopes],
        "created": iso_time(key.created),
        "revoked": iso_time(key.revoked),
    }
