"""`kindred tune`: better settings for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, command_line, evaluate_line, settings_of
from kindred.domain.shown import counted
from kindred.stores import graph_to_read

if TYPE_CHECKING:
    from kindred.recommenders.judging.tuning import TuningResult


def tune(
    context: typer.Context,
    trials: Annotated[int, typer.Option(min=1, help="Settings to try in all, the defaults first.")] = 30,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Begin no trial after so many seconds.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the study of this graph.")] = False,
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Search for better settings on each user's last event before the test; needs the extra `tune`.

    Of products from reviews; others are named: --system tracks, listens or interactions.
    """
    from kindred.domain.schema import graph_schema
    from kindred.graph.statistics import graph_statistics
    from kindred.recommenders.interaction_graph import read_interaction_graph
    from kindred.recommenders.judging.tuning import TuningOptions
    from kindred.recommenders.judging.tuning import tune as search
    from kindred.recommenders.systems import find_system, usual_systems
    from kindred.training.fit import RunOptions

    settings = settings_of(context)
    module = find_system(system)
    module.check_usual("the search for settings")
    with graph_to_read(settings) as store:
        module.check_meant(store, "tune --system {}", usual_systems())
        content_hash = graph_statistics(store, graph_schema()).content_hash
        graph = read_interaction_graph(module.system, store)
    folder = settings.data_dir / "artifacts" / "tuning" / f"{system}-{content_hash[:12]}"
    with console.Bars() as bars:
        options = RunOptions(folder, settings.seed, settings.device, resume=resume, progress=bars)
        result = search(graph, TuningOptions(trials, timeout), options)
    if as_json:
        console.json_result(result.as_json())
    else:
        console.result(tuning_text(result))
        train = command_line(context, "train", system, "--config", str(result.config_file))
        console.note(f"next: {train}, then {evaluate_line(context, system, timed=graph.interactions.at is not None)}")


def tuning_text(result: TuningResult) -> str:
    """What a search found, for people."""
    trials = counted(len(result.trials), "trial", "trials")
    lines = [f"{trials}; NDCG@10 on validation: defaults {result.defaults:.4f}, "]
    lines[0] += f"best {result.best.value:.4f} (trial {result.best.number}, {result.gain:+.4f})"
    lines += [
        f"  {name} {value:g}" if isinstance(value, float) else f"  {name} {value}"
        for name, value in result.best.params.items()
    ]
    lines.append(
        "This is a validation figure: the best of many tries on the same events flatters itself. What the settings "
        "are worth, `kindred evaluate` and `kindred compare` tell on the test events."
    )
    return "\n".join([*lines, f"settings: {result.config_file}"])
