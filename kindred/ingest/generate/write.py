"""Writes JSON lines and CSV that are either whole under their name or not there at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson

from kindred.domain.errors import StoreError
from kindred.files import written_whole


def write_json_lines(path: Path, rows: Iterable[dict[str, object]]) -> int:
    """Write one JSON document a line and return their number; memory does not grow with it.

    The file appears under its name only when it is complete: an interruption leaves what was there before.

    Raises:
        StoreError: the file can't be written there.
    """
    num_rows = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            for row in rows:
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                num_rows += 1
    except OSError as error:
        raise StoreError(f"can't write {path}: {error.strerror}", "name another folder") from error
    return num_rows


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table with lines that end in \\n alone. Raises: OSError where the file can't be written."""
    with written_whole(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        text.detach()  # writes what is left, and leaves the file to its owner
