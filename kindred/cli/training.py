"""`kindred train-gnn`, `train`, `evaluate`: from a graph to a run and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, command_line, evaluate_line, naming, settings_of, with_groups
from kindred.cli.times import Until
from kindred.domain.errors import SettingsError
from kindred.steps import evaluate_run, resume_training
from kindred.steps import train_system as run_training
from kindred.stores import runs_folder_of

if TYPE_CHECKING:
    from kindred.recommenders.config import ModelConfig
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


class Target(StrEnum):
    """What posts are recommended for."""

    LIKES = "likes"
    CLICKS = "clicks"


class Protocol(StrEnum):
    """How events are held out."""

    TEMPORAL = "temporal"
    RANDOM = "random"


class Device(StrEnum):
    """Where tensors are computed."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class TrainingOptions:
    """Options of every command that trains."""

    seed: Annotated[int | None, typer.Option(min=0)] = None
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with an interrupted run.")] = None
    until: Until = None
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings as JSON, e.g. those that `kindred tune` found.")
    ] = None
    no_text: Annotated[bool, typer.Option("--no-text", help="Leave all text out.")] = False
    as_json: AsJson = False


@with_groups
def train_gnn(
    context: typer.Context,
    conv: Annotated[
        Conv | None, typer.Option(help="TransformerConv or GATv2Conv attention; transformer by default.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs; early stopping may end sooner.")] = None,
    device: Annotated[Device | None, typer.Option()] = None,
    new_items: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="How much of lists of ten new items may take where a fifth of all are new: 0.008 by default, for "
            "about 1 % of the other items' recall; 0.05 for about 3 %.",
        ),
    ] = None,
    system: SystemName = "products",
    *,
    options: TrainingOptions,
) -> None:
    """Train a system's own model on the graph; the run lands in the data folder under artifacts/SYSTEM."""
    settings = settings_of(context, seed=options.seed, device=device.value if device else None)
    changed = {
        "gnn": {"conv": conv and conv.value, "epochs": epochs},
        "ranking": {"cold_items": {"max_share": new_items}},
    }
    _train(context, settings, system, options, changed)


@with_groups
def train_system(
    context: typer.Context,
    system: Annotated[str, typer.Argument(help="Which recommender: products, tracks, …")] = "products",
    model: Annotated[
        Baseline | None, typer.Option(help="A baseline instead of the system's own model; als needs the extra `als`.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=1, help="Of tags: parts of the tracks, each held out of networks of its own.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Of tags: networks a fold; all answer together.")] = None,
    target: Annotated[Target | None, typer.Option(help="Of posts: what to predict; likes by default.")] = None,
    *,
    options: TrainingOptions,
) -> None:
    """Train a system: publish, recommend and evaluate take its run. A baseline only ranks: no ratings."""
    if (folds is not None or seeds is not None) and system != "tags":
        raise SettingsError(f"{system} have no folds of networks", "leave --folds and --seeds out")
    if target is not None and system != "posts":
        raise SettingsError(f"{system} have no target to choose", "leave --target out, or train posts")
    changed: dict[str, object] = {"tagger": {"folds": folds, "seeds": seeds}, "target": target and target.value}
    if model is not None:
        changed |= {"model": model.value, "text": False}
    _train(context, settings_of(context, seed=options.seed), system, options, changed)


def _train(
    context: typer.Context, settings: Settings, system: str, options: TrainingOptions, changed: Mapping[str, object]
) -> None:
    """Trains anew, or goes on with a run and its own settings, and prints what came of it."""
    with console.Bars() as bars:
        if options.resume is None:
            run = run_training(settings, system, _config(options, changed), options.until, bars)
        else:
            run = resume_training(settings, system, options.resume, bars)
    _print_run(context, run, options.as_json)


def _config(options: TrainingOptions, changed: Mapping[str, object]) -> ModelConfig:
    """The default settings, or those of the file, with what other options change, of a part name by name."""
    from kindred.recommenders.config import ModelConfig, read_model_config

    given = ModelConfig() if options.config is None else read_model_config(options.config)
    config: ModelConfig = _with(given, {"text": given.text and not options.no_text, **changed})
    return config


def _with(given: Any, changed: Mapping[str, object]) -> Any:
    """These settings with other values, of a part name by name; None leaves what is given."""
    update = {
        name: _with(getattr(given, name), value) if isinstance(value, Mapping) else value
        for name, value in changed.items()
        if value is not None
    }
    return given.model_copy(update=update) if hasattr(given, "model_copy") else replace(given, **update)


def _print_run(context: typer.Context, run: Run, as_json: bool) -> None:
    if as_json:
        console.json_result({"run": run.name, "folder": run.folder, **run.manifest})
    else:
        console.result(run_text(run))
        system = run.manifest["system"]
        evaluate = evaluate_line(context, system, timed=run.manifest.get("timed", True))
        publish = command_line(context, "publish", *naming(system))
        console.note(f"next: {evaluate}, then {publish}")


def evaluate(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(help="Whose settings to judge; by default the newest of the system's own model.")
    ] = None,
    protocol: Annotated[Protocol, typer.Option(help="Each user's last event, or 20 % at random.")] = Protocol.TEMPORAL,
    seeds: Annotated[int, typer.Option(min=1, help="Splits and fits, seeded 0, 1, …")] = 1,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="Also fit without text; report what text is worth.")
    ] = False,
    no_network: Annotated[
        bool, typer.Option("--no-network", help="Also fit without the graph network; report what it is worth.")
    ] = False,
    gate: Annotated[bool, typer.Option("--gate", help="Exit code 5 unless the ranking is above popularity.")] = False,
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Judge a run's settings beside every baseline; report.json, report.md and plots land in its folder."""
    from kindred.recommenders.runs import find_run

    settings = settings_of(context)
    found = find_run(runs_folder_of(settings, system), run)
    from kindred.evaluation.report import ABOVE_POPULARITY  # only now: these bring PyTorch
    from kindred.evaluation.report import gate as check
    from kindred.evaluation.report_text import render_table
    from kindred.recommenders.judging.evaluating import EvaluationOptions
    from kindred.recommenders.systems import find_system

    options = EvaluationOptions(protocol.value, range(seeds), no_text, no_network)
    with console.Bars() as bars:
        report, folder = evaluate_run(settings, found, options, bars)
    if as_json:
        console.json_result(report)
    else:
        console.result("\n".join(report["summary"]) if "summary" in report else render_table(report))
        console.note(f"report{' and plots' if any(folder.glob('*.png')) else ''}: {folder}")
    if gate:
        check(report, report.get("above") or find_system(system).above or ABOVE_POPULARITY)


def _epochs(gnn: Mapping[str, Any]) -> str:
    """How long the network was trained."""
    best = "" if gnn["best_epoch"] is None else f", the best {gnn['best_epoch']}"
    return f"{gnn['epochs']} epochs{best}"


def run_text(run: Run) -> str:
    """A finished run for people."""
    from kindred.recommenders.runs import model_of
    from kindred.recommenders.systems import find_system

    made = run.manifest
    words = find_system(made["system"]).system.words
    events = made.get("event_words", words.events)
    size = f"{made['events']:,} {events}, {made['users']:,} {words.users}, {made['items']:,} {words.items}"
    lines = [f"run {run.name}: {size}"]
    if "summary" in made:
        lines += made["summary"]
    elif model_of(run) == "gnn":
        parts = ", ".join(f"{name} {weight:g}" for name, weight in made["weights"].items() if weight)
        if made["gnn"]:
            lines.append(f"graph network: {_epochs(made['gnn'])}")
        elif "towers" in made:
            epochs = made["towers"].get("best_epochs")
            lines.append(f"two towers: {max(epochs)} epochs" if epochs else "two towers: not trained")
        else:
            lines.append(f"graph network: not trained, there are too few {words.events} to learn and to validate on")
        notes = made.get("notes", [])
        source = "" if notes else f", from held-out {events}"
        lines += [f"weights of the linear scorers{source}: {parts}", *notes]
    else:
        width = made["width"]
        lines.append(f"model {model_of(run)}, embeddings of width {width}; it only ranks: no ratings")
    if made.get("time_note"):
        lines.append(made["time_note"])
    return "\n".join([*lines, f"folder {run.folder}"])
