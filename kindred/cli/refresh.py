"""`kindred refresh`: train, judge and publish what is no worse, once or again and again."""

from __future__ import annotations

import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, settings_of
from kindred.cli.times import seconds_in
from kindred.domain.allocator import give_back_freed
from kindred.domain.errors import GateError, KindredError
from kindred.domain.shown import counted

if TYPE_CHECKING:
    from types import FrameType

    from kindred.refreshing import Refreshed


def refresh(
    context: typer.Context,
    every: Annotated[
        str | None, typer.Option(metavar="TIME", help="Again and again, so long from start to start: 30m, 6h, 1d.")
    ] = None,
    worse_by: Annotated[
        float, typer.Option(min=0, max=1, help="Share by which NDCG@10 may fall below that of what answers.")
    ] = 0.05,
    keep: Annotated[
        int, typer.Option(min=0, help="Finished runs that stay beside those published; tagged ones do.")
    ] = 3,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings as JSON; by default those of what answers.")
    ] = None,
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Train on the graph of now and publish if no worse; else exit code 5, and what answered still does."""
    from kindred.recommenders.config import read_model_config
    from kindred.recommenders.systems import find_system
    from kindred.refreshing import RefreshOptions
    from kindred.refreshing import refresh as once

    settings = settings_of(context)
    find_system(system)
    options = RefreshOptions(worse_by, keep, None if config is None else read_model_config(config))
    seconds = None if every is None else seconds_in(every)
    signal.signal(signal.SIGTERM, _interrupt)
    while True:
        began = time.monotonic()
        try:
            with console.Bars() as bars:
                done = once(settings, system, options, bars)
            _print(done, as_json, again=seconds is not None)
            if seconds is None and done.missed:
                raise GateError(line_of(done), "see its report, or allow more with --worse-by")
        except KindredError as error:
            if seconds is None:
                raise
            console.note(f"not refreshed: {error}")  # what answered still does; the next time may go well
        if seconds is None:
            return
        give_back_freed()
        time.sleep(max(0.0, began + seconds - time.monotonic()))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends it as Ctrl-C does."""
    raise KeyboardInterrupt


def _print(done: Refreshed, as_json: bool, again: bool) -> None:
    """Says what changed; of a run that is too bad and will not be followed by another, the error says it."""
    if as_json:
        console.json_line(asdict(done))
    elif not done.missed:
        console.result(line_of(done))
    elif again:
        console.note(line_of(done))


def line_of(done: Refreshed) -> str:
    """What changed, in one line."""
    if done.run is None:
        return f"{done.system}: its data are as they were; {done.version} answers on"
    figure = f"{done.judged_by.replace('ndcg', 'NDCG')} {done.figure:.4f}" + (
        "" if done.before is None else f" (before: {done.before:.4f})"
    )
    grown = f"{done.events[0]:,} events ({done.events[0] - done.events[1]:+,})"
    gone = f"; {counted(len(done.removed), 'old run', 'old runs')} deleted" if done.removed else ""
    if done.is_published:
        return f"{done.system}: published {done.version}, {figure}, {grown}{gone}"
    return f"{done.system}: run {done.run} is worse, {figure}, {grown}; {done.version} answers on{gone}"
