"""What to do where a table of one's own lacks a column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from shlex import quote

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.remote import Location
from kindred.ingest.formats.columns import letters_of, listed_columns, nearest
from kindred.ingest.tables.column_names import guesses, is_name_of
from kindred.ingest.tables.headless import is_number, no_names
from kindred.ingest.tables.mapping import EventColumns, ItemColumns
from kindred.ingest.tables.order_table import ORDER_IDS, ORDER_NUMBERS
from kindred.ingest.tables.table_head import Head, lists_of_rows

_MANY_BROKEN = 0.3  # share of rows of other lengths than the first
_OF_SEARCHES = (("query_id", "user_query"), ("query_id", "action_name"))
_LEAST_ITEMS = 5  # columns of a matrix
_MOST_NAMED = 3
_KEY = re.compile(r"(?:^|[,|;])\s*([A-Za-z][\w ]{0,30}):(?!//)")
_OF_PRODUCTS = re.compile("product|item|article|artikel")
_ENDS = {
    "item": (
        "id",
        "uri",
        "url",
        "sku",
        "name",
        "title",
        "code",
        "reference",
        "slug",
        "link",
        "uuid",
        "nameen",
        "namecn",
    ),
    "user": ("id", "name", "email", "user", "author", "login", "uuid", "hash", "handle"),
}
_OF_LISTENS = {"msplayed", "mastermetadatatrackname", "listenedat"}


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


def check_no_records(path: Location, item: str | None, head: Head) -> None:
    """Makes sure that cells of items hold no records of several, `Product ID: 7, SKU: a | Product ID: 8, SKU: b`.

    Raises:
        RecordError: most of them do.
    """
    texts = [value for row in head.rows if isinstance(value := row.get(item or ""), str) and value]
    keys = [tuple(key.strip() for key in _KEY.findall(text)) for text in texts]
    if sum(len(found) > 1 for found in keys) > len(texts) / 2 and len({found[0] for found in keys if found}) == 1:
        raise RecordError(
            f"cells of {item} in {path} hold several things of an item, or of several items: {texts[0][:100]}",
            "make a row of each item, with its id alone, e.g. "
            f"table[{item!r}].str.findall('{_id_among(keys)}: *([^,|;]+)') and then explode() in pandas",
        )


def _id_among(keys: Sequence[Sequence[str]]) -> str:
    """The key of what cells say of items that is called as an id; the first where none is."""
    names = next(found for found in keys if found)
    return next((name for name in names if letters_of(name).endswith(("id", "sku"))), names[0])


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
    for name in head.columns if role == "item" else ():
        if _OF_PRODUCTS.search(letters_of(name)):
            check_no_records(path, name, head)
    other = "item" if role == "user" else "user"
    both = option == f"--{role}" and not any(is_name_of(other, name) for name in head.columns)
    next_step = "name them: --user COLUMN --item COLUMN" if both else f"name it: {option} {quote(likely)}"
    if likely == "COLUMN" and (names := _may_be(role, head)):
        next_step += f"; {'items' if role == 'item' else 'users'} may stand in {' or '.join(map(quote, names))}"
    if _OF_LISTENS & {letters_of(name) for name in head.columns}:
        next_step += f"; `kindred ingest tracks --events {quote(str(path))}` reads what Spotify and others export"
    if len(flags := _flags(head)) >= _LEAST_ITEMS:
        kept = [name for name in head.columns if name not in flags]
        next_step += (
            f"; if each of the {len(flags)} columns of 0 and 1 is an item: pandas.melt(table, id_vars={kept[:3]!r}, "
            f"value_vars=…, var_name='item'), of which rows with 1 are kept"
        )
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


def _may_be(role: str, head: Head) -> list[str]:
    """The columns that may hold items, or users, as their names end; those with another value in each row come last."""
    taken = {*guesses("at", head.columns, ()), *guesses("user" if role == "item" else "item", head.columns, ())}
    taken |= {name for name in head.columns if letters_of(name) in ORDER_NUMBERS}
    found = {}
    for name in head.columns:
        values = [str(value) for row in head.rows if (value := row.get(name)) not in (None, "")]
        if name not in taken and letters_of(name).endswith(_ENDS[role]) and len({*values}) > 1:
            found[name] = len({*values}) == len(values)
    return sorted(found, key=lambda name: found[name])[:_MOST_NAMED]


def _flags(head: Head) -> list[str]:
    """The columns in which 0 and 1 stand, and nothing else."""
    held = {name: {str(row[name]) for row in head.rows if row.get(name) not in (None, "")} for name in head.columns}
    return [name for name, values in held.items() if values and values <= {"0", "1", "0.0", "1.0"}]


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
