"""Writes JSON lines that are either whole under their name or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import orjson

from kindred.domain.errors import SettingsError


def write_json_lines(path: Path, rows: Iterable[dict[str, object]]) -> int:
    """Write one JSON document a line and return their number; memory does not grow with it.

    The file appears under its name only when it is complete: an interruption leaves what was there before.

    Raises:
        SettingsError: the file can't be written there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            num_rows = _write(temporary, rows)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"can't write {path}: {error.strerror}", "name another folder") from error
    return num_rows


def _write(path: Path, rows: Iterable[dict[str, object]]) -> int:
    num_rows = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            num_rows += 1
        file.flush()
        os.fsync(file.fileno())
    return num_rows
