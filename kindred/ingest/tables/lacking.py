"""What to do where a table of one's own lacks a column."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from shlex import quote

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.remote import Location
from kindred.ingest.formats.columns import listed_columns, nearest
from kindred.ingest.tables.column_names import is_name_of
from kindred.ingest.tables.headless import is_number, no_names
from kindred.ingest.tables.mapping import EventColumns, ItemColumns
from kindred.ingest.tables.order_table import ORDER_IDS
from kindred.ingest.tables.table_head import Head, lists_of_rows

_MANY_BROKEN = 0.3  # share of rows of other lengths than the first
_OF_SEARCHES = (("query_id", "user_query"), ("query_id", "action_name"))
_LEAST_ITEMS = 5  # columns of a matrix


def check_there(path: Location, named: Mapping[str, str], head: Head) -> None:
    """Makes sure that a table has the columns that are given.

    Args:
        path: of the table.
        named: the column of each role.
        head: of the table.

    Raises:
        RecordError: it lacks one.
    """
    for role, name in named.items():
        if name not in head.columns:
            near = nearest([name], head.columns)
            hint = f"the nearest is {near}" if near else "name another"
            raise RecordError(f"{path} has no column {name!r} ({role}) among {listed_columns(head.columns)}", hint)


def check_named_once(path: Location, columns: EventColumns | ItemColumns, head: Head) -> None:
    """Makes sure that no other column of a table is called as one of those that are to be read.

    Raises:
        RecordError: one is.
    """
    roles: Mapping[str, str | tuple[str, ...] | None] = columns.by_role()
    chosen = {name for named in roles.values() for name in ((named,) if isinstance(named, str) else named or ())}
    if twice := [name for name in head.twice if name in chosen]:
        raise RecordError(f"{path} names a column twice: {listed_columns(twice)}", "rename one of them")


def lacking(path: Location, role: str, option: str, head: Head, likely: str = "COLUMN") -> RecordError:
    """The error of a table in which no column is called as those of a role are, and what may help.

    Args:
        path: of the table.
        role: `user` or `item`.
        option: what names its column.
        head: of the table.
        likely: the column that holds such values, if it is known.
    """
    if head.separator and not head.layout.columns and any(map(is_number, head.columns)):
        lines = [head.columns, *([str(row.get(name, "")) for name in head.columns] for row in head.rows)]
        return no_names(path, "".join(f"{head.separator.join(cells)}\n" for cells in lines), head.columns)
    other = "item" if role == "user" else "user"
    both = option == f"--{role}" and not any(is_name_of(other, name) for name in head.columns)
    next_step = "name them: --user COLUMN --item COLUMN" if both else f"name it: {option} {quote(likely)}"
    if any(column.casefold() in ORDER_IDS for column in head.columns):
        other = "another table says whose order it was" if role == "user" else "it is the table of orders"
        next_step += f"; if {other}: kindred ingest interactions LINES --order-table ORDERS"
    if role == "user" and (head.separator or ".json" in path.name):
        next_step += "; where a file is of one user alone: put it into a folder user=NAME, each user's into its own"
    if searches := on_searches(path, head):
        next_step = f"{searches}; else {next_step}"
    if role == "item" and (keyed := _keyed_by_items(head)):
        rows = f'. as $row | .["{keyed}"] | to_entries[] | $row + {{item: .key, rating: .value}} | del(.["{keyed}"])'
        next_step += f"; if {keyed} holds a rating, or a count, by item: jq -c {quote(rows)} FILE makes a row of each"
    for name, within in lists_of_rows(head).items():
        next_step += f"; of the entries of {name}, each of them an event: --{role} {' or '.join(within)}"
    if head.separator and head.broken > _MANY_BROKEN:
        rows = f"""awk -F'{head.separator}' '{{for (i = 1; i <= NF; i++) print NR "{head.separator}" $i}}' FILE"""
        next_step = f"if each line is a basket: {rows}, then --columns user,item; else {next_step}"
    if role == "item" and head.separator and _is_like_matrix(head):
        next_step += "; if each other column is an item: --matrix"
    return RecordError(
        f"no column of {path} is called what columns of the {role} usually are: {listed_columns(head.columns)}",
        next_step,
    )


def on_searches(path: Location, head: Head) -> str:
    """What reads queries and events of User Behavior Insights as such; empty where the table holds none."""
    is_of_searches = any({*names} <= {*head.columns} for names in _OF_SEARCHES) and not head.separator
    return (
        f"`kindred ingest queries --events {quote(str(path))}` reads searches and where they led"
        if is_of_searches
        else ""
    )


def _keyed_by_items(head: Head) -> str:
    """The outermost column whose values are objects of numbers under names of their own; empty where there is none."""
    for name in dict.fromkeys(chain.from_iterable(head.rows)):
        held = [value for row in head.rows if isinstance(value := row.get(name), dict) and "." not in name]
        keys = {key for value in held for key in value}
        numbers = all(is_number(str(one)) for value in held for one in value.values())
        if numbers and len(keys) >= _LEAST_ITEMS and len({tuple(value) for value in held}) > 1:
            return name
    return ""


def _is_like_matrix(head: Head) -> bool:
    """Whether nearly all columns hold numbers alone, and there are several."""
    numbers = [name for name in head.columns if all(is_number(str(row[name])) for row in head.rows if row.get(name))]
    return len(numbers) >= max(len(head.columns) - 1, _LEAST_ITEMS)
