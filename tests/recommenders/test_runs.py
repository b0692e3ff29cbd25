from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.errors import ArtifactError, RecordError
from kindred.files import write_with_hash
from kindred.recommenders.runs import (
    CONFIG,
    Run,
    add_tags,
    can_be_resumed,
    find_run,
    finish_run,
    finished_runs,
    is_in_training,
    new_run_folder,
    read_runs,
    remove_run,
    resumable_or_gone,
    run_summary,
    tags_of,
    unfinished_runs,
    write_json,
)
from kindred.training.checkpoint import read_arrays, write_arrays, write_checkpoint
from kindred.training.fit import CHECKPOINT


def test_a_folder_is_a_run_only_once_its_manifest_is_there(tmp_path: Path) -> None:
    half, whole = new_run_folder(tmp_path, "a"), new_run_folder(tmp_path, "b")
    with pytest.raises(ArtifactError, match="did not finish") as raised:
        find_run(tmp_path, half.name)  # it holds nothing that a training could go on from
    assert "--resume" not in raised.value.next_step and "kindred train" in raised.value.next_step
    for folder in (half, whole):
        (folder / CONFIG).write_text("{}")
    run = finish_run(whole, {"config": {"model": "gnn"}, "graph": "b"})
    assert finished_runs(tmp_path) == [run] and find_run(tmp_path) == run == find_run(tmp_path, whole.name)
    with pytest.raises(ArtifactError, match="did not finish") as raised:
        find_run(tmp_path, half.name)
    assert f"--resume {half.name}`" in raised.value.next_step
    assert unfinished_runs(tmp_path) == [half.name]
    (whole / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="no finished run") as raised:
        find_run(tmp_path)
    assert f"--resume {max(half.name, whole.name)}" in raised.value.next_step


def test_many_runs_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    assert len({new_run_folder(tmp_path, 7) for _ in range(20)}) == 20


def test_the_newest_run_of_the_system_s_own_model_is_the_default(tmp_path: Path) -> None:
    for name in ("20260101-000000-aaaaaa", "20260102-000000-aaaaaa"):
        (tmp_path / name).mkdir()
        finish_run(tmp_path / name, {"config": {"model": "gnn"}})
    (tmp_path / "20260103-000000-aaaaaa").mkdir()
    finish_run(tmp_path / "20260103-000000-aaaaaa", {"config": {"model": "popularity"}})
    assert find_run(tmp_path).name.startswith("20260102")


def test_a_baseline_is_taken_where_there_is_nothing_else(tmp_path: Path) -> None:
    baseline = finish_run(new_run_folder(tmp_path, "a"), {"config": {"model": "ease"}})
    assert find_run(tmp_path) == baseline == find_run(tmp_path, baseline.name)
    own = finish_run(new_run_folder(tmp_path, "b"), {"config": {"model": "gnn"}})
    finish_run(new_run_folder(tmp_path, "c"), {"config": {"model": "popularity"}})
    assert find_run(tmp_path) == own


def test_no_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no finished run") as raised:
        find_run(tmp_path)
    assert "kindred train" in raised.value.next_step


def test_a_run_of_another_system_is_pointed_at(tmp_path: Path) -> None:
    run = finish_run(new_run_folder(tmp_path / "interactions"), {"config": {}})
    for name in (None, run.name):
        with pytest.raises(ArtifactError, match="no finished run") as raised:
            find_run(tmp_path / "products", name)
        assert raised.value.next_step == "add `--system interactions`, or train one with `kindred train products`"
    for system in ("interactions", "products"):
        with pytest.raises(ArtifactError, match=f"{system} is a system") as raised:
            find_run(tmp_path / "products", system)
        assert f"--system {system} alone takes" in raised.value.next_step
    with pytest.raises(ArtifactError) as raised:
        find_run(tmp_path / "products", "../x")
    assert raised.value.next_step == "train one with `kindred train products`"


def test_a_broken_manifest_names_the_folder_and_hides_no_other_run(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        (tmp_path / name).mkdir()
        finish_run(tmp_path / name, {"config": {}})
    (tmp_path / "2" / "manifest.json").write_text("{")
    assert [run.name for run in finished_runs(tmp_path)] == ["1", "3"] and list(read_runs(tmp_path)[1]) == ["2"]
    assert find_run(tmp_path).name == "3" and find_run(tmp_path, "1").name == "1"
    with pytest.raises(ArtifactError, match="manifest") as raised:
        find_run(tmp_path, "2")
    assert str(tmp_path / "2") in raised.value.next_step
    remove_run(tmp_path, "3")
    with pytest.raises(ArtifactError, match="manifest"):  # an older one would take its place without a word
        find_run(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RecordError])
def test_a_training_that_ends_early_leaves_only_what_can_be_resumed(tmp_path: Path, error: type[BaseException]) -> None:
    empty, begun = new_run_folder(tmp_path), new_run_folder(tmp_path)
    write_checkpoint(begun, CHECKPOINT, {}, {"epoch": 3})
    for folder, words in ((empty, "nothing is kept"), (begun, f"--resume {begun.name}")):
        with pytest.raises(error) as ended, resumable_or_gone(folder):
            (folder / "config.json").write_text("{}")
            raise error("ended")
        assert folder.exists() == (folder == begun)
        notes = getattr(ended.value, "__notes__", [])
        assert [words in note for note in notes] == ([True] if error is KeyboardInterrupt else [])


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path)
    (folder / CONFIG).write_text("{}")
    assert can_be_resumed(folder) and not is_in_training(folder)
    with resumable_or_gone(folder):
        assert is_in_training(folder) and not can_be_resumed(folder)
        with pytest.raises(ArtifactError, match="another process"), resumable_or_gone(folder):
            raise AssertionError("two train in one folder")
        with pytest.raises(ArtifactError, match="another process"):
            remove_run(tmp_path, folder.name)
        with pytest.raises(ArtifactError, match="being trained now"):
            find_run(tmp_path, folder.name)
        finish_run(folder, {"config": {}})
    assert find_run(tmp_path).name == folder.name and not is_in_training(folder)
    remove_run(tmp_path, folder.name)
    assert not folder.exists()


def test_a_finished_run_keeps_no_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path)
    for part in (folder, folder / "towers0"):
        write_checkpoint(part, CHECKPOINT, {}, {"epoch": 3})
        write_checkpoint(part, f"{CHECKPOINT}-set", {}, {})
    kept = {path for path in folder.rglob("*") if path.name.startswith(f"{CHECKPOINT}-set")}
    finish_run(folder, {"config": {}})
    assert {path for path in folder.rglob("*") if path.is_file()} == kept | {folder / "manifest.json"}
    assert find_run(tmp_path).name == folder.name


def test_a_training_of_several_networks_is_kept_from_the_first_epoch_of_any(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path)
    with pytest.raises(RecordError), resumable_or_gone(folder):
        write_checkpoint(folder / "towers0", CHECKPOINT, {}, {"epoch": 1})
        (part := folder / "towers0" / ".kindred-0123.part").write_bytes(b"killed while this was written")
        (parts := folder / "towers0" / ".kindred-4567.part").mkdir()
        (parts / "last").write_bytes(b"and these tensors")
        raise RecordError("ended")
    with resumable_or_gone(folder):
        assert not part.exists() and not parts.exists()


def test_a_finished_run_stays_whatever_comes_after(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path)
    with pytest.raises(RecordError), resumable_or_gone(folder):
        finish_run(folder, {"made": 1})
        raise RecordError("afterwards")
    assert finished_runs(tmp_path)[0].name == folder.name


def test_a_run_is_removed_whole_and_nothing_else(tmp_path: Path) -> None:
    first, second = new_run_folder(tmp_path, "a"), new_run_folder(tmp_path, "b")
    finish_run(first, {"config": {}})
    remove_run(tmp_path, second.name)
    assert not second.exists() and [run.name for run in finished_runs(tmp_path)] == [first.name]
    for name in ("", ".", "..", "no-such-run", f"../{tmp_path.name}/{first.name}"):
        with pytest.raises(ArtifactError, match="no run named"):
            remove_run(tmp_path, name)
    assert first.exists()
    other = new_run_folder(tmp_path / "tracks", "a")
    with pytest.raises(ArtifactError) as raised:
        remove_run(tmp_path / "listens", other.name)
    assert raised.value.next_step == "add `--system tracks`"


def test_tags_are_kept_in_order_once_each(tmp_path: Path) -> None:
    run = finish_run(new_run_folder(tmp_path, "a"), {"config": {}})
    assert tags_of(run) == [] and add_tags(run, ["may", "wide"]) == ["may", "wide"]
    assert add_tags(run, ["wide", "best"]) == tags_of(run) == ["may", "wide", "best"]
    noted = run.folder / "tags.json"
    noted.write_text(noted.read_text("utf-8").replace("wide", "tide"), "utf-8")
    with pytest.raises(ArtifactError, match="not what was written"):
        tags_of(run)


def test_every_file_of_a_run_damaged_in_each_way_is_noticed(tmp_path: Path) -> None:
    kept = tmp_path / "runs" / "one"
    (kept / "fit-0-1").mkdir(parents=True)
    arrays = {"a": np.arange(300, dtype=np.float32)}
    write_arrays(kept, "ranking", arrays, {"epoch": 3})
    write_json(kept / "fit-0-1" / "noted.json", {"epoch": 3})
    write_json(kept / "config.json", {"width": 8})
    finish_run(kept, {"config": {"model": "gnn"}, "events": 7})

    def answer(runs_folder: Path) -> list[object]:
        run = find_run(runs_folder, "one")
        found, manifest = read_arrays(run.folder, "ranking")
        config = json.loads((run.folder / "config.json").read_text())
        return [run.manifest["events"], found["a"].tolist(), manifest, config]

    expected = answer(tmp_path / "runs")
    for path in sorted(path for path in kept.rglob("*") if path.is_file()):
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 4
        for change in (b"", content[: len(content) // 2], b"{}" + bytes(len(content) - 2), bytes(flipped)):
            path.write_bytes(change)
            with pytest.raises(ArtifactError) as caught:
                assert answer(tmp_path / "runs") == expected
            assert path.name in caught.value.message and "delete" in caught.value.next_step
        path.write_bytes(content)
    assert answer(tmp_path / "runs") == expected


def test_the_line_on_a_run_says_that_its_report_is_damaged_and_not_that_there_is_none(tmp_path: Path) -> None:
    run = Run("run-1", tmp_path / "products" / "run-1", {"system": "products", "events": 1_200, "config": {}})
    assert run_summary(run) == "the model of products, from 1,200 events (not evaluated)"
    (report := run.folder / "evaluation" / "temporal" / "report.json").parent.mkdir(parents=True)
    write_with_hash(report, {"figures": {"auc": 0.75}})
    assert run_summary(run).endswith("(auc 0.7500)")
    report.write_bytes(report.read_bytes().replace(b"0.75", b"0.95"))
    said = run_summary(run)
    assert str(report) in said and "kindred evaluate run-1 --system products" in said and "0.95" not in said
