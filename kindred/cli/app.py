"""The command tree: what every command is called, and the flags that all of them take."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import answers, console, training
from kindred.cli import graph_files as graph_files  # adds `graph view` and `graph export`
from kindred.cli import ingest_interactions as ingest_interactions  # adds `ingest interactions`
from kindred.cli import ingest_music as ingest_music  # adds `ingest tracks` and `ingest tags`
from kindred.cli import ingest_text as ingest_text  # adds `ingest posts`, `ingest clicks` and `ingest queries`
from kindred.cli.bare_ids import AskingCommand
from kindred.cli.browser_guide import browser_guide_app
from kindred.cli.compare import compare
from kindred.cli.config import config_app
from kindred.cli.demo import demo
from kindred.cli.doctor import doctor
from kindred.cli.experiments import experiments_app
from kindred.cli.explore import explore_app
from kindred.cli.export import export_app
from kindred.cli.fine_tune import fine_tune
from kindred.cli.generate import generate_app
from kindred.cli.graph import graph_app
from kindred.cli.home_paths import read_home_paths
from kindred.cli.ingest import ingest_app
from kindred.cli.keys import keys_app
from kindred.cli.load_test import load_test
from kindred.cli.predict import predict
from kindred.cli.refresh import refresh
from kindred.cli.runs import runs_app
from kindred.cli.serve import serve
from kindred.cli.simulate import simulate_app
from kindred.cli.tune import tune
from kindred.cli.why import why

_EPILOG = f"Exit codes: {console.EXIT_CODES}. Example: kindred recommend --user U00042 -k 5"

app = typer.Typer(
    name="kindred",
    help="Recommendations from a graph: ingest reviews, train a graph network, publish, recommend, explain.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        console.result(f"kindred {metadata.version('kindred')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of everything Kindred writes.")] = None,
    graph_url: Annotated[str | None, typer.Option(help="ladybug:FOLDER or neo4j://HOST:PORT.")] = None,
    vector_url: Annotated[str | None, typer.Option(help="qdrant-edge:FOLDER or http://HOST:PORT.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and log to stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Keeps the flags that override settings; --debug is listed here and read by `main`."""
    context.obj = {"data_dir": data_dir, "graph_url": graph_url, "vector_url": vector_url}


app.add_typer(generate_app, name="generate")
app.add_typer(ingest_app, name="ingest")
app.add_typer(simulate_app, name="simulate")
app.add_typer(graph_app, name="graph")
app.add_typer(explore_app, name="explore")
app.command("train-gnn", epilog="Example: kindred train-gnn --conv gat --epochs 40")(training.train_gnn)
app.command("train", epilog="Example: kindred train tracks")(training.train_system)
app.command("tune", epilog="Example: kindred tune --trials 30 --timeout 3600 --resume")(tune)
app.command("fine-tune", epilog="Example: kindred fine-tune -o data/encoder")(fine_tune)
app.command("evaluate", epilog="Example: kindred evaluate --protocol random --seeds 5")(training.evaluate)
app.command("compare", epilog="Example: kindred compare RUN RUN --protocol random --seeds 5")(compare)
app.add_typer(runs_app, name="runs")
app.command("publish", epilog="Example: kindred publish")(answers.publish)
app.command("rollback", epilog="Example: kindred rollback")(answers.rollback)
app.command("recommend", cls=AskingCommand, epilog="Example: kindred recommend --user U00042 -k 5")(answers.recommend)
app.command("predict", epilog="Example: kindred predict --tracks test.csv -o submission.csv")(predict)
app.command("similar", epilog="Example: kindred similar --product P00007")(answers.similar)
app.add_typer(experiments_app, name="experiments")
app.add_typer(keys_app, name="keys")
app.command("why", epilog="Example: kindred why U00042 P00007")(why)
app.command("serve", epilog="Example: kindred serve --port 8000")(serve)
app.command("load-test", epilog="Example: kindred load-test --rate 200 --seconds 30")(load_test)
app.command("refresh", epilog="Example: kindred refresh --every 6h")(refresh)
app.add_typer(export_app, name="export")
app.add_typer(browser_guide_app, name="browser-guide")
app.add_typer(config_app, name="config")
app.command("demo", epilog="Example: kindred demo --reviews reviews.json.gz")(demo)
app.command("doctor", epilog="Example: kindred doctor --json")(doctor)

read_home_paths(app)


def branch_of(arguments: Sequence[str]) -> typer.Typer:
    """The tree with the commands and groups alone that these arguments name; the whole tree where they name none.

    The options of all others need not be worked out: a tenth of a second.
    """
    branch = copy(app)
    branch.registered_commands = [command for command in app.registered_commands if command.name in arguments]
    branch.registered_groups = [group for group in app.registered_groups if group.name in arguments]
    return branch if branch.registered_commands or branch.registered_groups else app
