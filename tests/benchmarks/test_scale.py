"""The table of growth, and what a stage is said to cost."""

from __future__ import annotations

import sys

import pytest

from benchmarks.scale import Cost, print_table, run


def test_growth_is_of_the_cost_of_one_review(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        1_000: {"generate": Cost(2.0, 0.5), "train-gnn": Cost(1.0, 1.0)},
        4_000: {"generate": Cost(12.0, 0.75), "train-gnn": Cost(4.0, 2.0)},
    }
    print_table(found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["generate", "2000.0", "·", "0.50", "3000.0", "·", "0.75", "1.50", "×"]
    assert lines[2].endswith("1.00 ×")


def test_a_stage_that_fails_ends_it_with_what_it_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(sys.executable, "-c", "print('fine')").seconds > 0
    with pytest.raises(SystemExit, match=r"ended with 3:\nbroken"):
        run(sys.executable, "-c", "import sys; print('broken'); sys.exit(3)")
    assert "fine" not in capfd.readouterr().out
