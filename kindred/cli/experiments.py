"""`kindred experiments`: the A/B tests that the settings declare, and what they have found."""

from __future__ import annotations

from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, settings_of
from kindred.stores import graph_to_read

experiments_app = typer.Typer(
    help="A/B tests that the settings declare, and what they have found so far.",
    epilog="Example: kindred experiments report wider --window 7d",
    no_args_is_help=True,
)


@experiments_app.command("list", epilog="Example: kindred experiments list --json")
def list_experiments(context: typer.Context, as_json: AsJson = False) -> None:
    """The experiments in force, their arms and shares."""
    declared = settings_of(context).experiments
    if as_json:
        console.json_result([one.model_dump(mode="json", exclude={"salt"}) for one in declared])
        return
    rows = [
        (one.name, one.system, arm.name, f"{arm.share}%", arm.version, arm.diversity, arm.explore or None)
        for one in declared
        for arm in one.arms
    ]
    console.result(console.table(["experiment", "system", "arm", "share", "version", "diversity", "explore"], rows))


@experiments_app.command("report", epilog="Example: kindred experiments report wider --window 7d --json")
def report(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name of a declared experiment.")],
    window: Annotated[
        str, typer.Option(metavar="TIME", help="How long after an exposure an event counts: 90s, 30m, 6h, 7d.")
    ] = "1d",
    as_json: AsJson = False,
) -> None:
    """Users and hit rate of each arm, the sample ratio, differences with intervals; exit code 5 if the ratio is off."""
    from kindred.cli.times import seconds_in
    from kindred.domain.errors import GateError, SettingsError
    from kindred.recommenders.systems import find_system
    from kindred.serving.ab_tests.experiment_report import report_json, report_of, report_text
    from kindred.serving.ab_tests.experiments import read_exposures

    seconds = seconds_in(window)
    settings = settings_of(context)
    declared = {one.name: one for one in settings.experiments}
    if name not in declared:
        hint = (
            f"declared are {', '.join(declared)}"
            if declared
            else "declare it in kindred.toml, as docs/service.md shows"
        )
        raise SettingsError(f"no experiment {name!r} is declared", hint)
    system = find_system(declared[name].system).system
    exposures = list(read_exposures(settings.data_dir / "exposures", name))
    with graph_to_read(settings) as store:
        found = report_of(declared[name], system, store, exposures, seconds)
    console.json_result(report_json(found)) if as_json else console.result(report_text(found))
    if not found.ratio.holds:
        raise GateError(f"the arms of experiment {name} are not of the declared sizes", "find out why first")
