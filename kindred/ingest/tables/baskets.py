"""Cells that hold several items of one user: a basket, a list that was printed, the ids of one event."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kindred.ingest.cells.texts import listed
from kindred.ingest.tables.column_names import is_name_of
from kindred.ingest.tables.table_head import Head

_SIGNS = ("|", ";", ",", " ")
_OF_LISTS = re.compile(r"(?:_?(?:list|set|bag|basket|cart)|s)$", re.IGNORECASE)
_USUAL = 0.2  # share of cells that have the sign: baskets of one item have none


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
        if any(_are_ids(listed(value)) for value in values):
            return name, ""
        texts = [value for value in values if isinstance(value, str)]
        if _holds_items(name) and (sign := _sign_between(texts)):
            return name, sign
    return None


def _holds_items(name: str) -> bool:
    """Whether the column is called as one that holds several items: `items`, `product_ids`, `itemList`, `basket`."""
    last = name.rpartition(".")[2]
    found = _OF_LISTS.search(last)
    return last.casefold() in ("basket", "cart") or bool(found and is_name_of("item", last[: found.start()]))


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
