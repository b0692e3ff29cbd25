"""Tracks' frame embeddings in .npy files: looked over once, then read in stretches, so that they stay on disk.

A file is mapped into memory to look it over; after that its stretches are read by position, since a file that somebody
shortens while it is mapped would end the process. Nothing is ever unpickled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import RecordError
from kindred.domain.interactions import FloatArray, IntArray

_LAYOUT = "frames are finite numbers, [num_frames, frame_dim]"
_FRAMES_AT_A_TIME = 4096


@dataclass(frozen=True)
class _Layout:
    """Where the numbers of a file are."""

    path: Path
    offset: int
    dtype: np.dtype[Any]
    num_frames: int
    by_column: bool


class FrameFiles:
    """Frames of tracks in files of one width, by position.

    Attributes:
        refused: why a track's file can't be used, by the position of the track; a track without a file is not there.
    """

    def __init__(self, layouts: Sequence[_Layout | None], frame_dim: int, refused: dict[int, str]) -> None:
        self._layouts = layouts
        self.frame_dim = frame_dim
        self.refused = refused
        lengths = [0 if layout is None else layout.num_frames for layout in layouts]
        self.lengths: IntArray = np.array(lengths, dtype=np.int64)

    def read(self, row: int, start: int, stop: int) -> FloatArray:
        """The frames `start` to `stop` of one track.

        Raises:
            RecordError: the file is gone, or shorter than it was.
        """
        layout = self._layouts[row]
        if layout is None:
            raise RecordError(f"track {row} has no frames", "ask `lengths` first")
        try:
            values = _stretch(layout, self.frame_dim, start, stop)
            return values.astype(np.float32, copy=False)
        except (OSError, ValueError) as error:
            raise RecordError(f"{layout.path} changed while it was read: {error}", "ingest the frames again") from error


def _stretch(layout: _Layout, dim: int, start: int, stop: int) -> NDArray[Any]:
    if layout.by_column:
        whole = np.fromfile(layout.path, layout.dtype, layout.num_frames * dim, offset=layout.offset)
        return whole.reshape(dim, layout.num_frames).T[start:stop]
    skipped = layout.offset + start * dim * layout.dtype.itemsize
    flat = np.fromfile(layout.path, layout.dtype, (stop - start) * dim, offset=skipped)
    return flat.reshape(stop - start, dim)


def open_frames(paths: Sequence[str | Path | None], frame_dim: int | None = None) -> FrameFiles:
    """The frames in these files, one a track; files that can't be used are left out and named with the reason.

    Args:
        paths: None where a track has no file.
        frame_dim: the width that all must have; None for the one that most have.
    """
    refused: dict[int, str] = {}
    layouts: list[_Layout | None] = [None] * len(paths)
    widths: list[int] = [0] * len(paths)
    for row, path in enumerate(paths):
        if path is None:
            continue
        try:
            layouts[row], widths[row] = _look_over(Path(path))
        except RecordError as error:
            refused[row] = str(error)
    if frame_dim is None:
        known = Counter(width for width in widths if width)
        frame_dim = known.most_common(1)[0][0] if known else 0
    for row, width in enumerate(widths):
        if width and width != frame_dim:
            refused[row] = f"{paths[row]} has frames of width {width}, {frame_dim} is wanted"
            layouts[row] = None
    return FrameFiles(layouts, frame_dim, refused)


def _look_over(path: Path) -> tuple[_Layout, int]:
    """Where a file's numbers are, and how wide its frames; every number was looked at.

    Raises:
        RecordError: it can't be used.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError, OSError) as error:
        raise RecordError(f"{path} can't be read as .npy: {str(error).splitlines()[0][:200]}") from error
    check_frames(array, str(path))
    layout = _Layout(path, array.offset, array.dtype, len(array), not array.flags.c_contiguous)
    return layout, array.shape[1]


def check_frames(array: NDArray[Any], name: str) -> None:
    """Checks that an array holds frames: `[num_frames, frame_dim]`, at least one, of finite numbers.

    Raises:
        RecordError: it holds something else.
    """
    if array.dtype.kind not in "fiu":
        raise RecordError(f"{name} holds {array.dtype}, numbers are wanted", _LAYOUT)
    if array.ndim != 2 or not array.size:
        raise RecordError(f"{name} has the shape {list(array.shape)}, [num_frames, frame_dim] is wanted", _LAYOUT)
    for start in range(0, len(array), _FRAMES_AT_A_TIME):
        with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite
            part = array[start : start + _FRAMES_AT_A_TIME].astype(np.float32, copy=False)
        if not np.isfinite(part).all():
            raise RecordError(f"{name} holds numbers that are not finite", _LAYOUT)
