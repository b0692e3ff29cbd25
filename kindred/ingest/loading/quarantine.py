"""Quarantine: bad records are kept, each with where it stood and why, in a file that is there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from kindred.files import sync
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.rows import Row

MAX_RECORDS = 10_000
MAX_BYTES = 32 << 20
_PART = ".part"
_KEPT_CHARACTERS = 65_536


class Quarantine:
    """Writes bad records as JSON lines to a hidden part file, which `commit` turns into the quarantine file.

    Each line holds `file`, `line` (from 1; in a Parquet file the row), `reason`, `field` (the column), `detail`,
    `bytes` (length of the line) and `raw`: what stands in the columns that are understood, and of a line that can't be
    read the pairs of such columns that can be made out. What parsing leaves out, such as names of reviewers, never is.
    Above `MAX_RECORDS` or `MAX_BYTES` records are only counted.
    A context manager: what is not committed is gone when it ends.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for left_by_a_kill in folder.glob(f".*{_PART}"):
            left_by_a_kill.unlink(missing_ok=True)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self.path = folder / f"{now}.jsonl"
        self._part = folder / f".{now}{_PART}"
        self._file = self._part.open("wb")
        self.count = self._kept = self._bytes = 0

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def add(self, file: str, row: Row, bad: BadRecord, columns: Sequence[str]) -> None:
        """Keeps one bad record, of it what stands in these columns; beyond the limits it is only counted."""
        self.count += 1
        if self.count > MAX_RECORDS or self._bytes > MAX_BYTES:
            return
        entry = {
            "file": file,
            "line": row.number,
            "reason": bad.reason.value,
            "field": bad.field,
            "detail": bad.message,
            "bytes": row.length,
            "raw": _kept(row, columns),
        }
        line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        self._bytes += len(line)
        self._kept += 1
        self._file.write(line)

    def kept(self) -> tuple[int, bytes]:
        """How many records were bad, and the lines of those that are kept."""
        self._file.flush()
        return self.count, self._part.read_bytes()

    def adopt(self, count: int, lines: bytes) -> None:
        """Takes over what another process has kept, as if it had been added here."""
        for line in lines.splitlines(keepends=True):
            if self._kept >= MAX_RECORDS or self._bytes > MAX_BYTES:
                break
            self._bytes += len(line)
            self._kept += 1
            self._file.write(line)
        self.count += count

    def commit(self) -> Path | None:
        """The quarantine file, durable; None, and no file, where nothing was bad."""
        if self.count > self._kept:
            rest = {"reason": "more", "detail": f"{self.count - self._kept:,} more bad records are not kept here"}
            self._file.write(orjson.dumps(rest, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if not self.count:
            return None
        self._part.replace(self.path)
        sync(self.path.parent)
        return self.path


def _kept(row: Row, columns: Sequence[str]) -> str:
    """What may be kept of a row: the columns that are understood, nothing else."""
    if isinstance(row.value, dict):
        known = {name: value for name, value in row.value.items() if name in columns}
        text = json.dumps(known, ensure_ascii=False, default=str)
    else:
        text = row.raw.decode(errors="backslashreplace")
    return text.encode("utf-8", "backslashreplace").decode()[:_KEPT_CHARACTERS]
