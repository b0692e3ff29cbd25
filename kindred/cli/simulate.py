"""`kindred simulate tracks`: sessions of generated listeners against a recommender."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, settings_of

simulate_app = typer.Typer(help="Play sessions against a recommender.", no_args_is_help=True, rich_markup_mode=None)


class PolicyName(StrEnum):
    """Who chooses the next track."""

    RANDOM = "random"
    POPULAR = "popular"
    SAME_ARTIST = "same-artist"
    MODEL = "model"
    MODEL_ASKED_AGAIN = "model-asked-again"


@simulate_app.callback()
def simulate() -> None:
    """Keeps `tracks` a command of its own."""


@simulate_app.command("tracks", epilog="Example: kindred simulate tracks --policy model --sessions 2000")
def simulate_tracks(
    context: typer.Context,
    policy: Annotated[PolicyName, typer.Option(help="Who chooses; model: by lists made before the session.")],
    users: Annotated[int, typer.Option(min=1, help="As the sample was generated with.")] = 3000,
    tracks: Annotated[int, typer.Option(min=1, help="The same.")] = 4000,
    sessions: Annotated[int, typer.Option(min=1, help="How many are played.")] = 2000,
    seed: Annotated[int | None, typer.Option(min=0, help="The same; sessions follow from it too.")] = None,
    at_most: Annotated[int, typer.Option(min=1, help="Recommended tracks of one artist, by the model.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Mean time listened per session to recommended tracks, with its interval."""
    from kindred.simulating import simulate_sessions

    settings = settings_of(context, seed=seed)
    with console.Bars() as bars:
        found = simulate_sessions(settings, policy.value, (users, tracks), sessions, at_most, bars)
    mean, heard = found.mean, float(found.tracks.mean())
    if as_json:
        console.json_result({"policy": policy, "seconds": [mean.mean, mean.low, mean.high], "tracks": heard})
    else:
        console.result(f"{policy}: {mean.mean:.0f} s a session [{mean.low:.0f}, {mean.high:.0f}], {heard:.2f} tracks")
