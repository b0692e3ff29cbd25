from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindred.domain.errors import ArtifactError
from kindred.features.cache import KEY_BYTES, VectorCache

DIMENSION = 3


def _key(number: int) -> bytes:
    return number.to_bytes(KEY_BYTES, "big")


def _vectors(numbers: list[int]) -> np.ndarray:
    return np.array([[n, n / 2, -n] for n in numbers], dtype=np.float16).reshape(-1, DIMENSION)


def _fill(folder: Path, numbers: list[int]) -> VectorCache:
    cache = VectorCache(folder, DIMENSION)
    cache.add([_key(n) for n in numbers], _vectors(numbers))
    return cache


def test_finds_what_was_added_in_the_order_asked(tmp_path: Path) -> None:
    cache = _fill(tmp_path, [4, 1, 3])
    positions, vectors = cache.find([_key(3), _key(9), _key(4)])
    assert positions.tolist() == [0, 2]
    np.testing.assert_array_equal(vectors, _vectors([3, 4]))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_only_be_read_is_read_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _fill(tmp_path / "filled", [1])

    def refuse(path: Path) -> None:
        raise OSError(number, "refused", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    filled, empty = _fill(tmp_path / "filled", [2]), _fill(tmp_path / "empty", [2])
    assert filled.find([_key(1), _key(2)])[0].tolist() == [0]
    assert (len(filled), len(empty)) == (1, 0)


def test_another_process_sees_what_was_added(tmp_path: Path) -> None:
    _fill(tmp_path, [1, 2])
    reader = VectorCache(tmp_path, DIMENSION)
    assert len(reader) == 2
    _fill(tmp_path, [2, 5])
    assert reader.find([_key(5)])[0].tolist() == [0]
    assert len(reader) == 3


@given(cut_keys=st.integers(0, 4 * KEY_BYTES), cut_vectors=st.integers(0, 4 * 2 * DIMENSION))
def test_a_torn_tail_loses_only_itself(
    tmp_path_factory: pytest.TempPathFactory, cut_keys: int, cut_vectors: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    _fill(folder, [1, 2, 3, 4])
    for name, cut in (("keys", cut_keys), ("vectors.f16", cut_vectors)):
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size - cut])
    whole = min((4 * KEY_BYTES - cut_keys) // KEY_BYTES, (4 * 2 * DIMENSION - cut_vectors) // (2 * DIMENSION))
    cache = VectorCache(folder, DIMENSION)
    assert len(cache) == whole
    cache.add([_key(n) for n in (4, 7, 2)], _vectors([4, 7, 2]))
    kept = sorted({*range(1, whole + 1), 4, 7, 2})
    positions, vectors = VectorCache(folder, DIMENSION).find([_key(n) for n in kept])
    assert len(positions) == len(kept)
    np.testing.assert_array_equal(vectors, _vectors(kept))


@pytest.mark.parametrize("name", ["keys", "vectors.f16", "sums.crc32"])
@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"{}" + bytes(len(content) - 2),
        lambda content: content[:5] + bytes([content[5] ^ 4]) + content[6:],
    ],
)
def test_what_is_damaged_is_encoded_again_and_not_served(
    tmp_path: Path, name: str, damaged: Callable[[bytes], bytes]
) -> None:
    _fill(tmp_path, [1, 2, 3, 4])
    path = tmp_path / name
    path.write_bytes(damaged(path.read_bytes()))
    cache, keys, expected = VectorCache(tmp_path, DIMENSION), [_key(n) for n in (1, 2, 3, 4)], _vectors([1, 2, 3, 4])
    positions, vectors = cache.find(keys)
    assert len(positions) < 4
    np.testing.assert_array_equal(vectors, expected[positions])
    cache.add(keys, expected)
    for opened in (cache, VectorCache(tmp_path, DIMENSION)):
        positions, vectors = opened.find(keys)
        assert positions.tolist() == [0, 1, 2, 3]
        np.testing.assert_array_equal(vectors, expected)


def test_what_was_kept_before_there_were_sums_is_found(tmp_path: Path) -> None:
    _fill(tmp_path, [1, 2])
    (tmp_path / "sums.crc32").unlink()
    np.testing.assert_array_equal(_fill(tmp_path, [3]).find([_key(n) for n in (1, 2, 3)])[1], _vectors([1, 2, 3]))


def test_vectors_without_their_keys_are_overwritten(tmp_path: Path) -> None:
    _fill(tmp_path, [1])
    with (tmp_path / "vectors.f16").open("ab") as file:
        file.write(b"\xff" * 100)
    cache = _fill(tmp_path, [2])
    np.testing.assert_array_equal(cache.find([_key(1), _key(2)])[1], _vectors([1, 2]))


WRITER = """
import sys
from collections.abc import Callable
from pathlib import Path
import numpy as np
from kindred.features.cache import VectorCache
cache = VectorCache(Path(sys.argv[1]), 3)
for start in range(int(sys.argv[2]), int(sys.argv[2]) + 200, 10):
    numbers = range(start, start + 10)
    cache.add([n.to_bytes(16, "big") for n in numbers], np.array([[n, n / 2, -n] for n in numbers], np.float16))
    print(start, flush=True)
"""


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(start)], stdout=subprocess.DEVNULL) for start in (0, 100)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    numbers = list(range(300))
    positions, vectors = VectorCache(tmp_path, DIMENSION).find([_key(n) for n in numbers])
    assert positions.tolist() == numbers
    np.testing.assert_array_equal(vectors, _vectors(numbers))
    assert (tmp_path / "keys").stat().st_size == 300 * KEY_BYTES


def test_a_killed_writer_leaves_what_it_acknowledged(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), "0"], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(5)][-1]
    writer.kill()
    writer.wait()
    writer.stdout.close()
    cache = _fill(tmp_path, [1000])
    numbers = [*range(acknowledged + 10), 1000]
    np.testing.assert_array_equal(cache.find([_key(n) for n in numbers])[1], _vectors(numbers))


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    cache = _fill(tmp_path, [1])
    (tmp_path / "keys").rename(tmp_path / "away")
    (tmp_path / "keys").symlink_to("/dev/full")
    with pytest.raises(ArtifactError, match="can't be written"):
        cache.add([_key(8)], _vectors([8]))
