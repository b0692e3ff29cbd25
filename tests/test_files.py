"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kindred.domain.errors import KindredError, StoreError
from kindred.files import remedy, whole_file, write_whole, written_whole
from kindred.graph.ladybug.notes import read_notes
from kindred.recommenders.runs import read_manifest
from kindred.serving.protection.keys import keys_of
from kindred.vectorstore.open import open_vectors


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with whole_file(tmp_path / "old") as part:
        part.write_text("new")
        assert (tmp_path / "old").read_text() == "old"
    assert (tmp_path / "old").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "read",
    [
        read_manifest,
        read_notes,
        lambda folder: keys_of(folder).find("kd_1_x"),
        lambda folder: open_vectors(f"exact:{folder}").of("products").published(),
    ],
)
def test_nobody_is_told_to_delete_what_they_may_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object]
) -> None:
    def refused(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "keys.json").write_text("{}")
    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(KindredError, match="mend its permissions") as told:
        read(tmp_path)
    assert "delete" not in told.value.next_step
    assert remedy(FileNotFoundError(), "train again") == remedy(ValueError(), "train again") == "train again"


def test_a_failure_leaves_what_was_there_and_no_part(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with pytest.raises(ValueError, match="half way"), whole_file(tmp_path / "old") as part:
        part.write_text("ne")
        raise ValueError("half way")
    assert (tmp_path / "old").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("place", ["folder", "no/such/file", "file/below", "/proc/nope/x"])
def test_a_place_that_can_t_be_written_is_one_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"can't write .*: [A-Z]"), whole_file(tmp_path / place) as part:
        part.write_text("text")


def test_a_full_disk_is_an_error_and_a_device_is_written_itself() -> None:
    with pytest.raises(StoreError, match="No space left"), whole_file(Path("/dev/full")) as part:
        part.write_text("text")
    with whole_file(Path(os.devnull)) as part:
        part.write_text("text")
    assert not Path(os.devnull).is_file()


def write_for_somebody(path: Path, content: bytes) -> None:
    with whole_file(path) as part:
        part.write_bytes(content)


WRITERS = pytest.mark.parametrize("write", [write_for_somebody, write_whole])


@WRITERS
def test_a_pipe_is_written_itself(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write(pipe, b"text")
    assert pipe.is_fifo()
    reader.join()
    assert read == ["text"]


@WRITERS
def test_a_link_stays_a_link(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write(tmp_path / "link", b"text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "text"


@pytest.mark.parametrize("umask", [0o022, 0o027])
def test_a_file_of_our_own_has_the_mode_of_any_new_one(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        for content in (b"old", b"new"):
            write_whole(tmp_path / "file", content)
    finally:
        os.umask(before)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


def test_a_file_of_our_own_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)  # as long as a name may be
    write_whole(path, b"old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no" / "folder", b"new")
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
