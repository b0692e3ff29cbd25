"""`kindred compare`: two runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, settings_of
from kindred.cli.training import Protocol
from kindred.stores import graph_to_read, runs_folder_of


def compare(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Name of the run to compare it with.")],
    protocol: Annotated[Protocol, typer.Option(help="Each user's last event, or 20 % at random.")] = Protocol.TEMPORAL,
    seeds: Annotated[int, typer.Option(min=1, help="Splits and fits of either, seeded 0, 1, …")] = 1,
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Judge the settings of two runs on the same events: the first minus the second, with paired intervals."""
    from kindred.recommenders.runs import find_run, leaving_no_models
    from kindred.recommenders.systems import find_system

    settings = settings_of(context)
    module = find_system(system)
    module.check_usual("comparing runs")
    folder = runs_folder_of(settings, system)
    runs = find_run(folder, first), find_run(folder, second)
    from kindred.evaluation.comparison import comparison_text  # only now: these bring PyTorch
    from kindred.recommenders.interaction_graph import read_interaction_graph
    from kindred.recommenders.judging.evaluating import EvaluationOptions
    from kindred.recommenders.judging.run_comparison import check_same_data, compare_runs
    from kindred.training.fit import RunOptions

    check_same_data(*runs)
    with graph_to_read(settings) as store:
        graph = read_interaction_graph(module.system, store, runs[0].manifest["graph"]["until"])
    folder = runs[0].folder / "comparison" / f"{runs[1].name}-{protocol.value}"
    with leaving_no_models(folder), console.Bars() as bars:
        options = RunOptions(folder, device=settings.device, progress=bars)
        comparison = compare_runs(graph, runs, EvaluationOptions(protocol.value, range(seeds)), options)
    if as_json:
        console.json_result(comparison.as_json())
    else:
        console.result(comparison_text(comparison))
        console.note(f"written to {folder}")
