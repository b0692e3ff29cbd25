from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.errors import SettingsError
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.tag_frames import Loudness, directions, frames_of
from kindred.ingest.generate.tag_tree import tag_lists, tag_tree
from kindred.ingest.generate.tags import TagFiles, TagSample, generate_tags, tag_truth

SMALL = TagSample(tracks=30, tags=24, dim=4, frames=(1, 6), seed=7, loud=Loudness(4.0, 6.0))
SMALL_SHA256 = "3f2e35f9d2e55117a88c2a051e2360237d7a9d666a67814cc91fb7d3ba0175b7"


def read_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TagFiles:
    return generate_tags(SMALL, tmp_path_factory.mktemp("audio"))


def test_equal_seeds_give_equal_bytes(files: TagFiles) -> None:
    frames = sorted(files.frames.iterdir())
    written = b"".join(path.read_bytes() for path in (files.tags, files.asked, files.truth, *frames))
    assert hashlib.sha256(written).hexdigest() == SMALL_SHA256


def test_the_files_are_about_the_same_tracks(files: TagFiles) -> None:
    lists, asked, truth = (read_rows(path) for path in (files.tags, files.asked, files.truth))
    assert (lists[0], asked[0], truth[0]) == (["track", "tags"], ["track"], ["track", "tags", "sounding"])
    assert [row[:2] for row in truth[1:31]] == lists[1:] and [row[:1] for row in truth[31:]] == asked[1:]
    assert (len(lists), len(asked)) == (31, 16)
    arrays = {path.stem: np.load(path) for path in files.frames.iterdir()}
    assert set(arrays) == {row[0] for row in truth[1:]}
    assert {array.shape[1] for array in arrays.values()} == {4}
    assert {array.shape[0] for array in arrays.values()} == {1, 2, 3, 4, 5, 6}
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays.values())


def test_lists_have_the_statistics_of_real_ones() -> None:
    lists = tag_lists(tag_tree(256, 7), 20_000, Sampler(7, 1))
    lengths, on_tracks = lists.sum(axis=1), lists.sum(axis=0)
    assert lengths.min() >= 1 and 3.7 < lengths.mean() < 4.1
    assert 0.003 < on_tracks.min() / 20_000 < 0.006 and 0.3 < on_tracks.max() / 20_000 < 0.45
    both = lists.T.astype(np.float32) @ lists.astype(np.float32)
    np.fill_diagonal(both, 0)
    always = (both / on_tracks[:, None] >= 0.95).any(axis=1)
    assert 175 <= always.sum() <= 197  # tags with a parent that is there too


def test_what_sounds_is_mostly_but_not_only_what_is_listed() -> None:
    truth = tag_truth(TagSample(tracks=4000, asked=0))
    heard = (truth.lists & truth.sounds).sum() / truth.lists.sum()
    beside = (truth.sounds & ~truth.lists).sum(axis=1).mean()
    assert 0.58 < heard < 0.62 and 1.3 < beside < 1.55
    together = truth.lists.T.astype(np.float32) @ truth.lists
    extra = [truth.lists[track] @ together[:, tag] > 0 for track, tag in np.argwhere(truth.sounds & ~truth.lists)]
    assert all(extra)  # what sounds beside the list comes together with something on it elsewhere


def test_a_sounding_tag_is_in_the_mean_and_its_key_in_few_frames() -> None:
    tree = tag_tree(24, 7)
    of = directions(tree, 32, 7)
    assert np.allclose(np.linalg.norm(of.static, axis=1), 1, atol=1e-6)
    sounds = np.zeros((400, 24), np.bool_)
    sounds[:, 3] = True
    lengths = np.full(400, 12)
    loud, mute = Loudness(static=4.0, event=7.0), Loudness(static=0.0, event=0.0)
    added = frames_of(sounds, lengths, of, loud, Sampler(1)) - frames_of(sounds, lengths, of, mute, Sampler(1))
    parts = added @ np.linalg.pinv(np.vstack([of.static[3], of.key, of.event]))
    gain, key, event = parts[..., 0], parts[..., 1:4].sum(axis=2), parts[..., 4 + 3]
    assert np.ptp(gain, axis=1).max() < 0.01 and 4.0 < gain.mean() < 4.4  # 4 · E exp(.3 z), equal in all frames
    assert set(np.round(key / 7).astype(int).sum(axis=1)) == {4}  # two events of two frames
    assert (event > key - 0.01).all()  # a key never comes without its event


def test_noise_lasts_over_frames_above_a_constant_of_the_track() -> None:
    frames = frames_of(
        np.zeros((2000, 1), np.bool_), np.full(2000, 8), directions(tag_tree(1, 1), 4, 1), Loudness(0, 0), Sampler(3)
    )
    own = frames - frames.mean(axis=0, keepdims=True)
    now, following = own[:, :-1].ravel(), own[:, 1:].ravel()
    assert abs(frames.std() - (1 + 1.5**2) ** 0.5) < 0.05
    assert abs(np.mean(now * following) - (0.8 + 1.5**2)) < 0.1


@pytest.mark.parametrize(("tracks", "tags"), [(1, 1), (3, 2), (5, 23), (2, 300)])
def test_any_size_is_made(tracks: int, tags: int, tmp_path: Path) -> None:
    files = generate_tags(TagSample(tracks, tags, dim=1, frames=(1, 1)), tmp_path)
    rows = read_rows(files.tags)[1:]
    assert len(rows) == tracks and all(0 <= int(tag) < tags for row in rows for tag in row[1].split(","))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tracks": 0},
        {"tags": 0},
        {"dim": 0},
        {"asked": -1},
        {"seed": -1},
        {"frames": (3, 2)},
        {"frames": (0, 2)},
        {"tags": 10**6},
        {"dim": 10**7},
    ],
)
def test_a_size_that_can_not_be_is_refused(wrong: dict[str, int | tuple[int, int]]) -> None:
    with pytest.raises(SettingsError):
        TagSample(**wrong)  # type: ignore[arg-type]
