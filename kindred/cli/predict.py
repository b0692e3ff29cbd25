"""`kindred predict`: tags for all tracks of a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, settings_of
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
        len(asked.bad),
        "lines without a track that can be read: they have no row",
        (f"line {line} ({why})" for line, why in asked.bad.items()),
    )
    _tell(len(done.repeated), "tracks stand there more than once: each row has its answer", done.repeated)
    _tell(len(done.unknown), "tracks are not in the graph: their rows say how frequent tags are", done.unknown)
    _tell(len(done.refused), "tracks' frames can't be read", [f"{t} ({why})" for t, why in done.refused.items()])
    _tell(len(done.gaps), "numbers are no tags of the training: a row has no place for them", map(str, done.gaps))
    if as_json:
        console.json_result({**asdict(done), "bad_lines": asked.bad, "file": out})
        return
    rests_on = ", ".join(f"{count:,} from {what}" for what, count in done.rests_on.items() if count)
    console.result(f"{done.tracks:,} tracks × {done.tags:,} tags ({rests_on}): {out}")


def _tell(count: int, what: str, names: Iterable[str]) -> None:
    """Says on stderr what was odd, and names the first few."""
    if count:
        named = list(names)[:_NAMED]
        console.note(f"{count:,} {what}: {', '.join(named)}{', …' if count > len(named) else ''}")
