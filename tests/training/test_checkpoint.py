from __future__ import annotations

import errno
import json
import resource
import signal
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kindred.domain.errors import ArtifactError
from kindred.files import with_hash
from kindred.training import checkpoint
from kindred.training.checkpoint import has_checkpoint, read_checkpoint, write_arrays, write_checkpoint

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "empty": torch.zeros(0, 4), "scalar": torch.tensor(2.5)}


def test_comes_back_the_same(tmp_path: Path) -> None:
    shared = TENSORS["a"]
    write_checkpoint(tmp_path, "best", {**TENSORS, "again": shared, "turned": shared.T}, {"epoch": 3, "name": "ö"})
    tensors, manifest = read_checkpoint(tmp_path, "best")
    assert manifest == {"epoch": 3, "name": "ö"}
    assert torch.equal(tensors["turned"], shared.T)
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_a_newer_one_takes_the_place_of_the_older(tmp_path: Path) -> None:
    for epoch in range(3):
        write_checkpoint(tmp_path, "last", {"a": torch.full((2,), float(epoch))}, {"epoch": epoch})
    write_checkpoint(tmp_path, "last-good", TENSORS, {})
    assert read_checkpoint(tmp_path, "last")[1] == {"epoch": 2}
    assert len(list(tmp_path.glob("last-*.safetensors"))) == 2
    assert read_checkpoint(tmp_path, "last-good")[0].keys() == TENSORS.keys()


def test_a_kill_between_the_files_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path, "last", TENSORS, {"epoch": 1})

    def killed(path: Path, value: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write_with_hash", killed)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path, "last", {"a": torch.zeros(1)}, {"epoch": 2})
    tensors, manifest = read_checkpoint(tmp_path, "last")
    assert manifest == {"epoch": 1} and torch.equal(tensors["a"], TENSORS["a"])


def test_a_stop_before_the_tensors_are_in_place_leaves_the_old_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(part: Path, target: Path) -> None:
        assert part.stat().st_size and not target.exists()
        raise KeyboardInterrupt

    write_checkpoint(tmp_path, "last", TENSORS, {"epoch": 1})
    files = sorted(tmp_path.iterdir())
    monkeypatch.setattr(checkpoint, "put_in_place", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path, "last", {"a": torch.zeros(1)}, {"epoch": 2})
    assert sorted(tmp_path.iterdir()) == files and read_checkpoint(tmp_path, "last")[1] == {"epoch": 1}


@pytest.mark.parametrize("write", [write_checkpoint, write_arrays])
def test_a_full_disk_is_told_with_its_number_and_file(tmp_path: Path, write: Callable[..., None]) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="last") as raised:
            write(tmp_path, "last", {"a": torch.ones(1000) if write is write_checkpoint else np.ones(1000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, was)
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(tmp_path / "last"))
    assert list(tmp_path.iterdir()) == []


def test_who_may_read_the_folder_may_read_the_tensors(tmp_path: Path) -> None:
    (folder := tmp_path / "run").mkdir(mode=0o750)
    write_checkpoint(folder, "last", TENSORS, {})
    assert stat.S_IMODE(next(folder.glob("*.safetensors")).stat().st_mode) == 0o640


def test_the_tensors_are_not_held_once_more_while_they_are_written(tmp_path: Path) -> None:
    large = {name: np.ones(1 << 20, np.float32) for name in "abcd"}
    write_arrays(tmp_path, "small", {"a": np.ones(1)}, {})  # what is loaded for it is not counted
    tracemalloc.start()
    try:
        write_arrays(tmp_path, "large", large, {})
        assert tracemalloc.get_traced_memory()[1] < large["a"].nbytes
    finally:
        tracemalloc.stop()


def test_what_is_missing_or_damaged_is_refused(tmp_path: Path) -> None:
    assert not has_checkpoint(tmp_path, "best")
    with pytest.raises(ArtifactError, match="missing or damaged"):
        read_checkpoint(tmp_path, "best")
    write_checkpoint(tmp_path, "best", TENSORS, {})
    assert has_checkpoint(tmp_path, "best")
    file = next(tmp_path.glob("*.safetensors"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match="is not the file"):
        read_checkpoint(tmp_path, "best")
    manifest = json.loads((tmp_path / "best.json").read_text())
    del manifest["hash"]
    (tmp_path / "best.json").write_text(json.dumps(with_hash(manifest | {"format": 99})))
    with pytest.raises(ArtifactError, match="format 99"):
        read_checkpoint(tmp_path, "best")
