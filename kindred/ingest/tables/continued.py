"""Orders of several lines of which the first alone says whose, when and what became of it, as shops export them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from kindred.ingest.cells.values import is_missing
from kindred.ingest.formats.columns import letters_of
from kindred.ingest.formats.rows import Carried
from kindred.ingest.tables.column_names import guess, guesses
from kindred.ingest.tables.mapping import EventColumns
from kindred.ingest.tables.order_table import ORDER_NUMBERS
from kindred.ingest.tables.table_head import Head

_OF_AN_ORDER = ("user", "at", "status")
_FEWEST = 2  # later lines that show it where the column of orders is not called so


def with_orders_filled(head: Head, given: EventColumns) -> Head:
    """The head of the same table where each line of an order has what its first line says of the whole order."""
    for key in _likely_keys(head, given):
        if names := _said_once(key, head, given):
            layout = head.layout.model_copy(update={"carried_by": key, "carried": names})
            return replace(head, layout=layout, rows=tuple(map(Carried(key, names).filled, head.rows)))
    return head


def _likely_keys(head: Head, given: EventColumns) -> Iterator[str]:
    """The columns that may number orders, those that are called so first."""
    of_rows = {*_of_an_order(head, given), given.item or guess("item", head.columns, ())}
    others = [name for name in head.columns if name not in of_rows]
    yield from sorted(others, key=lambda name: letters_of(name) not in ORDER_NUMBERS)


def _of_an_order(head: Head, given: EventColumns) -> list[str]:
    """The columns that may say whose an order is, when it was made and what became of it."""
    named = [given.user, given.at, given.month, given.day, given.clock, given.status]
    guessed = [name for role in _OF_AN_ORDER for name in guesses(role, head.columns, ())]
    return list(dict.fromkeys(name for name in (*named, *guessed) if name in head.columns))


def _said_once(key: str, head: Head, given: EventColumns) -> tuple[str, ...]:
    """The columns that are empty in all later lines of an order, if that shows that the lines of one follow each other.

    One of them or another column must be filled in the first line of every order, and in no other line.
    """
    keys = [None if is_missing(row.get(key)) else str(row[key]) for row in head.rows]
    is_called_so = letters_of(key) in ORDER_NUMBERS
    is_later = [False, *(this in (None, above) for above, this in pairwise(keys))]
    starts = [this for this, later in zip(keys, is_later, strict=False) if not later]
    if len(starts) < 2 or keys[0] is None or (None in keys and not is_called_so):
        return ()
    if not is_called_so and (len({*starts}) < len(starts) or sum(is_later) < _FEWEST):
        return ()
    once = [name for name in head.columns if name != key and _is_said_once(name, head, is_later)]
    if not any(_is_in_each(name, head, is_later) for name in once):
        return ()
    return tuple(name for name in _of_an_order(head, given) if name in once)


def _is_said_once(name: str, head: Head, is_later: Sequence[bool]) -> bool:
    """Whether the column is filled in some first lines, and in no later one."""
    filled = [later for row, later in zip(head.rows, is_later, strict=False) if not is_missing(row.get(name))]
    return bool(filled) and not any(filled) and any(is_later)


def _is_in_each(name: str, head: Head, is_later: Sequence[bool]) -> bool:
    return not any(is_missing(row.get(name)) for row, later in zip(head.rows, is_later, strict=False) if not later)
