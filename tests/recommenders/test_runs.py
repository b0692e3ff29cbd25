from __future__ import annotations

from pathlib import Path

import pytest

from kindred.domain.errors import ArtifactError
from kindred.recommenders.runs import find_run, finish_run, finished_runs, new_run_folder


def test_a_folder_is_a_run_only_once_its_manifest_is_there(tmp_path: Path) -> None:
    half, whole = new_run_folder(tmp_path, "a"), new_run_folder(tmp_path, "b")
    run = finish_run(whole, {"config": {"model": "gnn"}, "graph": "b"})
    assert finished_runs(tmp_path) == [run] and find_run(tmp_path) == run == find_run(tmp_path, whole.name)
    with pytest.raises(ArtifactError, match="did not finish") as raised:
        find_run(tmp_path, half.name)
    assert f"--resume {half.name}" in raised.value.next_step


def test_many_runs_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    assert len({new_run_folder(tmp_path, 7) for _ in range(20)}) == 20


def test_the_newest_run_of_the_system_s_own_model_is_the_default(tmp_path: Path) -> None:
    for name in ("20260101-000000-aaaaaa", "20260102-000000-aaaaaa"):
        (tmp_path / name).mkdir()
        finish_run(tmp_path / name, {"config": {"model": "gnn"}})
    (tmp_path / "20260103-000000-aaaaaa").mkdir()
    finish_run(tmp_path / "20260103-000000-aaaaaa", {"config": {"model": "popularity"}})
    assert find_run(tmp_path).name.startswith("20260102")


def test_a_baseline_is_taken_only_by_name(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path, "a")
    run = finish_run(folder, {"config": {"model": "ease"}})
    with pytest.raises(ArtifactError, match="baselines only") as raised:
        find_run(tmp_path)
    assert run.name in str(raised.value) and find_run(tmp_path, run.name) == run


def test_no_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no finished run") as raised:
        find_run(tmp_path)
    assert "kindred train" in raised.value.next_step


def test_a_broken_manifest_names_the_folder(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path, "a")
    finish_run(folder, {})
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ArtifactError, match="manifest") as raised:
        finished_runs(tmp_path)
    assert str(folder) in raised.value.next_step
