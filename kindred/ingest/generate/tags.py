"""Tracks with tags and frames of invented audio: a .npy file a track, lists to train on, and tracks to answer for.

The lists are those of a tree (`tag_tree.py`), the frames what these tags sound like (`tag_frames.py`);
`docs/generator.md` says what is planted. Equal seeds give equal bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import SettingsError, StoreError
from kindred.domain.interactions import BoolArray, IntArray
from kindred.domain.progress import Progress, silent
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.sizes import check_least
from kindred.ingest.generate.tag_frames import Directions, Loudness, directions, frames_of, sounding_tags
from kindred.ingest.generate.tag_tree import TagTree, tag_lists, tag_tree
from kindred.ingest.generate.write import write_csv

MOST_FRAMES = 10_000
MOST_CELLS = 1_000_000_000
"""Tracks × tags: so many bytes are in memory, several times."""
MOST_NUMBERS = 25_000_000_000
"""Numbers of all frames: 100 GB of files."""
_LISTS_A_CHUNK = 4096
_VALUES_A_CHUNK = 1 << 22
_LISTS, _IDS, _SOUNDS, _CHUNK = 43, 44, 45, 46  # what the second part of a key of the sampler stands for


@dataclass(frozen=True)
class TagSample:
    """How much to generate.

    Attributes:
        tracks: tracks with a list.
        tags: how many tags there are.
        asked: tracks without one, to answer for; half as many where None.
        dim: width of a frame.
        frames: the shortest and the longest sequence.
        seed: same seed, same bytes.
        loud: how loud tags are beside the noise.

    Raises:
        SettingsError: a size is out of its range.
    """

    tracks: int = 8000
    tags: int = 256
    asked: int | None = None
    dim: int = 64
    frames: tuple[int, int] = (16, 32)
    seed: int = 7
    loud: Loudness = field(default_factory=Loudness)

    def __post_init__(self) -> None:
        check_least(self, tracks=1, tags=1, dim=1, seed=0)
        if self.asked is not None and self.asked < 0:
            raise SettingsError(f"{self.asked} tracks to answer for", "ask for 0 or more")
        if not 1 <= self.frames[0] <= self.frames[1] <= MOST_FRAMES:
            raise SettingsError(
                f"sequences of {self.frames[0]} to {self.frames[1]} frames", f"ask for 1 to {MOST_FRAMES:,}"
            )
        tracks = self.tracks + self.num_asked
        if max(tracks, self.tags) * self.tags > MOST_CELLS:
            raise SettingsError(f"{tracks:,} tracks × {self.tags:,} tags", f"ask for {MOST_CELLS:,} at most")
        if (numbers := tracks * self.frames[1] * self.dim) > MOST_NUMBERS:
            raise SettingsError(f"{numbers:,} numbers: tracks × frames × dim", f"ask for {MOST_NUMBERS:,} at most")

    @property
    def num_asked(self) -> int:
        """How many tracks there are to answer for."""
        return self.tracks // 2 if self.asked is None else self.asked


@dataclass(frozen=True)
class TagFiles:
    """Where the sample was written: lists to train on, a folder of frames, tracks to answer for, and the truth."""

    tags: Path
    frames: Path
    asked: Path
    truth: Path


@dataclass(frozen=True)
class TagTruth:
    """What is planted.

    Attributes:
        tree: how tags hang together.
        lists: the tags of each track's list, those to train on first, `[num_tracks, num_tags]`.
        sounds: the tags that sound on each track, `[num_tracks, num_tags]`.
        ids: of the tracks, `[num_tracks]`.
    """

    tree: TagTree
    lists: BoolArray
    sounds: BoolArray
    ids: IntArray


def tag_truth(sample: TagSample) -> TagTruth:
    """The lists of a sample, and what sounds on its tracks."""
    tree, num = tag_tree(sample.tags, sample.seed), sample.tracks + sample.num_asked
    lists = np.concatenate(
        [
            tag_lists(tree, min(_LISTS_A_CHUNK, num - begin), Sampler(sample.seed, _LISTS, chunk))
            for chunk, begin in enumerate(range(0, num, _LISTS_A_CHUNK))
        ]
    )
    together = _together(lists)
    sounds = np.concatenate(
        [
            sounding_tags(lists[begin : begin + _LISTS_A_CHUNK], together, Sampler(sample.seed, _SOUNDS, chunk))
            for chunk, begin in enumerate(range(0, num, _LISTS_A_CHUNK))
        ]
    )
    return TagTruth(tree, lists, sounds, 1000 + Sampler(sample.seed, _IDS).order(num))


def _together(lists: BoolArray) -> IntArray:
    """In how many lists two different tags are together, `[num_tags, num_tags]`."""
    rows, tags = np.nonzero(lists)
    counts = np.zeros((lists.shape[1], lists.shape[1]), np.int64)
    begins = np.searchsorted(rows, np.arange(len(lists) + 1))
    for step in range(1, int(np.diff(begins).max(initial=0))):
        pairs = np.flatnonzero(rows[step:] == rows[: len(rows) - step])
        np.add.at(counts, (tags[pairs], tags[pairs + step]), 1)
    both: IntArray = counts + counts.T
    return both


def generate_tags(sample: TagSample, folder: Path, progress: Progress = silent) -> TagFiles:
    """Writes a folder `frames` of `TRACK.npy`, `[num_frames, dim]`, float32; then `train.csv`, `test.csv`, `truth.csv`.

    Raises:
        StoreError: the folder can't be written.
    """
    truth = tag_truth(sample)
    files = TagFiles(folder / "train.csv", folder / "frames", folder / "test.csv", folder / "truth.csv")
    ids, num_tagged = truth.ids.tolist(), sample.tracks
    lists, sounds = (_joined(part) for part in (truth.lists, truth.sounds))
    try:
        files.frames.mkdir(parents=True, exist_ok=True)
        for begin, frames in _chunks(sample, truth):
            for number, own in enumerate(frames, begin):
                np.save(files.frames / f"{ids[number]}.npy", own, allow_pickle=False)
            progress("frames", begin + len(frames), len(ids))
        write_csv(files.tags, ("track", "tags"), zip(ids[:num_tagged], lists[:num_tagged], strict=True))
        write_csv(files.asked, ("track",), ((track,) for track in ids[num_tagged:]))
        write_csv(files.truth, ("track", "tags", "sounding"), zip(ids, lists, sounds, strict=True))
    except OSError as error:
        raise StoreError(f"can't write {folder}: {error.strerror}", "name another folder") from error
    return files


def _chunks(sample: TagSample, truth: TagTruth) -> Iterator[tuple[int, list[NDArray[np.float32]]]]:
    """The number of the first track of a chunk, and the frames of each of its tracks."""
    of: Directions = directions(truth.tree, sample.dim, sample.seed)
    shortest, longest = sample.frames
    size = min(max(_VALUES_A_CHUNK // (longest * sample.dim), 1), 512)
    for chunk, begin in enumerate(range(0, len(truth.ids), size)):
        sampler = Sampler(sample.seed, _CHUNK, chunk)
        sounds = truth.sounds[begin : begin + size]
        lengths = shortest + sampler.below(np.full(len(sounds), longest - shortest + 1))
        frames = frames_of(sounds, lengths, of, sample.loud, sampler)
        yield begin, [own[:length] for own, length in zip(frames, lengths.tolist(), strict=True)]


def _joined(lists: BoolArray) -> list[str]:
    """The numbers of the tags of each row, with commas between them."""
    return [",".join(map(str, np.flatnonzero(row))) for row in lists]
