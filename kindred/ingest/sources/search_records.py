"""Records of searches, the same from whichever source, so that one purchase in two of them stays one edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from kindred.domain.queries import contains_id, query_id, wordless_form
from kindred.domain.records import AddedToCart, Bought, LedTo, Query, Searched, content_id
from kindred.ingest.cells.bad_records import checked
from kindred.ingest.formats.source import Values

_REMEMBERED = 50_000  # nodes that are kept ready, because events name the same ones again and again


@dataclass(frozen=True)
class Search:
    """A user's search, as the source names its parts: what is no id is refused by the record classes.

    Attributes:
        query: a `query_id`.
        at_ms: the time of what is told of the search, milliseconds UTC.
        search_id: what the source calls this one search; without it the time tells it from others.
        columns: what the source calls properties, and under `query` the text of the query, for messages.
    """

    user_id: object
    query: str
    at_ms: int | None
    search_id: object = None
    session: object = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def at(self) -> int | None:
        """The time in seconds UTC."""
        return None if self.at_ms is None else self.at_ms // 1000

    @property
    def key(self) -> str:
        """Which search it is, by user, query and the source's name for it or else the time."""
        told_apart_by = self.at_ms if self.search_id is None else self.search_id
        return "\x1f".join(map(str, (self.user_id, self.query, told_apart_by)))


def in_our_names(row: Values, names: Mapping[str, Sequence[str]]) -> Values:
    """The row, with what stands in the first of these columns by our name for them, where it has none of that name."""
    found = {own: next((name for name in theirs if name in row), own) for own, theirs in names.items()}
    return {**row, **{own: row[name] for own, name in found.items() if own not in row and name != own}}


def useful_query(text: str, product_id: object = None) -> tuple[str, str]:
    """The `query_id` of the text; and, where nothing is to be learnt from it, an empty one with the reason.

    Nothing is learnt from a query without text, from a link, digits or an article number, and from one that contains
    the id of the product it led to.
    """
    query = query_id(text)
    if not query:
        return "", "a query without text"
    if form := wordless_form(query):
        return "", f"a query that is {form}"
    if isinstance(product_id, str) and contains_id(query, product_id):
        return "", "a query that contains the product's id"
    return query, ""


def searched(search: Search) -> Searched:
    """The user typed the query."""
    return checked(
        Searched,
        {
            "event_id": content_id("searched", search.key),
            "source_id": search.user_id,
            "target_id": search.query,
            "at": search.at,
            "session": search.session,
        },
        {**search.columns, "target_id": search.columns.get("query", "query")},
    )


def led_to(search: Search, product_id: object, action: str, position: object = None) -> LedTo:
    """The query led to the product."""
    return checked(
        LedTo,
        {
            "event_id": content_id("led to", search.key, str(product_id), action, str(search.at_ms)),
            "source_id": search.query,
            "target_id": product_id,
            "at": search.at,
            "action": action,
            "position": position,
        },
        {**search.columns, "source_id": search.columns.get("query", "query")},
    )


def bought(search: Search, product_id: object) -> Bought:
    """The user bought the product; which query led there is not part of its key."""
    return checked(Bought, _acquired(search, product_id, "purchase"), search.columns)


def added_to_cart(search: Search, product_id: object) -> AddedToCart:
    """The user put the product into the cart; which query led there is not part of its key."""
    return checked(AddedToCart, _acquired(search, product_id, "add_to_cart"), search.columns)


def _acquired(search: Search, product_id: object, action: str) -> dict[str, object]:
    return {
        "event_id": content_id("bought", str(search.user_id), str(product_id), action, str(search.at_ms)),
        "source_id": search.user_id,
        "target_id": product_id,
        "at": search.at,
    }


@lru_cache(_REMEMBERED)
def query_node(query: str) -> Query:
    """The node of a `query_id`."""
    return Query(id=query, text=query)
