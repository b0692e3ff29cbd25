"""Quarantine: bad records are kept, each with where it stood and why, in a file that is there whole or not at all."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from pathlib import Path

import orjson

from kindred.files import sync
from kindred.ingest.bad_records import BadRecord
from kindred.ingest.rows import Row

_PART = ".part"


class Quarantine:
    """Writes bad records as JSON lines to a hidden part file, which `commit` turns into the quarantine file.

    Each line holds `file`, `line` (from 1; in a Parquet file the row), `reason`, `field`, `detail`, `bytes` (length of
    the line), `raw` (the line; of one that is too long, its beginning) and, only where that is no UTF-8, `raw_base64`.
    A context manager: what is not committed is gone at the end of the block.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for left_by_a_kill in folder.glob(f".*{_PART}"):
            left_by_a_kill.unlink(missing_ok=True)
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self.path = folder / f"{moment}.jsonl"
        self._part = folder / f".{moment}{_PART}"
        self._file = self._part.open("wb")
        self.count = 0

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def add(self, file: str, row: Row, bad: BadRecord) -> None:
        """Keeps one bad record."""
        self.count += 1
        entry = {
            "file": file,
            "line": row.number,
            "reason": bad.reason.value,
            "field": bad.field,
            "detail": bad.message,
            "bytes": row.length,
        }
        try:
            entry["raw"] = row.raw.decode()
        except UnicodeDecodeError:
            entry["raw"] = row.raw.decode(errors="backslashreplace")
            entry["raw_base64"] = base64.b64encode(row.raw).decode("ascii")
        self._file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def commit(self) -> Path | None:
        """The quarantine file, durable; None, and no file, where nothing was bad."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if not self.count:
            return None
        self._part.replace(self.path)
        sync(self.path.parent)
        return self.path
