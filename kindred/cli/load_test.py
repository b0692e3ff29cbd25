"""`kindred load-test`: how a service of this machine bears so many requests a second."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, settings_of

_HINTS = {
    "401": "give a key with --key",
    "403": "give a key with the scope read with --key",
    "404": "publish a version of the system, or name another with --system",
    "429": "ask at a lower rate, or raise KINDRED_SERVE_RATE",
}
"""What to do where the service refused, by the status of its replies."""
MOST_USERS = 500


def load_test(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Argument(help="A service of this machine; by default where the settings have it.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=2_000, help="Requests a second.")] = 100.0,
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="For how long.")] = 10.0,
    user: Annotated[
        list[str] | None, typer.Option(help="Who asks; by default the users with most events in the graph.")
    ] = None,
    key: Annotated[str | None, typer.Option(envvar="KINDRED_KEY", help="For a service that wants one.")] = None,
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Ask a service of this machine for recommendations at a steady rate; exit code 5 unless all were answered."""
    from kindred.domain.errors import GateError, SettingsError, install_hint
    from kindred.steps import recommender_of

    try:
        from kindred.client import key_header
        from kindred.serving.load_test import Load, report_text, run_load
    except ImportError as error:
        raise SettingsError("the package httpx is missing", f"run `{install_hint('client')}`") from error

    try:
        key_header(key)
    except ValueError as error:
        raise SettingsError(str(error), "give it with --key or KINDRED_KEY") from None
    settings = settings_of(context)
    where = url or f"http://127.0.0.1:{settings.serve_port}"
    users = user or []
    if not users:
        with recommender_of(settings, system) as recommender:
            users = recommender.example_users(MOST_USERS)
    report = run_load(Load(where, users, rate, seconds, system, key))
    console.json_result(asdict(report)) if as_json else console.result(report_text(report))
    if report.statuses.get("200", 0) < report.requests:
        refused = next((status for status in _HINTS if status in report.statuses), "")
        hint = _HINTS.get(refused, "see the service's log, or ask at a lower rate")
        raise GateError("not every request was answered", hint)
