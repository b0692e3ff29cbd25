"""`kindred fine-tune`: a text encoder that knows the words of one's own searches."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, settings_of
from kindred.cli.times import Until


def fine_tune(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A new folder for the encoder.")],
    epochs: Annotated[int, typer.Option(min=1, help="How often each pair is seen.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune the text encoder on searches and the titles of what was ordered then; needs the extra `finetune`.

    It learns from all but the latest tenth of the orders, on which it is judged; where there are only judged queries,
    from four fifths of them.
    """
    from kindred.steps import tune_text_encoder

    with console.Bars() as bars:
        report = tune_text_encoder(settings_of(context, seed=seed), output, epochs, until, bars)
    if as_json:
        console.json_result(report)
        return
    console.result("\n".join(report["summary"]))
    console.note(
        "next: load the same files into a new graph with it: "
        f"KINDRED_ENCODER={shlex.quote(str(output.resolve()))} kindred --data-dir data/fine-tuned ingest queries …"
    )
