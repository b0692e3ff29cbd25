from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from kindred.cli import console
from kindred.domain.errors import GateError, KindredError, RecordError, SettingsError, StoreError


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


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        *((0.0, "0.00"), (0.0456789, "0.0457"), (-0.00012, "-0.000120"), (1.234e-7, "1.23e-07"), (1.0, "1.00")),
        *((12.345, "12.3"), (999.4, "999"), (999.6, "1,000"), (4241238.0, "4,241,238")),
    ],
)
def test_figures_keep_three_significant_digits(score: float, shown: str) -> None:
    assert console.figure(score) == shown


def test_bars_are_silent_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Bars() as bars:
        bars("reading", 1, 2)
        bars("reading", 2, 2)
    assert capsys.readouterr().err == ""


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
    code = f"import sys, kindred.cli; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
