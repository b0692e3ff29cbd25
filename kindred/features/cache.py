"""VectorCache: vectors by content hash on disk, safe against kills and against a second process."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError

KEY_BYTES = 16
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


class VectorCache:
    """Float16 vectors of one encoder by 16-byte key, kept in two append-only files.

    `vectors` is written and synced before `keys`, so the keys are the commit log: a vector without its key does not
    exist, and the next writer overwrites it. Writers hold a file lock, readers need none. What a kill or a full disk
    tears off is encoded again, nothing else. In a folder that may only be read what is there is found and nothing kept,
    so that whoever only asks needs no right to write.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        self.dimension = dimension
        self._row_bytes = 2 * dimension
        self._vectors_path = folder / "vectors.f16"
        self._keys_path = folder / "keys"
        self._rows: dict[bytes, int] = {}
        self._num_read = 0
        self._is_kept = True
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._vectors_path.touch()
            self._keys_path.touch()
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            self._is_kept = False

    def __len__(self) -> int:
        self._refresh()
        return len(self._rows)

    def find(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """Positions in `keys` of those that are cached, `[num_found]`, and their vectors `[num_found, dimension]`."""
        self._refresh()
        pairs = [(position, row) for position, key in enumerate(keys) if (row := self._rows.get(key)) is not None]
        if not pairs:
            return np.empty(0, np.int64), np.empty((0, self.dimension), np.float16)
        positions, rows = np.array(pairs, dtype=np.int64).T
        shape = (self._num_read, self.dimension)
        stored = np.memmap(self._vectors_path, np.float16, mode="r", shape=shape)
        return positions, np.asarray(stored[rows])

    def add(self, keys: Sequence[bytes], vectors: NDArray[np.float16]) -> None:
        """Keeps vectors `[num_keys, dimension]`, durable on return; keys that are there already stay as they are.

        A cache that may only be read keeps none.

        Raises:
            ArtifactError: the files can't be written.
        """
        if not self._is_kept:
            return
        try:
            self._add(keys, vectors)
        except OSError as error:
            raise ArtifactError(
                f"the encoder's cache {self._keys_path.parent} can't be written: {error.strerror}",
                "free disk space, or make the folder writable; what was encoded so far is kept",
            ) from error

    def _add(self, keys: Sequence[bytes], vectors: NDArray[np.float16]) -> None:
        with self._writing() as (vectors_file, keys_file):
            self._refresh()
            new = {key: position for position, key in enumerate(keys) if key not in self._rows}
            if not new:
                return
            # What lies behind the last whole key was never committed: a kill between the two writes left it there.
            os.ftruncate(keys_file, self._num_read * KEY_BYTES)
            os.ftruncate(vectors_file, self._num_read * self._row_bytes)
            rows = np.ascontiguousarray(vectors[list(new.values())], dtype=np.float16)
            _append(vectors_file, rows.tobytes())
            _append(keys_file, b"".join(new))
            self._refresh()

    def _refresh(self) -> None:
        """Reads the keys that came since the last look, from this process or another."""
        if not self._is_kept and not (self._keys_path.is_file() and self._vectors_path.is_file()):
            return
        num_stored = self._vectors_path.stat().st_size // self._row_bytes
        with self._keys_path.open("rb") as file:
            file.seek(self._num_read * KEY_BYTES)
            tail = file.read(max(0, num_stored - self._num_read) * KEY_BYTES)
        for start in range(0, len(tail) - KEY_BYTES + 1, KEY_BYTES):
            self._rows[tail[start : start + KEY_BYTES]] = self._num_read
            self._num_read += 1

    @contextmanager
    def _writing(self) -> Iterator[tuple[int, int]]:
        """Both files open for appending, under the lock that one writer at a time holds."""
        flags = os.O_RDWR | os.O_APPEND
        keys_file = os.open(self._keys_path, flags)
        vectors_file = os.open(self._vectors_path, flags)
        try:
            fcntl.flock(keys_file, fcntl.LOCK_EX)
            yield vectors_file, keys_file
        finally:
            os.close(vectors_file)
            os.close(keys_file)


def _append(file: int, data: bytes) -> None:
    """Writes all of `data` and syncs it."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)
