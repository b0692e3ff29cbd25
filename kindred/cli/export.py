"""`kindred export`: a run's encoder, and published embeddings, in forms that need no PyTorch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, settings_of
from kindred.stores import runs_folder_of

export_app = typer.Typer(
    help="Write a run's encoder, or published embeddings, in a form that needs no PyTorch.",
    epilog="Example: kindred export onnx",
    no_args_is_help=True,
)


@export_app.command("onnx", epilog="Example: kindred export onnx -o encoder.onnx")
def onnx(
    context: typer.Context,
    system: SystemName = "products",
    run: Annotated[
        str | None, typer.Option("--run", help="Of which run; by default the newest of the system's own model.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to; by default the run's folder, to be used there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export what encodes users from their histories as ONNX; needs the extra `onnx`."""
    from kindred.recommenders.runs import find_run
    from kindred.recommenders.systems import find_system

    settings = settings_of(context)
    module = find_system(system)
    module.check_usual("export of an encoder")
    found = find_run(runs_folder_of(settings, system), run)
    from kindred.recommenders.exporting import export_onnx  # only now: it brings PyTorch

    exported = export_onnx(module.system, found, output)
    if as_json:
        console.json_result({"run": found.name, **asdict(exported)})
        return
    size = f"{exported.num_bytes / 1e6:.1f} MB, at most {exported.difference:.1g} off PyTorch"
    console.result(f"encoder of run {found.name}: {exported.path} ({size})")
    if exported.is_used:
        console.note("from now on it encodes users in this run's answers, without PyTorch")


@export_app.command("embeddings", epilog="Example: kindred export embeddings --system tracks -o embeddings")
def embeddings(
    context: typer.Context,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder to write to.")],
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Write embeddings of users and items as safetensors, ids in JSON beside them; a dot product is a score."""
    from kindred.steps import export_embeddings

    counts = export_embeddings(settings_of(context), system, out)
    if as_json:
        console.json_result({"folder": out, **counts})
    else:
        console.result(f"{out}: {counts['users']:,} users, {counts['items']:,} items")
