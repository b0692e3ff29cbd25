from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import typer

from kindred.cli import console
from kindred.cli.app import whole_tree
from kindred.domain.errors import ArtifactError, GateError, KindredError, RecordError, SettingsError, StoreError

app = whole_tree()


def fail_with(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KindredError("odd"), 1),
        (ZeroDivisionError("odd"), 1),
        (SettingsError("odd"), 2),
        (RecordError("odd"), 3),
        (StoreError("odd"), 4),
        (PermissionError(13, "Permission denied", "/data/graph/lock"), 4),
        (OSError(28, "No space left on device", "/data/x"), 4),
        (OSError(27, "File too large", "/data/x"), 4),
        (FileNotFoundError(2, "No such file", "/data/x"), 1),
        (UnicodeEncodeError("utf-8", "u\udcff", 1, 2, "surrogates not allowed"), 2),
        (MemoryError("Unable to allocate 72 TiB"), 4),
        (GateError("odd"), 5),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_exit_code_and_one_line(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        console.run(fail_with(error))
    printed = capsys.readouterr()
    assert ended.value.code == code
    assert printed.out == "" and printed.err.count("\n") == 1


def test_an_error_names_the_next_command_on_its_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        console.run(fail_with(RecordError("line 3\nis broken", "run `kindred doctor`")))
    assert capsys.readouterr().err == "error: line 3 is broken — run `kindred doctor`\n"


def test_table_aligns_numbers_right_and_text_left() -> None:
    drawn = console.table(["name", "count"], [("a", 12_345), ("bcd", 7)])
    assert drawn.splitlines() == ["name   count", "────  ──────", "a     12,345", "bcd        7"]


def test_bars_are_silent_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Bars() as bars:
        bars("reading", 1, 2)
        bars("reading", 2, 2)
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    """A terminal, or one whose reader left after so many characters."""

    def __init__(self, room: int = 1_000_000) -> None:
        super().__init__()
        self.room = room

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.room -= len(text)
        if self.room < 0:
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize("room", [0, 40, 200])
def test_a_terminal_that_goes_away_never_stops_the_work(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, told = Terminal(room), 0
    monkeypatch.setattr(sys, "stderr", terminal)
    with console.Bars() as bars:
        for stage in ("reading a.jsonl", "train", "reading a.jsonl"):
            for done in range(5):
                bars(stage, done, 4)
                told += 1
    assert told == 15 and terminal.room < 0, "it went away while the work went on"
    closed = Terminal()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    with console.Bars() as bars:
        bars("train", 1, 2)
    monkeypatch.setattr(sys, "stderr", None)
    with console.Bars() as bars:
        bars("train", 1, 2)


def test_bars_count_in_the_units_of_their_stage_and_name_what_is_done_now(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with console.Bars() as bars:
        bars("evaluate: the model", 0, 2)
        bars("evaluate: ease", 2, 2)
        bars("reading a.jsonl", 3_000_000, 3_000_000)
    drawn = terminal.getvalue()
    assert "evaluate: the model" in drawn and "evaluate: ease" in drawn and drawn.count("\n") == 2
    assert "fits/s" in drawn and "3.00M/3.00M" in drawn


RUN = "import sys\nfrom kindred.cli import main\nsys.argv = ['kindred', *sys.argv[1:]]\nmain()"


@pytest.mark.parametrize(("arguments", "code"), [("config", 4), ("config --json", 4), ("--help", 4)])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_on_stdout_ends_with_one_line_and_its_code(arguments: str, code: int) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([sys.executable, "-c", RUN, *arguments.split()], stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == code
    assert ended.stderr.count(b"\n") == 1 and b"No space left" in ended.stderr


def test_a_closed_stdout_is_told_and_a_reader_who_left_is_no_fault() -> None:
    command = f"{shlex.join([sys.executable, '-c', RUN])} config"
    closed = subprocess.run(["sh", "-c", f"{command} >&-"], capture_output=True, text=True)
    assert closed.returncode == 4 and closed.stderr.count("\n") == 1 and "stdout is closed" in closed.stderr
    left = subprocess.run(["sh", "-c", f"({command}; echo $? >&2) | true"], capture_output=True, text=True)
    assert left.stderr == "0\n"
    silent = subprocess.run(["sh", "-c", f"{command} 2>&-"], capture_output=True, text=True)
    assert silent.returncode == 0 and "data_dir" in silent.stdout


def interrupted() -> None:
    stopped = KeyboardInterrupt()
    stopped.add_note("run r1 is kept")
    raise stopped


def test_ctrl_c_says_what_was_kept(capsys: pytest.CaptureFixture[str]) -> None:
    tree = typer.Typer()
    tree.command()(interrupted)
    for command in (interrupted, lambda: tree([])):
        with pytest.raises(SystemExit) as ended:
            console.run(command)
        assert ended.value.code == 130 and capsys.readouterr().err == "interrupted; run r1 is kept\n"


def test_a_command_that_is_proposed_gets_the_flags_of_the_one_that_ended(capsys: pytest.CaptureFixture[str]) -> None:
    def failed() -> None:
        raise ArtifactError("no run", "train one with `kindred train tracks`")

    flags = console.flags_of(["--data-dir", "my data", "--graph-url=ladybug:g", "publish", "--data-dir", "no flag"])
    with pytest.raises(SystemExit):
        console.run(failed, flags=flags)
    assert "`kindred --data-dir 'my data' --graph-url=ladybug:g train tracks`" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"kindred {metadata.version('kindred')}\n"


def test_the_command_tree_loads_nothing_heavy() -> None:
    heavy = [
        "torch",
        "torch_geometric",
        "pydantic",
        "numpy",
        "pyarrow",
        "ladybug",
        "qdrant_edge",
        "transformers",
        "matplotlib",
    ]
    code = f"import sys, kindred.cli.app; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_titles_can_not_steer_the_terminal_nor_make_lines(capsys: pytest.CaptureFixture[str]) -> None:
    title = "gpj.\u202eexe\x1b]0;mine\x07\x9b\nP9  another"
    console.result(console.named("P1", title))
    console.json_result({"title": title, "score": float("nan")})
    console.json_line([title])
    assert console.named("rock", "rock") == console.named("rock", None) == "rock"
    for_people, *for_machines = capsys.readouterr().out.splitlines()
    assert for_people == "P1  gpj.\\u202eexe\\x1b]0;mine\\x07\\x9b P9 another"
    *document, line = for_machines
    assert json.loads("\n".join(document)) == {"title": title, "score": None} and json.loads(line) == [title]
    assert all(character.isprintable() for found in for_machines for character in found)
