"""Writes JSON lines that are either whole under their name or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import orjson

from kindred.domain.errors import SettingsError

_LINES_A_WRITE = 2048


def write_json_lines(path: Path, rows: Iterable[dict[str, object]]) -> int:
    """Write one JSON document a line and return their number; memory does not grow with it.

    The file appears under its name only when it is complete: an interruption leaves what was there before.

    Raises:
        SettingsError: the file can't be written there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    num_rows = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            lines: list[bytes] = []
            for row in rows:
                lines.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                if len(lines) == _LINES_A_WRITE:
                    file.write(b"".join(lines))
                    num_rows += len(lines)
                    lines.clear()
            file.write(b"".join(lines))
            num_rows += len(lines)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SettingsError(f"can't write {path}: {error.strerror}", "name another folder with --out") from error
    finally:
        temporary.unlink(missing_ok=True)
    return num_rows
