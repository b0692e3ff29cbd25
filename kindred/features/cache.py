"""VectorCache: vectors by content hash on disk, safe against kills, damage and a second process."""

from __future__ import annotations

import errno
import fcntl
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError

KEY_BYTES = 16
SUM_BYTES = 4
_ROWS_AT_ONCE = 100_000
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


class VectorCache:
    """Float16 vectors of one encoder by 16-byte key, kept in append-only files.

    `vectors` and `sums`, a CRC-32 of each key with its vector, are written and synced before `keys`, so the keys are
    the commit log: a vector without its key does not exist, and the next writer overwrites it. Writers hold a file
    lock, readers need none. What a kill or a full disk tears off is encoded again, nothing else, and so is a vector
    that is not what was written. In a folder that may only be read what is there is found and nothing kept,
    so that whoever only asks needs no right to write.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        self.dimension = dimension
        self._row_bytes = 2 * dimension
        self._vectors_path = folder / "vectors.f16"
        self._sums_path = folder / "sums.crc32"
        self._keys_path = folder / "keys"
        self._rows: dict[bytes, int] = {}
        self._num_read = 0
        self._is_kept = True
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._vectors_path.touch()
            self._keys_path.touch()
            self._make_sums()
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            self._is_kept = False

    def __len__(self) -> int:
        self._refresh()
        return len(self._rows)

    def find(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """Positions in `keys` of those that are cached, `[num_found]`, and their vectors `[num_found, dimension]`.

        A vector that is not what was written is forgotten, so that it counts as not cached from then on.
        """
        self._refresh()
        pairs = [(position, row) for position, key in enumerate(keys) if (row := self._rows.get(key)) is not None]
        if not pairs:
            return np.empty(0, np.int64), np.empty((0, self.dimension), np.float16)
        positions, rows = np.array(pairs, dtype=np.int64).T
        shape = (self._num_read, self.dimension)
        stored = np.memmap(self._vectors_path, np.float16, mode="r", shape=shape)
        vectors = np.asarray(stored[rows])
        asked = [keys[position] for position in positions]
        sums = np.memmap(self._sums_path, "<u4", mode="r", shape=(self._num_read,))
        is_whole = _sums(asked, vectors) == sums[rows]
        for position in np.flatnonzero(~is_whole):
            self._rows.pop(asked[position], None)
        return positions[is_whole], vectors[is_whole]

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
        with self._writing() as (vectors_file, sums_file, keys_file):
            self._refresh()
            new = {key: position for position, key in enumerate(keys) if key not in self._rows}
            if not new:
                return
            # What lies behind the last whole key was never committed: a kill between the two writes left it there.
            os.ftruncate(keys_file, self._num_read * KEY_BYTES)
            os.ftruncate(vectors_file, self._num_read * self._row_bytes)
            os.ftruncate(sums_file, self._num_read * SUM_BYTES)
            rows = np.ascontiguousarray(vectors[list(new.values())], dtype=np.float16)
            _append(vectors_file, rows.tobytes())
            _append(sums_file, _sums(list(new), rows).tobytes())
            _append(keys_file, b"".join(new))
            self._refresh()

    def _refresh(self) -> None:
        """Reads the keys that came since the last look, from this process or another."""
        if not all(path.is_file() for path in (self._keys_path, self._vectors_path, self._sums_path)):
            return
        num_stored = min(
            self._vectors_path.stat().st_size // self._row_bytes, self._sums_path.stat().st_size // SUM_BYTES
        )
        with self._keys_path.open("rb") as file:
            file.seek(self._num_read * KEY_BYTES)
            tail = file.read(max(0, num_stored - self._num_read) * KEY_BYTES)
        for start in range(0, len(tail) - KEY_BYTES + 1, KEY_BYTES):
            self._rows[tail[start : start + KEY_BYTES]] = self._num_read
            self._num_read += 1

    def _make_sums(self) -> None:
        """The file of sums where there is none: empty, or for what was kept before there were any."""
        if self._sums_path.exists():
            return
        with self._writing() as (vectors_file, sums_file, keys_file):
            num_rows = min(os.fstat(vectors_file).st_size // self._row_bytes, os.fstat(keys_file).st_size // KEY_BYTES)
            for start in range(os.fstat(sums_file).st_size // SUM_BYTES, num_rows, _ROWS_AT_ONCE):
                count = min(_ROWS_AT_ONCE, num_rows - start)
                keys = os.pread(keys_file, count * KEY_BYTES, start * KEY_BYTES)
                rows = os.pread(vectors_file, count * self._row_bytes, start * self._row_bytes)
                vectors = np.frombuffer(rows, np.float16).reshape(count, self.dimension)
                each = [keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)]
                _append(sums_file, _sums(each, vectors).tobytes())

    @contextmanager
    def _writing(self) -> Iterator[tuple[int, int, int]]:
        """Vectors, sums and keys open for appending, under the lock that one writer at a time holds."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with ExitStack() as stack:
            files = []
            for path in (self._keys_path, self._vectors_path, self._sums_path):
                file = os.open(path, flags, 0o666)
                stack.callback(os.close, file)
                files.append(file)
                if path == self._keys_path:
                    fcntl.flock(file, fcntl.LOCK_EX)
            keys_file, vectors_file, sums_file = files
            yield vectors_file, sums_file, keys_file


def _sums(keys: Sequence[bytes], vectors: NDArray[np.float16]) -> NDArray[np.uint32]:
    """CRC-32 of each key with its vector, `[num_keys]`, little-endian."""
    found = (zlib.crc32(vector, zlib.crc32(key)) for key, vector in zip(keys, vectors, strict=True))
    return np.fromiter(found, "<u4", len(keys))


def _append(file: int, data: bytes) -> None:
    """Writes all of `data` and syncs it."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)
