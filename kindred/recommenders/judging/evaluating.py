"""Evaluates a run's settings: models fitted on the known part of splits, beside baselines and ablations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kindred.domain.errors import SettingsError
from kindred.domain.rating_scale import STARS
from kindred.evaluation.protocol import FitScorer, FittedModel, ProtocolConfig, run_protocol
from kindred.evaluation.report import Report, build_report, write_report
from kindred.evaluation.splits import ProtocolName, Split
from kindred.recommenders.baselines import only_quick, report_baselines
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.fitting import fit_model, fit_network_scores
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.runs import OWN_MODEL
from kindred.training.fit import RunOptions

SELECTION = (
    "early stopping and the weight of each part of the ranking are chosen on events held out of the known ones, "
    "never on the test events; all other settings are the program's defaults, the same for every data set"
)
SELECTION_OF_BASELINE = "none: a baseline with its one fixed setting, the same for every data set"
SELECTION_OF_EASE = (
    "the ridge of this baseline is chosen from a fixed grid on events held out of the known ones, never on the test "
    "events; it has no other setting"
)
SELECTION_OF_GIVEN = (
    "early stopping and the weight of each part of the ranking are chosen on events held out of the known ones; other "
    "settings than the defaults were given: if `kindred tune` found them on this data, it looked at each user's last "
    "event but one, which the temporal protocol never tests and the random one may"
)


@dataclass(frozen=True)
class EvaluationOptions:
    """How a run is judged.

    Attributes:
        protocol: `temporal` or `random`.
        seeds: one split (where the protocol is random) and one fit a seed.
        without_text: also fits the model without any text, and reports what text is worth.
        without_network: also fits the model without the graph network, and reports what the network is worth.
        all_baselines: whether also those are fitted beside the model that take long to.
    """

    protocol: ProtocolName
    seeds: Sequence[int]
    without_text: bool = False
    without_network: bool = False
    all_baselines: bool = True


FitSplit = Callable[[InteractionGraph, ModelConfig, Split, RunOptions], FittedModel]
"""The model of one split, fitted on its known part."""


def evaluate(
    graph: InteractionGraph,
    config: ModelConfig,
    evaluation: EvaluationOptions,
    options: RunOptions,
    fit_split: FitSplit | None = None,
    baselines: Mapping[str, FitScorer] | None = None,
) -> Report:
    """The report of models fitted with a run's settings on the known part of each split; written to `options.folder`.

    A run has seen every event, so it can't be judged itself: what is judged is its recipe.

    Args:
        graph: what there is.
        config: the settings.
        evaluation: how it is judged.
        options: folder, seed, device.
        fit_split: fits the model of a split as it would answer; `fit_recipe` where None.
        baselines: those of this system, beside those of every report.

    Raises:
        SettingsError: asked what text is worth to a model that reads none.
    """
    if evaluation.without_text and not config.text:
        raise SettingsError("this run reads no text, so there is none to leave out", "evaluate it without --no-text")

    fit_on = fit_split or fit_recipe
    ablations = {"no_text": {"text": False}} if evaluation.without_text else {}
    if evaluation.without_network and config.network and config.model == OWN_MODEL:
        ablations["without_network"] = {"network": False}

    def fit(split: Split, seed: int) -> FittedModel:
        fitted = fit_on(graph, config, split, of_seed(options, seed, "model"))
        variants = dict(fitted.variants)
        for name, changed in ablations.items():
            bare = fit_on(graph, config.model_copy(update=changed), split, of_seed(options, seed, name))
            variants[name] = replace(bare, variants={})
        return replace(fitted, variants=variants)

    usual = report_baselines(graph.interactions, graph.scale)
    compared = replace(usual, ranking={**usual.ranking, **(baselines or {})})
    if not evaluation.all_baselines:
        compared = only_quick(compared)
    scale = graph.scale or STARS
    unit = "stars" if scale == STARS else "points"
    protocol = ProtocolConfig(
        evaluation.protocol, evaluation.seeds, compared, makers=graph.makers, scale=scale, unit=unit
    )
    notes = list(filter(None, [graph.time_note]))
    result = run_protocol(graph.interactions, fit, protocol, options.progress)
    report = build_report(result, _selection(config), notes)
    write_report(report, options.folder)
    return report


def of_seed(options: RunOptions, seed: int, part: str) -> RunOptions:
    """The options of one of several fits: its own folder and seed."""
    return replace(options, folder=options.folder / f"{part}-{seed}", seed=seed)


def _selection(config: ModelConfig) -> str:
    """How the settings came about, for the reader of a report."""
    if config.model != OWN_MODEL:
        return SELECTION_OF_EASE if config.model == "ease" else SELECTION_OF_BASELINE
    default = ModelConfig()
    return SELECTION if (config.gnn, config.ranking) == (default.gnn, default.ranking) else SELECTION_OF_GIVEN


def fit_recipe(graph: InteractionGraph, config: ModelConfig, split: Split, options: RunOptions) -> FittedModel:
    """The model of one split as evaluation sees it, fitted on the known part."""
    temporal = split.name == "temporal"
    model = fit_model(graph, split.known, config, options, temporal=temporal)
    if model.learned is None:
        return FittedModel(model.score_users)
    alone = fit_network_scores(graph, split.known, config, options.seed, temporal=temporal)
    variants = {"gnn_alone": FittedModel(alone or model.learned.vectors.score)}
    if graph.scale is None:
        return FittedModel(model.score_users, variants=variants)
    variants["cosine_rating"] = FittedModel(None, model.learned.vectors.rate)
    return FittedModel(model.score_users, model.rate, variants=variants)
