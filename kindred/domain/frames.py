"""Sequences of frame embeddings, one a track: what networks read, wherever the frames are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kindred.domain.groups import numbered
from kindred.domain.interactions import FloatArray, IntArray

Padded = tuple[FloatArray, NDArray[np.bool_]]
"""Frames `[num_rows, longest, frame_dim]`, zeros behind the end, and where there is a frame, `[num_rows, longest]`."""


class Frames(Protocol):
    """The frames of some tracks, by position.

    Attributes:
        lengths: frames of each track, 0 where it has none that can be used, `[num_tracks]`.
        frame_dim: width of every frame.
    """

    @property
    def lengths(self) -> IntArray: ...

    @property
    def frame_dim(self) -> int: ...

    def read(self, row: int, start: int, stop: int) -> FloatArray:
        """The frames `start` to `stop` of one track, `[stop − start, frame_dim]`."""


class FramesInMemory:
    """Frames held in memory, an array `[num_frames, frame_dim]` for each track."""

    def __init__(self, arrays: Sequence[FloatArray], frame_dim: int) -> None:
        self._arrays = arrays
        self.frame_dim = frame_dim
        self.lengths: IntArray = np.array([len(array) for array in arrays], dtype=np.int64)

    def read(self, row: int, start: int, stop: int) -> FloatArray:
        """The frames `start` to `stop` of one track."""
        return self._arrays[row][start:stop]


@dataclass(frozen=True)
class SomeFrames:
    """The frames of some of the tracks of other `Frames`, by position in `rows`."""

    of: Frames
    rows: IntArray

    @property
    def lengths(self) -> IntArray:
        return self.of.lengths[self.rows]

    @property
    def frame_dim(self) -> int:
        return self.of.frame_dim

    def read(self, row: int, start: int, stop: int) -> FloatArray:
        """The frames `start` to `stop` of one track."""
        return self.of.read(int(self.rows[row]), start, stop)


@dataclass(frozen=True)
class Stretches:
    """Stretches of tracks that are read together: of which track, from which frame, how long, `[num_stretches]`."""

    row: IntArray
    start: IntArray
    length: IntArray

    def __len__(self) -> int:
        return len(self.row)

    def take(self, positions: IntArray) -> Stretches:
        """The stretches at these positions."""
        return Stretches(self.row[positions], self.start[positions], self.length[positions])


def whole_tracks(frames: Frames, rows: IntArray, most: int) -> Stretches:
    """All frames of these tracks, of longer ones in stretches of at most `most`, which differ by a frame at most."""
    lengths = frames.lengths[rows]
    pieces = -(-lengths // most)
    row, number, of = np.repeat(rows, pieces), numbered(pieces), np.repeat(pieces, pieces)
    start = np.repeat(lengths, pieces) * number // of
    stop = np.repeat(lengths, pieces) * (number + 1) // of
    return Stretches(row, start, stop - start)


def random_crops(frames: Frames, rows: IntArray, most: int, rng: np.random.Generator) -> Stretches:
    """One stretch of each of these tracks, somewhere in it where it has more than `most` frames."""
    lengths = frames.lengths[rows]
    length = np.minimum(lengths, most)
    return Stretches(rows, rng.integers(0, lengths - length + 1), length)


def padded(frames: Frames, stretches: Stretches) -> Padded:
    """The frames of these stretches side by side."""
    longest = int(stretches.length.max(initial=1))
    values = np.zeros((len(stretches), longest, frames.frame_dim), dtype=np.float32)
    columns = (stretches.row.tolist(), stretches.start.tolist(), stretches.length.tolist())
    for place, (row, start, length) in enumerate(zip(*columns, strict=True)):
        values[place, :length] = frames.read(row, start, start + length)
    return values, np.arange(longest) < stretches.length[:, None]


def length_sorted_batches(stretches: Stretches, most_rows: int, most_frames: int) -> list[Stretches]:
    """All stretches once, those of like length together, in batches of at most `most_frames` after padding.

    Args:
        stretches: in any order, which ties keep.
        most_rows: of one batch.
        most_frames: of one batch, padding included; a stretch that is longer is a batch alone.
    """
    order = np.argsort(stretches.length, kind="stable")
    batches, start = [], 0
    for end, longest in enumerate(stretches.length[order].tolist()):
        if end > start and (end - start >= most_rows or (end - start + 1) * longest > most_frames):
            batches.append(stretches.take(order[start:end]))
            start = end
    return [*batches, stretches.take(order[start:])] if len(order) else []
