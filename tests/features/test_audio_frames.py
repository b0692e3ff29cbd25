from pathlib import Path

import numpy as np
import pytest

from kindred.domain.errors import RecordError
from kindred.domain.frames import (
    FramesInMemory,
    Stretches,
    length_sorted_batches,
    padded,
    random_crops,
    whole_tracks,
)
from kindred.features.audio_frames import open_frames


def _saved(path: Path, array: np.ndarray, **options: bool) -> Path:
    np.save(path, array, **options)
    return path


def test_frames_come_back_whatever_their_type_order_and_length(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [
        rng.normal(size=(1, 5)).astype(np.float32),
        rng.normal(size=(10_000, 5)).astype(np.float16),
        np.asfortranarray(rng.normal(size=(7, 5))),
        rng.integers(-9, 9, (3, 5)).astype(">i4"),
    ]
    frames = open_frames([_saved(tmp_path / f"{i}.npy", array) for i, array in enumerate(arrays)])
    assert frames.lengths.tolist() == [1, 10_000, 7, 3]
    assert not frames.refused
    for row, array in enumerate(arrays):
        start = len(array) // 2
        np.testing.assert_array_equal(frames.read(row, start, len(array)), array[start:].astype(np.float32))


def test_what_can_not_be_used_is_named_and_left_out(tmp_path: Path) -> None:
    good = _saved(tmp_path / "good.npy", np.ones((2, 3), np.float32))
    shortened = tmp_path / "shortened.npy"
    shortened.write_bytes(good.read_bytes()[:-4])
    empty = tmp_path / "empty.npy"
    empty.touch()
    paths = [
        good,
        _saved(tmp_path / "second.npy", np.ones((4, 3), np.float32)),
        shortened,
        empty,
        tmp_path / "missing.npy",
        _saved(tmp_path / "pickled.npy", np.array([[{}, 1]], dtype=object), allow_pickle=True),
        _saved(tmp_path / "wide.npy", np.ones((2, 4), np.float32)),
        _saved(tmp_path / "nan.npy", np.array([[1, np.nan, 2]])),
        _saved(tmp_path / "huge.npy", np.array([[1, 1e300, 2]])),
        _saved(tmp_path / "flat.npy", np.ones(3)),
        _saved(tmp_path / "none.npy", np.ones((0, 3))),
        _saved(tmp_path / "words.npy", np.array([["a", "b", "c"]])),
        None,
    ]
    frames = open_frames(paths)
    assert frames.frame_dim == 3
    assert frames.lengths.tolist() == [2, 4] + [0] * 11
    assert set(frames.refused) == set(range(2, 12))
    assert all(str(paths[row].name) in reason for row, reason in frames.refused.items() if paths[row])
    assert "objects" in frames.refused[5].lower()


def test_a_file_that_shrinks_behind_our_back_is_an_error_and_no_crash(tmp_path: Path) -> None:
    path = _saved(tmp_path / "track.npy", np.ones((100, 3), np.float32))
    frames = open_frames([path])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RecordError, match=r"track\.npy changed"):
        frames.read(0, 50, 100)


def test_padding_is_zeros_that_the_mask_leaves_out() -> None:
    frames = FramesInMemory([np.arange(n, dtype=np.float32)[:, None] for n in (3, 1, 6)], 1)
    values, mask = padded(frames, Stretches(np.array([2, 1]), np.array([2, 0]), np.array([4, 1])))
    assert values[:, :, 0].tolist() == [[2, 3, 4, 5], [0, 0, 0, 0]]
    assert mask.tolist() == [[True] * 4, [True, False, False, False]]


@pytest.mark.parametrize("most", [1, 4, 50])
def test_long_tracks_are_read_whole_in_stretches(most: int) -> None:
    frames = FramesInMemory([np.arange(n, dtype=np.float32)[:, None] for n in (3, 1, 26)], 1)
    parts = whole_tracks(frames, np.array([2, 0, 1]), most)
    assert parts.length.max() <= most
    for row, length in ((2, 26), (0, 3), (1, 1)):
        of = parts.take(np.flatnonzero(parts.row == row))
        read = [frames.read(row, a, a + n) for a, n in zip(of.start, of.length, strict=True)]
        assert np.concatenate(read)[:, 0].tolist() == list(range(length))


def test_crops_lie_inside_their_tracks_and_move() -> None:
    frames = FramesInMemory([np.zeros((n, 1), np.float32) for n in (3, 100)], 1)
    crops = [random_crops(frames, np.array([0, 1]), 10, np.random.default_rng(seed)) for seed in range(30)]
    assert all(crop.length.tolist() == [3, 10] and crop.start[0] == 0 and crop.start[1] <= 90 for crop in crops)
    assert len({int(crop.start[1]) for crop in crops}) > 10


def test_batches_hold_every_stretch_once_and_are_bounded() -> None:
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 50, 300)
    lengths[7] = 10_000
    rows = rng.permutation(300)[:280]
    batches = length_sorted_batches(Stretches(rows, np.zeros(280, np.int64), lengths[rows]), 16, 400)
    assert sorted(np.concatenate([batch.row for batch in batches])) == sorted(rows)
    assert all(len(b) <= 16 and (len(b) == 1 or len(b) * b.length.max() <= 400) for b in batches)
