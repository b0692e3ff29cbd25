"""What the embedded engine answers to a user's query, as an Arrow table that people can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from kindred.domain.arrow_values import texts_array

_PLAIN = (str, int, float, bool)
_INTERNAL = ("_ID", "_SRC", "_DST", "_row")


def answer_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """One column an expression: scalars and lists of them as they are, nodes, relationships and maps as JSON text."""
    columns = [_column([_plain(row[place]) for row in rows]) for place in range(len(names))]
    return pa.Table.from_arrays(columns, names=list(names))


def _column(values: list[Any]) -> pa.Array:
    if any(values) and all(value is None or type(value) is str for value in values):
        return texts_array(values)
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # values of several types in one column
        return pa.array([value if value is None or isinstance(value, str) else _json(value) for value in values])


def _plain(value: Any) -> Any:
    shown = _shown(value)
    if isinstance(shown, dict) or (isinstance(shown, list) and any(isinstance(v, (dict, list)) for v in shown)):
        return _json(shown)
    return shown


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_shown_name(name): _shown(inner) for name, inner in value.items() if name not in _INTERNAL}
    if isinstance(value, (list, tuple)):
        return [_shown(inner) for inner in value]
    if isinstance(value, Decimal):  # how the engine hands out a sum of integers
        return int(value) if value == int(value) else float(value)
    return value if value is None or isinstance(value, _PLAIN) else str(value)


def _shown_name(name: str) -> str:
    return {"_LABEL": "label", "_NODES": "nodes", "_RELS": "relationships"}.get(name, name)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
