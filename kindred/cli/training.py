"""`kindred train-gnn`, `train`, `evaluate`, `runs`: from a graph to a run and its report."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kindred.cli import console
from kindred.cli.graph import seconds_of
from kindred.cli.options import AsJson, settings_of
from kindred.stores import graph_to_read, runs_folder_of

if TYPE_CHECKING:
    from kindred.domain.progress import Progress
    from kindred.evaluation.report import Report
    from kindred.recommenders.product_model import ProductConfig
    from kindred.recommenders.product_training import EvaluationOptions
    from kindred.recommenders.runs import Run
    from kindred.settings import Settings


class Conv(StrEnum):
    """Attention of the message passing."""

    TRANSFORMER = "transformer"
    GAT = "gat"


class Baseline(StrEnum):
    """Baselines that can be published."""

    EASE = "ease"
    ITEM_KNN = "itemknn"
    POPULARITY = "popularity"
    GF_CF = "gf-cf"
    ALS = "als"
    LIGHTGCN = "lightgcn"


class Protocol(StrEnum):
    """How reviews are held out."""

    TEMPORAL = "temporal"
    RANDOM = "random"


class Device(StrEnum):
    """Where tensors are computed."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Until = Annotated[datetime | None, typer.Option(help="Train on the graph as of this moment (UTC).")]


def train_gnn(
    context: typer.Context,
    conv: Annotated[
        Conv | None, typer.Option(help="TransformerConv or GATv2Conv attention; transformer by default.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs; early stopping may end sooner.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with an interrupted run.")] = None,
    device: Annotated[Device | None, typer.Option()] = None,
    until: Until = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings as JSON, e.g. those that `kindred tune` found.")
    ] = None,
    no_text: Annotated[bool, typer.Option("--no-text", help="Leave all text out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train on the graph; the run lands in the data folder under artifacts/products."""
    settings = settings_of(context, seed=seed, device=device.value if device else None)
    with console.Bars() as bars:
        if resume is None:
            chosen = product_config(conv, epochs, text=not no_text, file=config)
            run = train(settings, chosen, seconds_of(until), bars)
        else:
            run = resume_training(settings, resume, bars)
    _print_run(run, as_json)


def train_baseline(
    context: typer.Context,
    model: Annotated[Baseline, typer.Option(help="A baseline; als needs the extra `als`.")],
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Train a baseline: publish, recommend and evaluate take its run as any other. It only ranks: no ratings."""
    from kindred.recommenders.product_model import ProductConfig

    settings = settings_of(context, seed=seed)
    with console.Bars() as bars:
        run = train(settings, ProductConfig(model=model.value, text=False), seconds_of(until), bars)
    _print_run(run, as_json)


def _print_run(run: Run, as_json: bool) -> None:
    if as_json:
        console.json_result({"run": run.name, "folder": run.folder, **run.manifest})
    else:
        console.result(run_text(run))
        console.note("next: kindred evaluate, then kindred publish")


def product_config(
    conv: Conv | None = None, epochs: int | None = None, *, text: bool = True, file: Path | None = None
) -> ProductConfig:
    """The default settings, or those of the file, with what the command line changes."""
    from kindred.recommenders.product_model import ProductConfig, read_product_config

    given = ProductConfig() if file is None else read_product_config(file)
    changed: dict[str, object] = {"conv": conv and conv.value, "epochs": epochs}
    gnn = given.gnn.model_copy(update={name: value for name, value in changed.items() if value is not None})
    return given.model_copy(update={"gnn": gnn, "text": given.text and text})


def train(settings: Settings, config: ProductConfig, until: int | None, progress: Progress) -> Run:
    """A new run on the graph in force."""
    from kindred.recommenders.runs import new_run_folder

    folder = new_run_folder(runs_folder_of(settings), settings.seed)
    return _train_in(settings, config, until, folder, progress)


def resume_training(settings: Settings, name: str, progress: Progress) -> Run:
    """Goes on with a run that was interrupted, with the settings that it began with."""
    from kindred.recommenders.product_training import read_begun_run

    folder = runs_folder_of(settings) / name
    begun = read_begun_run(folder)
    resumed = settings.model_copy(update={"seed": begun.seed})
    return _train_in(resumed, begun.config, begun.until, folder, progress)


def _train_in(settings: Settings, config: ProductConfig, until: int | None, folder: Path, progress: Progress) -> Run:
    from kindred.domain.schema import graph_schema
    from kindred.graph.statistics import graph_statistics
    from kindred.recommenders.product_graph import read_product_graph
    from kindred.recommenders.product_training import GraphState, train_products
    from kindred.training.fit import RunOptions, untracked
    from kindred.training.tracking import mlflow_tracking

    with graph_to_read(settings) as store:
        statistics = graph_statistics(store, graph_schema())
        graph = read_product_graph(store, until)
    state = GraphState(settings.effective_graph_url, statistics.content_hash, until)
    noted = config.model_dump(mode="json")
    uri = settings.mlflow_uri
    tracking = mlflow_tracking(uri, "kindred", folder.name, noted) if uri else nullcontext(untracked)
    with tracking as track:
        options = RunOptions(folder, settings.seed, settings.device, resume=True, progress=progress, track=track)
        return train_products(graph, config, options, state)


def evaluate(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="Whose settings to judge; the newest run by default.")] = None,
    protocol: Annotated[Protocol, typer.Option(help="Each user's last review, or 20 % at random.")] = Protocol.TEMPORAL,
    seeds: Annotated[int, typer.Option(min=1, help="Splits and fits, seeded 0, 1, …")] = 1,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="Also fit without text; report what text is worth.")
    ] = False,
    gate: Annotated[bool, typer.Option("--gate", help="Exit code 5 unless the ranking is above popularity.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge a run's settings beside every baseline; report.json, report.md and plots land in its folder."""
    from kindred.recommenders.runs import find_run

    settings = settings_of(context)
    found = find_run(runs_folder_of(settings), run)
    from kindred.evaluation.report import ABOVE_POPULARITY  # only now: these bring PyTorch
    from kindred.evaluation.report import gate as check
    from kindred.evaluation.report_text import render_table
    from kindred.recommenders.product_training import EvaluationOptions

    options = EvaluationOptions(protocol.value, range(seeds), no_text)
    with console.Bars() as bars:
        report, folder = evaluate_run(settings, found, options, bars)
    if as_json:
        console.json_result(report)
    else:
        console.result(render_table(report))
        console.note(f"report and plots: {folder}")
    if gate:
        check(report, ABOVE_POPULARITY)


def evaluate_run(settings: Settings, run: Run, options: EvaluationOptions, progress: Progress) -> tuple[Report, Path]:
    """The report, and the folder that it was written to."""
    from kindred.recommenders.product_graph import read_product_graph
    from kindred.recommenders.product_training import evaluate_products, recipe_of
    from kindred.training.fit import RunOptions

    with graph_to_read(settings) as store:
        graph = read_product_graph(store, run.manifest["graph"]["until"])
    folder = run.folder / "evaluation" / options.protocol
    report = evaluate_products(
        graph, recipe_of(run), options, RunOptions(folder, device=settings.device, progress=progress)
    )
    return report, folder


def runs(context: typer.Context, as_json: AsJson = False) -> None:
    """Finished runs, oldest first, and which one is published."""
    from kindred.recommenders.runs import finished_runs
    from kindred.stores import PRODUCTS, vectors_of

    settings = settings_of(context)
    found = finished_runs(runs_folder_of(settings))
    with vectors_of(settings) as vectors:
        published = vectors.of(PRODUCTS).published()
    if as_json:
        console.json_result([{"run": r.name, "published": r.name == published, **r.manifest} for r in found])
        return
    header = ["run", "model", "reviews", "users", "products", "graph", "published"]
    rows = [
        (
            r.name,
            model_of(r),
            *(r.manifest[name] for name in header[2:5]),
            r.manifest["graph"]["content_hash"][:12],
            _mark(r, published),
        )
        for r in found
    ]
    console.result(console.table(header, rows))


def _mark(run: Run, published: str | None) -> str:
    return "yes" if run.name == published else ""


def model_of(run: Run) -> str:
    """The model that the run is of."""
    return str(run.manifest["config"].get("model", "gnn"))


def _epochs(gnn: Mapping[str, Any]) -> str:
    """How long the network was trained."""
    if gnn["epochs"] is None:
        return "not trained, there are too few reviews"
    best = "" if gnn["best_epoch"] is None else f", the best {gnn['best_epoch']}"
    return f"{gnn['epochs']} epochs{best}"


def run_text(run: Run) -> str:
    """A finished run for people."""
    made = run.manifest
    lines = [f"run {run.name}: {made['reviews']:,} reviews, {made['users']:,} users, {made['products']:,} products"]
    if model_of(run) == "gnn":
        parts = ", ".join(f"{name} {weight:g}" for name, weight in made["scorer_weights"].items() if weight)
        lines.append(f"graph network: {_epochs(made['gnn'])}")
        lines.append(f"weights of the parts, from held-out reviews: {parts}")
    else:
        lines.append(f"model {model_of(run)}, vectors of width {made['width']}; it only ranks, it predicts no ratings")
    return "\n".join([*lines, f"folder {run.folder}"])
