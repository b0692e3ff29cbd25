"""What was given becomes the files that are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.ingest.paths import expand


def test_names_folders_patterns_and_the_dash(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "deep/c.csv", ".hidden", "_SUCCESS", "deep/_log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert expand(tmp_path) == [tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "deep/c.csv"]
    assert expand([tmp_path / "*.csv"]) == [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert expand([tmp_path / "**/c.csv", Path("-")]) == [tmp_path / "deep/c.csv", Path("-")]
    assert expand(None) == []


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="holds no file"):
        expand(tmp_path)
    with pytest.raises(RecordError, match="no file matches"):
        expand(tmp_path / "*.csv")
    with pytest.raises(RecordError, match="no such file"):
        expand(tmp_path / "none")


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("x")
    assert expand(tmp_path / "a[1].csv") == [tmp_path / "a[1].csv"]
