"""Train and evaluate the product system: from a graph to a run folder, and from a run to its report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np

from kindred.domain.errors import ArtifactError, SettingsError
from kindred.evaluation.protocol import FittedModel, ProtocolConfig, run_protocol
from kindred.evaluation.report import Report, build_report, write_report
from kindred.evaluation.splits import ProtocolName, Split
from kindred.recommenders.baselines import STANDARD_BASELINES
from kindred.recommenders.product_fitting import fit_product_model
from kindred.recommenders.product_graph import ProductGraph
from kindred.recommenders.product_model import ProductConfig, ProductModel
from kindred.recommenders.runs import MANIFEST, Run, finish_run, write_json
from kindred.training.fit import RunOptions

CONFIG = "config.json"
SELECTION = (
    "early stopping and the weight of each part of the ranking are chosen on reviews held out of the known ones, "
    "never on the test reviews; all other settings are the program's defaults, the same for every data set"
)
SELECTION_OF_BASELINE = "none: a baseline with its one fixed setting, the same for every data set"
SELECTION_OF_EASE = (
    "the ridge of this baseline is chosen from a fixed grid on reviews held out of the known ones, never on the test "
    "reviews; it has no other setting"
)
SELECTION_OF_GIVEN = (
    "early stopping and the weight of each part of the ranking are chosen on reviews held out of the known ones; other "
    "settings than the defaults were given: if `kindred tune` found them on this data, it looked at each user's last "
    "review but one, which the temporal protocol never tests and the random one may"
)


@dataclass(frozen=True)
class GraphState:
    """What a run was trained on: where the graph is, its content, and the moment that it was read as of."""

    url: str
    content_hash: str
    until: int | None = None


def begin_training(folder: Path, config: ProductConfig, options: RunOptions, state: GraphState) -> None:
    """Notes what the run is about to be made of, so that an interrupted one can be resumed."""
    noted = {
        "config": config.model_dump(mode="json"),
        "seed": options.seed,
        "graph": {"url": state.url, "content_hash": state.content_hash, "until": state.until},
    }
    write_json(folder / CONFIG, noted)


@dataclass(frozen=True)
class BegunRun:
    """What an interrupted run was about to be made of."""

    config: ProductConfig
    seed: int
    until: int | None


def read_begun_run(folder: Path) -> BegunRun:
    """What the run in this folder began with.

    Raises:
        ArtifactError: there is no such run.
    """
    try:
        noted = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return BegunRun(ProductConfig.model_validate(noted["config"]), noted["seed"], noted["graph"]["until"])
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(
            f"no run to resume in {folder}: {error}", "train a new one with `kindred train-gnn`"
        ) from error


def recipe_of(run: Run) -> ProductConfig:
    """The settings of a finished run.

    Raises:
        ArtifactError: the run is of a version that had other settings.
    """
    try:
        return ProductConfig.model_validate(run.manifest["config"])
    except ValueError as error:
        raise ArtifactError(f"the settings of run {run.name} are of another version", "train again") from error


def train_products(graph: ProductGraph, config: ProductConfig, options: RunOptions, state: GraphState) -> Run:
    """A finished run in `options.folder`: the model fitted on every review of the graph, and its manifest.

    Raises:
        ArtifactError: the folder holds a finished run already.
    """
    if (options.folder / MANIFEST).exists():
        raise ArtifactError(f"run {options.folder.name} is finished already", "train a new one, without --resume")
    begin_training(options.folder, config, options, state)
    model = fit_product_model(graph, np.arange(len(graph.interactions)), config, options)
    model.save(options.folder)
    return finish_run(options.folder, _manifest(graph, model, options, state))


def _manifest(graph: ProductGraph, model: ProductModel, options: RunOptions, state: GraphState) -> dict[str, object]:
    trained = model.learned.gnn.manifest if model.learned else {}
    return {
        "system": "products",
        "config": model.config.model_dump(mode="json"),
        "seed": options.seed,
        "graph": {"url": state.url, "content_hash": state.content_hash, "until": state.until},
        "reviews": len(graph.interactions),
        "users": len(graph.users),
        "products": len(graph.products),
        "width": int(model.ranking.items.shape[1]),
        "scorer_weights": {name: round(weight, 4) for name, weight in model.ranking.scorer_weights.items()},
        "gnn": {name: trained.get(name) for name in ("epochs", "best_epoch", "best_score")},
        "versions": {name: metadata.version(name) for name in ("kindred", "torch", "torch-geometric", "numpy")},
    }


@dataclass(frozen=True)
class EvaluationOptions:
    """How a run is judged.

    Attributes:
        protocol: `temporal` or `random`.
        seeds: one split (where the protocol draws one) and one fit a seed.
        without_text: also fits the model without any text, and reports what text is worth.
    """

    protocol: ProtocolName
    seeds: Sequence[int]
    without_text: bool = False


def evaluate_products(
    graph: ProductGraph, config: ProductConfig, evaluation: EvaluationOptions, options: RunOptions
) -> Report:
    """The report of models fitted with a run's settings on the known part of each split; written to `options.folder`.

    A run has seen every review, so it can't be judged itself: what is judged is its recipe.

    Raises:
        SettingsError: asked what text is worth to a model that reads none.
    """
    if evaluation.without_text and not config.text:
        raise SettingsError("this run reads no text, so there is none to leave out", "evaluate it without --no-text")

    def fit_model(split: Split, seed: int) -> FittedModel:
        fitted = fit_recipe(graph, config, split, of_seed(options, seed, "model"))
        if not evaluation.without_text:
            return fitted
        bare = fit_recipe(graph, _textless(config), split, of_seed(options, seed, "no_text"))
        return replace(fitted, variants={**fitted.variants, "no_text": replace(bare, variants={})})

    protocol = ProtocolConfig(evaluation.protocol, evaluation.seeds, STANDARD_BASELINES)
    report = build_report(run_protocol(graph.interactions, fit_model, protocol, options.progress), _selection(config))
    write_report(report, options.folder)
    return report


def of_seed(options: RunOptions, seed: int, part: str) -> RunOptions:
    """The options of one of several fits: its own folder and seed."""
    return replace(options, folder=options.folder / f"{part}-{seed}", seed=seed)


def _textless(config: ProductConfig) -> ProductConfig:
    return config.model_copy(update={"text": False})


def _selection(config: ProductConfig) -> str:
    """How the settings came about, for the reader of a report."""
    if config.model != "gnn":
        return SELECTION_OF_EASE if config.model == "ease" else SELECTION_OF_BASELINE
    default = ProductConfig()
    return SELECTION if (config.gnn, config.ranking) == (default.gnn, default.ranking) else SELECTION_OF_GIVEN


def fit_recipe(graph: ProductGraph, config: ProductConfig, split: Split, options: RunOptions) -> FittedModel:
    """The model of one split as evaluation sees it, fitted on the known part."""
    model = fit_product_model(graph, split.known, config, options, temporal=split.name == "temporal")
    if model.learned is None:
        return FittedModel(model.score_users)
    return FittedModel(
        model.score_users,
        model.rate,
        variants={
            "cosine_rating": FittedModel(None, model.learned.vectors.rate),
            "gnn_alone": FittedModel(model.learned.vectors.score),
        },
    )
