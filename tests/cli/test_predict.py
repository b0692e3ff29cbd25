"""`kindred predict`: what is refused, and how what is odd is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.cli.console import EXIT_CODES
from kindred.recommenders.tagging.predicting import numbers_between

app = whole_tree()


def run(folder: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["--data-dir", str(folder), "predict", *words], standalone_mode=False)
    return (getattr(result.exception, "exit_code", result.exit_code), str(result.exception))


def test_another_system_an_absent_file_and_an_absent_run_are_named(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("track\n1\n")
    tracks, out = ("--tracks", str(tmp_path / "test.csv")), ("-o", str(tmp_path / "out.csv"))
    code, said = run(tmp_path, "--system", "products", *tracks, *out)
    assert code == 2 and "recommend --system products --all" in said
    code, said = run(tmp_path, "--tracks", str(tmp_path / "no.csv"), *out)
    assert code == 3 and "no.csv" in said
    code, said = run(tmp_path, *tracks, *out)
    assert code == 3 and "kindred train tags" in said
    assert not (tmp_path / "out.csv").exists() and "3 bad or missing data" in EXIT_CODES


@pytest.mark.parametrize(
    ("tags", "gaps"), [("0 1 2", ()), ("0 2 3 5", (1, 4)), ("7 8 10", (9,)), ("1 rock 9", ()), ("5 100017 9", ())]
)
def test_numbers_without_a_tag_are_told_since_a_row_has_no_place_for_them(tags: str, gaps: tuple[int, ...]) -> None:
    assert numbers_between(tags.split()) == gaps
