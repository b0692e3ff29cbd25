"""Cells that hold several items of one user: a basket, a list that was printed, the ids of one event."""

from __future__ import annotations

from collections.abc import Sequence

from kindred.ingest.cells.texts import listed
from kindred.ingest.formats.rows import COUNTED, counted_in, entries_of
from kindred.ingest.tables.column_names import is_name_of, name_of_entry
from kindred.ingest.tables.table_head import Head

_SIGNS = ("|", ";", ",", " ")
_USUAL = 0.2
"""Share of cells that have the sign, or are lists: baskets of one item have none, and an id may look like one."""


def basket_column(head: Head, given: str | None) -> tuple[str, str] | None:
    """The column whose cells hold several items, and what stands between them; None where there is none.

    Args:
        head: of the table of events.
        given: the column of items, if it is known.
    """
    for name in [given] if given else head.columns:
        values = [value for row in head.rows if (value := row.get(name)) not in (None, "")]
        if not values or not (given or _holds_items(name)):
            continue
        lists = sum(_are_ids(listed(value)) for value in values)
        if lists > (0 if _holds_items(name) else _USUAL * len(values)):
            return name, ""
        texts = [value for value in values if isinstance(value, str)]
        counted = [len(counted_in(text)) for text in texts]
        if texts and all(counted) and max(counted) > 1:
            return name, COUNTED
        if _holds_items(name) and (sign := _sign_between(texts)):
            return name, sign
    return None


def lists_beside(head: Head, items: str, parted_by: str) -> tuple[str, ...]:
    """The columns whose lists go with those of the items, entry by entry: ratings and times of the same events.

    They have as many entries in each row, which is several in one at least.
    """
    where, _, _ = items.rpartition(".")
    others = [name for name in head.columns if name != items and name.rpartition(".")[0] == where]
    return tuple(name for name in others if _go_together(head, items, name, parted_by))


def _go_together(head: Head, items: str, other: str, parted_by: str) -> bool:
    both = [(entries_of(row.get(items), parted_by), entries_of(row.get(other), parted_by)) for row in head.rows]
    lists = [(len(one), len(two)) for one, two in both if isinstance(one, list) and isinstance(two, list)]
    missing = sum(two is None for _, two in both)
    return (
        len(lists) + missing == len(both) and all(one == two for one, two in lists) and max(lists, default=(0,))[0] > 1
    )


def _holds_items(name: str) -> bool:
    """Whether the column is called as one that holds several items: `items`, `product_ids`, `itemList`, `basket`."""
    last = name.rpartition(".")[2]
    entry = name_of_entry(last)
    return last.casefold() in ("basket", "cart") or (entry != last and is_name_of("item", entry))


def _are_ids(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str | int)


def _sign_between(texts: Sequence[str]) -> str:
    """What stands between the items of cells; a blank only where each of them has a digit, as ids have."""
    for sign in _SIGNS:
        holding = [text for text in texts if sign in text.strip()]
        if len(holding) > _USUAL * len(texts) and (sign != " " or all(map(_has_digit, " ".join(holding).split()))):
            return sign
    return ""


def _has_digit(text: str) -> bool:
    return any(character.isdecimal() for character in text)
