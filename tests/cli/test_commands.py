"""The commands as a user types them: what they print where, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import ArtifactError, KindredError
from kindred.settings import Settings

app = whole_tree()


@pytest.fixture
def kindred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Runs a command in an empty folder and returns its stdout; errors are raised."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    yield run


def test_generate_then_dry_run_then_an_empty_graph(kindred: Callable[..., str]) -> None:
    made = json.loads(
        kindred("generate", "products", "--users", "20", "--products", "9", "--reviews", "60", "--out", "s", "--json")
    )
    checked = json.loads(kindred("ingest", "products", "--reviews", made["reviews"], "--dry-run", "--json"))
    assert (checked["lines"], checked["accepted"], checked["quarantined"]) == (60, 60, 0)
    stats = json.loads(kindred("graph", "stats", "--json"))
    assert set(stats["nodes"].values()) == {0} and stats["earliest"] is None


def test_graph_query_prints_rows_and_takes_parameters(kindred: Callable[..., str]) -> None:
    answer = kindred(
        "graph", "query", "UNWIND [1, 2, 3] AS n WITH n WHERE n > $least RETURN n", "--param", "least=1", "--json"
    )
    assert json.loads(answer) == [{"n": 2}, {"n": 3}]


def test_config_show_never_prints_a_secret(kindred: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDRED_GRAPH_PASSWORD", "hunter2")
    shown = kindred("config", "show", "--json")
    assert "hunter2" not in shown and json.loads(shown)["graph_password"]["source"] == "environment"


def test_config_alone_shows_every_setting_and_what_is_none(
    kindred: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINDRED_SEDE", "4")
    (tmp_path / "kindred.toml").write_text("seed = 5\n")
    ended = CliRunner().invoke(app, ["--data-dir", "elsewhere", "config", "--json"])
    shown = json.loads(ended.stdout)
    assert set(shown) == set(Settings.model_fields)
    assert shown["seed"] == {"value": "5", "source": "kindred.toml"} and shown["data_dir"]["source"] == "flag"
    assert ended.stderr.splitlines() == [
        "warning: KINDRED_SEDE (environment) is no setting and has no effect; did you mean KINDRED_SEED?"
    ]
    assert kindred("config") == kindred("config", "show")


@pytest.mark.parametrize(
    "arguments",
    [
        ("recommend",),
        ("recommend", "--user", "a", "--reviews", "b"),
        ("graph", "query", "RETURN 1 AS n", "--param", "no-equals"),
        ("evaluate",),
        ("publish", "no-such-run"),
        ("rollback",),
        ("train-gnn",),
        ("ingest", "products", "--reviews", "no-such-file"),
    ],
)
def test_what_can_t_be_done_names_the_next_step(kindred: Callable[..., str], arguments: tuple[str, ...]) -> None:
    with pytest.raises(KindredError) as raised:
        kindred(*arguments)
    assert raised.value.exit_code in (2, 3, 4) and raised.value.next_step


@pytest.mark.parametrize(
    "arguments",
    [("recommend", "--user", ""), ("recommend", "--user", " "), ("similar", "--product", "")],
)
def test_an_empty_id_is_a_usage_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ("--data-dir", str(tmp_path / "data"), *arguments))
    assert ended.exit_code == 2 and "never empty" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_rolling_back_nothing_is_missing_data_and_no_service_that_is_down(kindred: Callable[..., str]) -> None:
    with pytest.raises(ArtifactError) as raised:
        kindred("rollback")
    assert raised.value.exit_code == 3


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the tree with its name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_every_command_that_reports_can_report_to_machines() -> None:
    without = {
        name for name, command in commands(get_command(app)) if "as_json" not in {p.name for p in command.params}
    }
    assert without == {("demo",), ("serve",), ("browser-guide", "serve")}  # a show of commands, and servers


@pytest.mark.parametrize(
    ("arguments", "code_of_end"),
    [*((arguments, 3) for arguments in ("compare a b", "publish", "evaluate", "publish nosuch")), ("runs", 0)],
)
def test_what_is_not_there_is_told_without_loading_what_would_read_it(
    arguments: str, code_of_end: int, tmp_path: Path
) -> None:
    code = f"""
import sys
from kindred.cli.app import whole_tree
from kindred.domain.errors import ArtifactError
ended = 0
try:
    whole_tree()(("--data-dir", {str(tmp_path)!r}, *{arguments.split()!r}), standalone_mode=False)
except ArtifactError as error:
    ended = error.exit_code
print(ended, [name for name in ("numpy", "pyarrow", "asyncio") if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == f"{code_of_end} []", found.stderr


def test_the_launcher_ends_with_the_documented_codes(tmp_path: Path) -> None:
    launcher = Path(__file__).parents[2] / "cli.py"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(launcher), *arguments], capture_output=True, text=True, cwd=tmp_path)

    assert run("--help").returncode == 0
    assert run("no-such-command").returncode == 2
    failed = run("graph", "query", "MATCH (n) DELETE n")
    assert failed.returncode == 3 and failed.stdout == "" and failed.stderr.count("\n") == 1
    assert "Traceback" in run("--debug", "graph", "query", "MATCH (n) DELETE n").stderr


def test_the_package_runs_as_a_module_too() -> None:
    ended = subprocess.run([sys.executable, "-m", "kindred", "no-such-command"], capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stderr.startswith("Usage: kindred ")
