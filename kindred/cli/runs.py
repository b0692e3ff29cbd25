"""`kindred runs`: what was trained, what it is worth, what is published; delete and tag runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, command_line, settings_of
from kindred.stores import runs_folder_of, vectors_of

if TYPE_CHECKING:
    from kindred.recommenders.runs import Run
    from kindred.settings import Settings

_HEADER = ("run", "system", "model", "events", "users", "items", "graph")

runs_app = typer.Typer(
    help="Finished runs, oldest first, and which one is published; `rm` deletes one, `tag` notes a word on it.",
    epilog="Example: kindred runs --json",
    invoke_without_command=True,
)


@runs_app.callback()
def runs(
    context: typer.Context,
    system: Annotated[str | None, typer.Option("--system", metavar="NAME", help="Only of this recommender.")] = None,
    as_json: AsJson = False,
) -> None:
    """List finished runs; a damaged one is named at the end."""
    if context.invoked_subcommand is not None:
        return
    from kindred.domain.errors import ArtifactError
    from kindred.recommenders.runs import can_be_resumed, figure_names, is_in_training, read_runs, unfinished_runs
    from kindred.recommenders.systems import SYSTEMS, find_system

    settings = settings_of(context)
    names = list(SYSTEMS) if system is None else [find_system(system).system.name]
    read = {name: read_runs(runs_folder_of(settings, name)) for name in names}
    found = [(name, run) for name, (runs, _) in read.items() for run in runs]
    marks = _published(settings, names) if found else {}
    damaged = [error for _, errors in read.values() for error in errors.values()]
    rows = []
    for name, run in found:
        try:
            rows.append(_row(run, run.name == marks.get(name)))
        except ArtifactError as error:  # its figures or its tags
            damaged.append(error)
    if as_json:
        console.json_result(rows)
    else:
        figures = figure_names(row["figures"] for row in rows)
        header = [*_HEADER, *figures, "tags", "published"]
        console.result(console.table(header, [_cells(row, figures) for row in rows]))
        for name in names:
            of_system = runs_folder_of(settings, name)
            for unfinished in unfinished_runs(of_system):
                folder = of_system / unfinished
                go_on = command_line(context, "train", name, "--resume", unfinished)
                delete = f"delete it with {command_line(context, 'runs', 'rm', unfinished, '--system', name)}"
                if is_in_training(folder):
                    console.note(f"run {unfinished} of {name} is being trained now")
                elif can_be_resumed(folder):
                    console.note(f"run {unfinished} of {name} did not finish: go on with {go_on}, or {delete}")
                else:
                    console.note(f"run {unfinished} of {name} holds nothing: {delete}")
    if damaged:
        steps = dict.fromkeys(error.next_step for error in damaged)
        raise ArtifactError("; ".join(error.message for error in damaged), "; ".join(steps))


@runs_app.command("rm", epilog="Example: kindred runs rm 20260102-030405-abcdef")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, finished or not.")],
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Delete a run; not one that is published or that a rollback would bring back."""
    from kindred.domain.errors import ArtifactError
    from kindred.recommenders.releases import run_of
    from kindred.recommenders.runs import remove_run
    from kindred.recommenders.systems import find_system

    settings = settings_of(context)
    folder = runs_folder_of(settings, find_system(system).system.name)
    with vectors_of(settings) as vectors:
        here = vectors.of(system)
        needed = {run_of(version) for version in (here.published(), here.previous()) if version is not None}
    if name in needed:
        raise ArtifactError(f"run {name} is published, or what a rollback would publish", "publish others first")
    remove_run(folder, name)
    console.json_result({"removed": name}) if as_json else console.result(f"removed {name}")


@runs_app.command("tag", epilog="Example: kindred runs tag 20260102-030405-abcdef baseline-of-may")
def tag(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name of a finished run.")],
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="What the run is to be known by.")],
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Note words on a run; `kindred runs` shows them."""
    from kindred.recommenders.runs import add_tags, find_run
    from kindred.recommenders.systems import find_system

    settings = settings_of(context)
    run = find_run(runs_folder_of(settings, find_system(system).system.name), name)
    noted = add_tags(run, tags)
    console.json_result({"run": name, "tags": noted}) if as_json else console.result(f"{name}: {', '.join(noted)}")


def _published(settings: Settings, systems: list[str]) -> dict[str, str]:
    """System → the run that its published version was made from."""
    from kindred.recommenders.releases import run_of

    with vectors_of(settings) as vectors:
        versions = {name: vectors.of(name).published() for name in systems}
    return {name: run_of(version) for name, version in versions.items() if version is not None}


def _row(run: Run, is_published: bool) -> dict[str, Any]:
    from kindred.recommenders.runs import figures_of, tags_of
    from kindred.recommenders.systems import model_name

    return {
        "run": run.name,
        "model": model_name(run),
        "published": is_published,
        "figures": figures_of(run),
        "tags": tags_of(run),
        **run.manifest,
    }


def _cells(row: dict[str, Any], figures: Sequence[str]) -> tuple[object, ...]:
    return (
        row["run"],
        row["system"],
        row["model"],
        *(row.get(name, "") for name in ("events", "users", "items")),
        row["graph"]["content_hash"][:12],
        *(row["figures"].get(name, "") for name in figures),
        " ".join(row["tags"]),
        "yes" if row["published"] else "",
    )
