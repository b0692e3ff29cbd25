"""Matrices of ratings: a row a user, a column an item, and in most cells nothing, or a number that stands for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import isclose

from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.no_records import is_called_sums
from kindred.ingest.formats.rows import Row
from kindred.ingest.tables.column_names import guess

TO_BE_TOLD = "?"
"""What stands for the column of users where it is not yet known."""
LINES = "the number of the line"
FIRST = "the first column"
COLUMNS = ("user", "item", "rating")
_INDEX = "__index_level_0__"  # names of the rows of a pandas frame, where they have no name themselves
_MARK, _HIGHEST, _NEARLY_ALL = 99.0, 10.0, 0.9


def users_of(given: str, names: Sequence[str], has_header: bool) -> str:
    """What says whose row it is: the column given or called so, else the first one, or the number of the line."""
    if given != TO_BE_TOLD:
        return given
    return guess("user", names, ()) or (_INDEX if _INDEX in names else FIRST if has_header else LINES)


def rows_of_matrix(rows: Iterable[Row], user: str, absent: str) -> Iterator[Row]:
    """A row for each cell that holds a rating.

    Args:
        rows: of the matrix, by the names of its columns.
        user: the column of users, or one of the words above.
        absent: the number that stands for no rating; empty where only an empty cell does.
    """
    nothing = _number(absent)
    for row in rows:
        if isinstance(row.value, BadRecord):
            yield row
            continue
        column = next(iter(row.value)) if user == FIRST else user
        who = str(row.number) if user == LINES else row.value.get(column)
        left_out = ("", column, *_sums_in(row.value, column))
        for item, cell in row.value.items():
            if item not in left_out and cell is not None and (nothing is None or _number(cell) != nothing):
                yield row._replace(raw=b"", value={"user": who, "item": item, "rating": cell})


def _sums_in(row: Mapping[str, object], user: str) -> list[str]:
    """The columns called so that hold the sum, the mean or the number of what the others of the row hold."""
    names = [name for name in row if is_called_sums(name)]
    others = [
        number for name in row if name != user and name not in names if (number := _number(row[name])) is not None
    ]
    made = (sum(others), sum(others) / max(len(others), 1), len(others), sum(map(bool, others)))
    return [name for name in names if any(isclose(_number(row[name]) or 0.0, one, abs_tol=0.01) for one in made)]


def absent_in(cells: Iterable[object]) -> tuple[str, bool]:
    """The number that stands for no rating in these cells, 99 or 0, if there is one; and whether all others are 1."""
    read = [number for cell in cells if (number := _number(cell)) is not None]
    numbers, ratings = {*read}, [number for number in read if number != _MARK]
    if _MARK in numbers and sum(abs(number) <= _HIGHEST for number in ratings) >= _NEARLY_ALL * len(ratings):
        return f"{_MARK:g}", False
    if 0 in numbers and min(numbers) == 0:
        return "0", numbers == {0, 1}
    return "", numbers == {1}


def begins_with_counts(rows: Iterable[Mapping[str, object]], first: str) -> bool:
    """Whether the first column only says how many ratings follow, as in the matrix of Jester.

    Args:
        rows: the events of its first lines.
        first: what the first column is called.
    """
    counted: dict[object, float | None] = {}
    there = Counter[object]()
    for row in rows:
        if row["item"] == first:
            counted[row["user"]] = _number(row["rating"])
        else:
            there[row["user"]] += 1
    whole = list(there)[:-1]  # the last line may go on
    return bool(whole) and all(counted.get(user) == there[user] for user in whole)


def _number(cell: object) -> float | None:
    with suppress(TypeError, ValueError):
        return float(cell)  # type: ignore[arg-type]
    return None
