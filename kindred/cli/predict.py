"""`kindred predict`: tags for all tracks of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, settings_of
from kindred.domain.shown import counted
from kindred.steps import predict_tags

_NAMED = 5


def predict(
    context: typer.Context,
    tracks: Annotated[str, typer.Option(metavar="FILE", help="The tracks: CSV, JSON lines or Parquet with `track`.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="CSV to write: track,prediction.")],
    run: Annotated[str | None, typer.Argument(help="Name of a run; by default the newest.")] = None,
    system: SystemName = "tags",
    as_json: AsJson = False,
) -> None:
    """Write how likely each tag is for every track of a file, in its order; unknown ones get how frequent tags are."""
    from kindred.domain.errors import SettingsError
    from kindred.recommenders.tagging.file import read_asked

    if system != "tags":
        raise SettingsError(f"system {system} predicts no tags", f"use `kindred recommend --system {system} --all`")
    settings = settings_of(context)
    with console.Bars() as bars:
        asked = read_asked(tracks, bars)
        done = predict_tags(settings, run, asked, out, bars)
    _tell(
        ("line has no track that can be read", "lines have no track that can be read, and no row"),
        [f"line {line} ({why})" for line, why in asked.bad.items()],
    )
    _tell(("track stands there more than once", "tracks stand there more than once, each row answered"), done.repeated)
    _tell(("track is not in the graph, so its row says how frequent tags are", _NOT_THERE), done.unknown)
    refused = [f"{track} ({why})" for track, why in done.refused.items()]
    _tell(("track has frames that can't be read", "tracks have frames that can't be read"), refused)
    _tell(("number is no tag of the training, a row has no place for it", _NO_TAGS), list(map(str, done.gaps)))
    if as_json:
        console.json_result({**asdict(done), "bad_lines": asked.bad, "file": out})
        return
    rests_on = ", ".join(f"{count:,} from {what}" for what, count in done.rests_on.items() if count)
    console.result(f"{done.tracks:,} tracks × {done.tags:,} tags ({rests_on}): {out}")


_NOT_THERE = "tracks are not in the graph, so their rows say how frequent tags are"
_NO_TAGS = "numbers are no tags of the training, a row has no place for them"


def _tell(said: tuple[str, str], names: Sequence[str]) -> None:
    """Says on stderr what was odd about one of them or several, and names the first few."""
    if names:
        more = ", …" if len(names) > _NAMED else ""
        console.note(f"{counted(len(names), *said)}: {', '.join(names[:_NAMED])}{more}")
