"""Answers to queries as people read them, within the width of their terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from kindred.cli import console
from kindred.domain.shown import shortened

CELL_CHARACTERS = 60  # of one value where a row holds several and no terminal says how wide it is
VALUE_CHARACTERS = 200  # of one value that has a line to itself
VECTOR_LENGTH = 16  # numbers from which a list is a vector, too long to read
_LEAST_WIDTH = 8


def output_width() -> int | None:
    """Columns of the terminal that stdout is; None where it is a file or pipe and `COLUMNS` is not set."""
    if os.environ.get("COLUMNS", "").isdigit() or (sys.stdout is not None and sys.stdout.isatty()):
        return shutil.get_terminal_size().columns
    return None


def answer_text(answer: pa.Table, hidden: Collection[str] = ()) -> str:
    """An answer as a table; where it holds whole nodes, relationships or maps, row by row with a line a property.

    Integers stand without separators, since they may be ids or times. What is null is left out of a node, and so are
    vectors; long values are shortened.

    Args:
        hidden: names of properties that hold vectors.
    """
    rows = [[_decoded(value) for value in row.values()] for row in answer.to_pylist()]
    if any(isinstance(value, dict) for row in rows for value in row):
        return "\n\n".join(_record(number, answer.column_names, row, hidden) for number, row in enumerate(rows, 1))
    return fitted_table(answer.column_names, [[_scalar(value) for value in row] for row in rows])


def fitted_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table whose widest columns are shortened until it fits the terminal."""
    cells = [[console.one_line(value) if isinstance(value, str) else value for value in row] for row in rows]
    widths = [
        max([len(name), *(len(console.cell(row[column])) for row in cells)]) for column, name in enumerate(header)
    ]
    most = _most(widths, output_width())
    fitting = [[shortened(value, most) if isinstance(value, str) else value for value in row] for row in cells]
    return console.table([shortened(name, most) for name in header], fitting)


def _most(widths: Sequence[int], terminal: int | None) -> int:
    """Characters of the widest column, so that all columns and the blanks between them fit."""
    if terminal is None:
        return CELL_CHARACTERS
    room = terminal - 2 * (len(widths) - 1)
    most = max(widths, default=_LEAST_WIDTH)
    while most > _LEAST_WIDTH and sum(min(width, most) for width in widths) > room:
        most -= 1
    return most


def _record(number: int, names: Sequence[str], row: Sequence[object], hidden: Collection[str]) -> str:
    """One row of the answer, a line a value."""
    lines = [line for name, value in zip(names, row, strict=True) for line in _lines(name, value, hidden)]
    width = max(len(name) for name, _ in lines)
    room = max((output_width() or VALUE_CHARACTERS) - width - 2, _LEAST_WIDTH)
    shown = (
        f"{name.ljust(width)}  {shortened(console.one_line(text), min(room, VALUE_CHARACTERS))}" for name, text in lines
    )
    return "\n".join([f"── {number} ──", *shown])


def _lines(name: str, value: object, hidden: Collection[str]) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict) or "nodes" in value:
        if value is not None:
            yield name, str(_scalar(value))
        return
    if "label" in value:
        yield name, str(value["label"])
    for key, inner in value.items():
        if key != "label" and inner not in (None, "") and key not in hidden and not _is_vector(inner):
            yield f"{name}.{key}", str(_scalar(inner))


def _decoded(value: object) -> object:
    """A node, relationship or map from the JSON that an answer holds it as; anything else as it is."""
    if isinstance(value, str) and value.startswith(("{", "[{")):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _scalar(value: object) -> object:
    """A value as text; a node or relationship inside of another value by its label and id."""
    if value is None:
        return None
    if _is_vector(value):
        return f"({len(value)} numbers)" if isinstance(value, list) else ""
    if isinstance(value, list):
        return ", ".join(str(_scalar(inner)) for inner in value)
    if isinstance(value, dict) and "nodes" in value:
        steps = [value["nodes"][:1], *zip(value["relationships"], value["nodes"][1:], strict=False)]
        return " – ".join(str(_scalar(part)) for step in steps for part in step)
    if isinstance(value, dict):
        named = [str(value[key]) for key in ("label", "id") if value.get(key) is not None]
        return " ".join(named) if named else json.dumps(value, ensure_ascii=False)
    return str(value)


def _is_vector(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= VECTOR_LENGTH
        and all(isinstance(number, int | float) for number in value)
    )
