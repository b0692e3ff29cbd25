"""Frame embeddings as .npy files, one a track, which the graph refers to by path.

A file's name holds a digest of its content: it is never changed, so a load that is refused or interrupted does no harm
to what the graph refers to already, and a replay writes nothing.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.files import written_whole
from kindred.ingest.loading.staging import not_writable

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_READABLE_CHARACTERS = 80


def frame_path(folder: Path, track: str, frames: NDArray[np.float32]) -> Path:
    """Where the frames of this track belong, whatever characters are in its id."""
    digest = blake2b(track.encode("utf-8", "surrogatepass"), digest_size=8)
    digest.update(repr(frames.shape).encode())
    digest.update(np.ascontiguousarray(frames).data)
    readable = _UNSAFE.sub("_", track)[:_READABLE_CHARACTERS].lstrip(".")
    return folder.resolve() / f"{readable}-{digest.hexdigest()}.npy"


def write_frames(folder: Path, track: str, frames: NDArray[np.float32]) -> Path:
    """The file of these frames, `[num_frames, frame_dim]`: there whole and durable, or not at all.

    Raises:
        StoreError: it can't be written.
    """
    path = frame_path(folder, track, frames)
    try:
        if path.exists():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            np.save(file, frames, allow_pickle=False)
    except OSError as error:
        raise not_writable(folder, error) from error
    return path
