"""What was given becomes the files that are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.paths import expand


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


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    for name in ("real/a.csv", "given/b.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    given = tmp_path / "given"
    (given / "linked").symlink_to(tmp_path / "real")
    (given / "round").symlink_to(given)
    (given / "gone.csv").symlink_to(tmp_path / "nowhere")
    assert expand(given) == [given / "b.csv", given / "linked/a.csv"]


def test_what_may_not_be_read_is_an_error_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(RecordError, match=r"a\.csv can't be read: Permission denied"):
        expand(tmp_path / "a.csv")
