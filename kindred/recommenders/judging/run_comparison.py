"""Compares the recipes of two runs: fitted on the same known events, asked the same questions."""

from __future__ import annotations

from dataclasses import replace

from kindred.domain.errors import SettingsError
from kindred.evaluation.comparison import Comparison, compare
from kindred.evaluation.protocol import FittedModel, ProtocolConfig, run_protocol
from kindred.evaluation.splits import Split
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.judging.evaluating import EvaluationOptions, fit_recipe, of_seed
from kindred.recommenders.runs import Run, write_json
from kindred.recommenders.training import recipe_of
from kindred.training.fit import RunOptions

COMPARISON = "comparison.json"


def compare_runs(
    graph: InteractionGraph, runs: tuple[Run, Run], evaluation: EvaluationOptions, options: RunOptions
) -> Comparison:
    """The first run's recipe minus the second's, on the splits of `evaluation`; written to `options.folder`.

    As in an evaluation, what is judged is a recipe: settings fitted with the seeds of `evaluation` on the known part
    of each split, on the graph as it is now.

    Raises:
        SettingsError: the runs were trained on different data.
        ArtifactError: a run is of a version that had other settings.
    """
    check_same_data(*runs)
    first, second = (recipe_of(run) for run in runs)

    def fit_both(split: Split, seed: int) -> FittedModel:
        fitted = fit_recipe(graph, first, split, of_seed(options, seed, "first"))
        other = fit_recipe(graph, second, split, of_seed(options, seed, "second"))
        return replace(fitted, variants={"second": replace(other, variants={})})

    protocol = ProtocolConfig(evaluation.protocol, evaluation.seeds)
    result = run_protocol(graph.interactions, fit_both, protocol, options.progress)
    comparison = compare(result, (runs[0].name, runs[1].name))
    options.folder.mkdir(parents=True, exist_ok=True)
    write_json(options.folder / COMPARISON, comparison.as_json())
    return comparison


def check_same_data(first: Run, second: Run) -> None:
    """Checks that two runs are of the same graph as of the same time.

    Raises:
        SettingsError: they are of different data, so a difference would not be the models' own.
    """
    made_of = [run.manifest["graph"] for run in (first, second)]
    hashes = [graph["content_hash"][:12] for graph in made_of]
    if made_of[0]["content_hash"] != made_of[1]["content_hash"]:
        raise SettingsError(
            f"run {first.name} was trained on a graph of content hash {hashes[0]}, run {second.name} on {hashes[1]}",
            "train both on the same graph; `kindred runs` shows what each was trained on",
        )
    if made_of[0]["until"] != made_of[1]["until"]:
        raise SettingsError(
            f"run {first.name} was trained as of {made_of[0]['until']}, run {second.name} as of {made_of[1]['until']}",
            "train both with the same --until",
        )
