"""Trains a system: from its part of a graph to a finished run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from kindred.domain.distinct import distinct
from kindred.domain.errors import ArtifactError
from kindred.files import read_with_hash, write_with_hash
from kindred.graph.store import GraphStore
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.evidence import evidence_of
from kindred.recommenders.fitting import fit_model
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.model import Model
from kindred.recommenders.publishing import HISTORIES
from kindred.recommenders.runs import CONFIG, MANIFEST, Run, finish_run
from kindred.recommenders.system import System
from kindred.training.checkpoint import write_arrays
from kindred.training.fit import RunOptions


@dataclass(frozen=True)
class GraphState:
    """What a run was trained on: where the graph is, its content, the time that it was read as of, and its own data.

    Attributes:
        data_hash: of what the system learns from; None where it was not asked for.
    """

    url: str
    content_hash: str
    until: int | None = None
    data_hash: str | None = None


@dataclass(frozen=True)
class BegunRun:
    """What an interrupted run was about to be made of; no `data_hash` where the graph was not read yet."""

    config: ModelConfig
    seed: int
    until: int | None
    data_hash: str | None = None


def train(system: System, store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    """A finished run in `options.folder`: the model fitted on every event of the graph, and its manifest.

    Raises:
        ArtifactError: the folder holds a finished run already.
        RecordError: the graph holds no event of the system.
    """
    graph = read_interaction_graph(system, store, state.until, text=config.text)
    options.has_read()
    return train_on(graph, config, options, state)


def train_on(graph: InteractionGraph, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    """The same of a graph that was read already."""
    begin_training(options.folder, config, options, state)
    return finish_training(
        graph, fit_model(graph, np.arange(len(graph.interactions)), config, options), config, options, state
    )


def finish_training(
    graph: InteractionGraph,
    model: Model,
    config: ModelConfig,
    options: RunOptions,
    state: GraphState,
    more: Mapping[str, object] | None = None,
) -> Run:
    """A fitted model as a finished run: the model, what it can give as reasons, and which histories it knows.

    What is noted of it in `more` goes into its manifest.
    """
    model.save(options.folder)
    evidence_of(graph).save(options.folder)
    write_arrays(options.folder, HISTORIES, {"keys": graph.histories().keys(graph.system)}, {})
    return finish_run(options.folder, _manifest(graph, model, config, options, state) | dict(more or {}))


def check_times(system: System, store: GraphStore, until: int) -> None:
    """Checks that the graph can be read as of a time: what has none is in it as of any.

    Raises:
        SettingsError: none of the system's events has a time.
    """
    batches = [batch for batch in store.read_edges(system.edge, ["at"]) if batch.num_rows]
    if batches and all(batch["at"].null_count == batch.num_rows for batch in batches):
        raise system.no_times(until)


def begin_training(folder: Path, config: ModelConfig, options: RunOptions, state: GraphState) -> None:
    """Notes what the run is about to be made of, so that an interrupted one can be resumed.

    Raises:
        ArtifactError: the folder holds a finished run already.
    """
    if (folder / MANIFEST).exists():
        raise ArtifactError(f"run {folder.name} is finished already", "train a new one, without --resume")
    folder.mkdir(parents=True, exist_ok=True)
    write_with_hash(folder / CONFIG, _recipe(config, options, state))


def _recipe(config: ModelConfig, options: RunOptions, state: GraphState) -> dict[str, object]:
    return {
        "config": config.model_dump(mode="json"),
        "seed": options.seed,
        "graph": asdict(state),
    }


def made_of(system: System, config: ModelConfig, options: RunOptions, state: GraphState) -> dict[str, object]:
    """What the manifest of every run begins with: the system, and what the run is made of."""
    return {"system": system.name, **_recipe(config, options, state)}


def versions_of(*packages: str) -> dict[str, str]:
    """Versions of the packages that made a run."""
    return {name: metadata.version(name) for name in ("kindred", *packages, "numpy")}


def read_begun_run(folder: Path) -> BegunRun:
    """What the run in this folder began with.

    Raises:
        ArtifactError: there is no such run.
    """
    try:
        noted = read_with_hash(folder / CONFIG)
        config, graph = ModelConfig.model_validate(noted["config"]), noted["graph"]
        return BegunRun(config, noted["seed"], graph["until"], graph.get("data_hash"))
    except (OSError, ValueError, KeyError) as error:
        why = "there is no such folder" if not folder.is_dir() else f"{CONFIG} can't be read: {error}"
        anew = f"train a new one with `kindred train {folder.parent.name}`"
        raise ArtifactError(f"no run to resume in {folder}: {why}", anew) from error


def recipe_of(run: Run) -> ModelConfig:
    """The settings of a finished run.

    Raises:
        ArtifactError: the run is of a version that had other settings.
    """
    try:
        return ModelConfig.model_validate(run.manifest["config"])
    except ValueError as error:
        raise ArtifactError(f"the settings of run {run.name} are of another version", "train again") from error


def _manifest(
    graph: InteractionGraph, model: Model, config: ModelConfig, options: RunOptions, state: GraphState
) -> dict[str, object]:
    trained = model.learned.gnn.manifest if model.learned else {}
    return {
        **made_of(graph.system, config, options, state),
        "events": len(graph.interactions),
        "timed": graph.interactions.at is not None,
        "time_note": graph.time_note,
        "users": len(distinct(graph.interactions.user_index)),
        "items": len(graph.items),
        "width": int(model.ranking.items.shape[1]),
        "weights": {name: round(weight, 4) for name, weight in model.ranking.scorer_weights.items()},
        "notes": list(model.ranking.notes),
        "gnn": {name: trained.get(name) for name in ("epochs", "best_epoch", "best_score")} if trained else None,
        "versions": versions_of("torch", "torch-geometric"),
    }
