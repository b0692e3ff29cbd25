"""`kindred predict`: what is refused, and how what is odd is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.cli.console import EXIT_CODES
from kindred.cli.predict import _tell
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


def test_what_is_odd_about_one_track_is_told_in_the_singular(capsys: pytest.CaptureFixture[str]) -> None:
    for names in ([], ["7"], [str(number) for number in range(2_000)]):
        _tell(("track is unknown", "tracks are unknown"), names)
    one, several = capsys.readouterr().err.splitlines()
    assert one == "1 track is unknown: 7" and several.startswith("2,000 tracks are unknown: 0, 1")
    assert several.endswith(", …")
