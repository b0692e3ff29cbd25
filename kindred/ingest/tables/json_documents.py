"""JSON files that hold one object for the whole table, and how to make rows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.remote import Location
from kindred.ingest.tables.column_names import is_name_of
from kindred.ingest.tables.table_head import Head

_ENDS = ("user", "item")
_COLUMNS = "write a row each: pandas.DataFrame.to_json(FILE, orient='records', lines=True)"
_RATINGS = (
    "jq -c 'to_entries[] | .key as $user | .value | to_entries[] | {user: $user, item: .key, rating: .value}' FILE"
)
_LISTS = "jq -c 'to_entries[] | {user: .key, item: .value[]}' FILE"
_ROWS = "jq -c 'to_entries[] | {END: .key} + .value[]' FILE"


def check_no_columns(path: Location, head: Head) -> None:
    """Makes sure that a file is no single object that holds the columns of a table, as pandas writes by itself.

    Raises:
        RecordError: it is one.
    """
    held = _held(head)
    columns = [name for name, value in held.items() if isinstance(value, list) or all(map(str.isdecimal, value))]
    if {"columns", "data"} <= held.keys() or all(any(is_name_of(r, n) for n in columns) for r in _ENDS):
        raise RecordError(f"{path} holds one JSON object of columns, and no rows", _COLUMNS)


def check_no_users(path: Location, head: Head) -> None:
    """Makes sure that a file in which no column is found is no single object of users and their items.

    Raises:
        RecordError: it is one.
    """
    held = _held(head)
    _check_no_rows_by_key(path, held)
    lists = [value for value in held.values() if isinstance(value, list)]
    inner = [one for value in held.values() for one in (value if isinstance(value, list) else value.values())]
    if len(held) < 2 or len(lists) not in (0, len(held)) or any(isinstance(one, dict | list) for one in inner):
        return
    raise RecordError(
        f"{path} holds one JSON object of users, e.g. {next(iter(held))[:40]!r}, and no rows",
        f"make rows of it: {_LISTS if lists else _RATINGS}",
    )


def _check_no_rows_by_key(path: Location, held: Mapping[str, object]) -> None:
    """Makes sure that a file does not hold the rows of each user, or of each item, under what that one is called.

    Raises:
        RecordError: it does.
    """
    firsts = [value[0] if isinstance(value, list) and value else None for value in held.values()]
    rows = [row for row in firsts if isinstance(row, dict)]
    for end, other in (_ENDS, _ENDS[::-1]):
        are_others = all(any(is_name_of(other, name) for name in row) for row in rows)
        if len(rows) > 1 and len(rows) == len(firsts) and are_others:
            raise RecordError(
                f"{path} holds one JSON object of {end}s, e.g. {next(iter(held))[:40]!r}, and the rows of each",
                f"say in each row whose it is: {_ROWS.replace('END', end)}",
            )


def check_no_named_rows(path: Location, head: Head) -> None:
    """Makes sure that a file is no single object whose values are rows: Firebase's, or pandas' `orient="index"`.

    Raises:
        RecordError: it is one.
    """
    if (found := _named_rows(_held(head))) is not None:
        key, within = found
        raise RecordError(
            f"{path} holds one JSON object of rows, e.g. {key[:40]!r}, and no list of them",
            f"make a list of them: jq -c '{within}[]' FILE",
        )


def _named_rows(held: Mapping[str, object], within: str = ".") -> tuple[str, str] | None:
    """The name of the first row in an object of rows, and where in the document it stands; None where there is none."""
    objects = {name: value for name, value in held.items() if isinstance(value, dict)}
    rows = [name for name, value in objects.items() if all(any(is_name_of(r, n) for n in value) for r in _ENDS)]
    if len(rows) > 1:
        return rows[0], within
    inner = (_named_rows(value, f"{within}[{json.dumps(name)}]") for name, value in objects.items())
    return next(filter(None, inner), None)


def _held(head: Head) -> dict[str, dict[str, object] | list[object]]:
    """What holds more in a file that is a single object; nothing of any other file."""
    row = head.rows[0] if len(head.rows) == 1 and not head.separator else {}
    return {name: value for name, value in row.items() if isinstance(value, dict | list) and "." not in name}
