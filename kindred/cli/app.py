"""The command tree: what every command is called, and the flags that all of them take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from kindred.cli import console
from kindred.cli.home_paths import read_home_paths


@dataclass(frozen=True)
class Command:
    """A command, whose module is imported when its options are needed: all together take a tenth of an answer's time.

    Attributes:
        name: as it is typed.
        function: module in `kindred.cli`, and function in it.
        example: for `--help`.
        kind: module in `kindred.cli`, and class in it, of a command that reads its arguments in its own way.
    """

    name: str
    function: str
    example: str
    kind: str = ""

    def add_to(self, tree: typer.Typer) -> None:
        """Makes it a command of the tree."""
        kind = _found(self.kind) if self.kind else None
        tree.command(self.name, cls=kind, epilog=f"Example: {self.example}")(_found(self.function))


@dataclass(frozen=True)
class Group:
    """A group of commands.

    Attributes:
        name: as it is typed.
        tree: module in `kindred.cli`, and its tree in it.
        others: modules in `kindred.cli` that add commands to that tree.
    """

    name: str
    tree: str
    others: Sequence[str] = ()

    def add_to(self, tree: typer.Typer) -> None:
        """Makes it a group of the tree."""
        for module in self.others:
            _module(module)
        tree.add_typer(_found(self.tree), name=self.name)


COMMANDS: Sequence[Command | Group] = (
    Group("generate", "generate.generate_app"),
    Group("ingest", "ingest.ingest_app", ("ingest_interactions", "ingest_music", "ingest_text")),
    Group("simulate", "simulate.simulate_app"),
    Group("graph", "graph.graph_app", ("graph_files",)),
    Group("explore", "explore.explore_app"),
    Command("train-gnn", "training.train_gnn", "kindred train-gnn --conv gat --epochs 40"),
    Command("train", "training.train_system", "kindred train tracks"),
    Command("tune", "tune.tune", "kindred tune --trials 30 --timeout 3600 --resume"),
    Command("fine-tune", "fine_tune.fine_tune", "kindred fine-tune -o data/encoder"),
    Command("evaluate", "training.evaluate", "kindred evaluate --protocol random --seeds 5"),
    Command("compare", "compare.compare", "kindred compare RUN RUN --protocol random --seeds 5"),
    Group("runs", "runs.runs_app"),
    Command("publish", "answers.publish", "kindred publish"),
    Command("rollback", "answers.rollback", "kindred rollback"),
    Command("recommend", "answers.recommend", "kindred recommend --user U00042 -k 5", "bare_ids.AskingCommand"),
    Command("predict", "predict.predict", "kindred predict --tracks test.csv -o submission.csv"),
    Command("similar", "answers.similar", "kindred similar --product P00007"),
    Group("experiments", "experiments.experiments_app"),
    Group("keys", "keys.keys_app"),
    Command("why", "why.why", "kindred why U00042 P00007"),
    Command("serve", "serve.serve", "kindred serve --port 8000"),
    Command("load-test", "load_test.load_test", "kindred load-test --rate 200 --seconds 30"),
    Command("refresh", "refresh.refresh", "kindred refresh --every 6h"),
    Group("export", "export.export_app"),
    Group("browser-guide", "browser_guide.browser_guide_app"),
    Group("config", "config.config_app"),
    Command("demo", "demo.demo", "kindred demo --reviews reviews.json.gz"),
    Command("doctor", "doctor.doctor", "kindred doctor --json"),
)


def _module(name: str) -> Any:
    return import_module(f"kindred.cli.{name}")


def _found(path: str) -> Any:
    module, name = path.split(".")
    return getattr(_module(module), name)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        console.result(f"kindred {metadata.version('kindred')}")
        raise typer.Exit


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


def _tree_of(commands: Sequence[Command | Group]) -> typer.Typer:
    """The tree with these commands and groups."""
    tree = typer.Typer(
        name="kindred",
        help="Recommendations from a graph: ingest reviews, train a graph network, publish, recommend, explain.",
        epilog=f"Exit codes: {console.EXIT_CODES}. Example: kindred recommend --user U00042 -k 5",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    tree.callback()(root)
    for command in commands:
        command.add_to(tree)
    read_home_paths(tree)
    return tree


@cache
def whole_tree() -> typer.Typer:
    """The tree with every command."""
    return _tree_of(COMMANDS)


def branch_of(arguments: Sequence[str]) -> typer.Typer:
    """The tree with the commands and groups alone that these arguments name; the whole tree where they name none."""
    named = [command for command in COMMANDS if command.name in arguments]
    return _tree_of(named) if named else whole_tree()
