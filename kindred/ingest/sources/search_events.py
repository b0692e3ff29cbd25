"""What people search for and click, in the format of User Behavior Insights or as a plain table.

Rows are told apart one by one, so that their order does not matter:

* a query document {query_id, client_id, user_query, timestamp} is a search by that client.
* an event {action_name, query_id, client_id, timestamp, user_query, message, event_attributes}: `search` and
  `on_search` are searches for `user_query`, or else for `message`; `click` (`item_click`, `click_through` and the
  like), `add_to_cart` and `purchase` say that the query led to `event_attributes.object.object_id`, the last two also
  that the client put it into the cart or bought it. So do the words of Google Analytics and Segment for the same.
  An event that names its query by `query_id` alone is joined to the text in another row of the same files.

A query document and the events of one search (equal `query_id`, client and text) are one SEARCHED edge, that of the
latest time. Impressions, hovers, filters, sorting and whatever else is not listed hold nothing for the graph; nor do
events whose query has no text anywhere or that have no product, and queries that are only digits, an article number or
a link. The summary counts each of these.

A plain table has user, query, time and, where the query led to one, product: such a row is a search and a click, or
what its action says. So are the query logs of AOL (AnonID, Query, QueryTime, ItemRank, ClickURL).

Times are in any form that `times.py` reads. What a product is called is taken as it stands, whatever `object_id_field`
says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache, partial

import orjson

from kindred.domain.records import Edge, Node, Product, User
from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.ids import id_of, id_text_of
from kindred.ingest.cells.numbers import whole_of
from kindred.ingest.cells.texts import text_of
from kindred.ingest.cells.times import milliseconds_of
from kindred.ingest.cells.values import given_time, is_missing, optional
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.sources.search_records import (
    Search,
    added_to_cart,
    bought,
    in_our_names,
    led_to,
    query_node,
    searched,
    useful_query,
)

Texts = Mapping[str, str]  # text of a query by its `query_id`

_SEARCHES = {"search", "on_search"}
_SEARCHES_WITH_WORDS = {"view_search_results", "products_searched"}
"""Searches where the words stand beside them; in User Behavior Insights it is a list of results that is seen."""
_ACQUIRED = {"add_to_cart": added_to_cart, "purchase": bought, "product_added": added_to_cart}
_CLICKS = {"click", "item_click", "product_click", "result_click", "click_through", "select_item", "product_clicked"}
_LEADS = {*_CLICKS, *_ACQUIRED}
_NO_TEXT = "no text of the query, here or under its query_id"
_NO_PRODUCT = "no product"
_COLUMNS = {
    **{"source_id": "client_id", "target_id": "event_attributes.object.object_id"},
    **{"at": "timestamp", "query": "user_query"},
}
_NAMES = {
    "client_id": ("user", "user_id", "AnonID"),
    "user_query": ("query", "search_term"),
    "timestamp": ("time", "QueryTime"),
    "action_name": ("action",),
    "product": ("product_id", "ClickURL"),
    "position": ("ItemRank",),
}
_ACTION_CHARACTERS = 40
_BETWEEN_WORDS = re.compile(r"[\s-]+|(?<=[a-z])(?=[A-Z])")


def parse_search_event(row: Values, texts: Texts | None = None) -> Parsed:
    """The records of a query document or an event; none where it holds nothing for the graph.

    Args:
        row: the document or event.
        texts: of the queries that stand in other rows.

    Raises:
        BadRecord: the row can't be used.
    """
    row = in_our_names(row, _NAMES)
    if not is_missing(row.get("action_name")):
        return _parse_event(row, text_of(row["action_name"], "action_name"), texts or {})
    if "user_query" in row:
        text = text_of(row["user_query"], "user_query")
        return _parse_search(row, text) if is_missing(row.get("product")) else _parse_lead(row, "click", text)
    raise BadRecord(
        Reason.MISSING_VALUE, "neither an event (action_name, action) nor a query (user_query, query)", "action_name"
    )


def _parse_event(row: Values, named: str, texts: Texts) -> Parsed:
    action, text = _action_of(named), text_of(row.get("user_query"), "user_query")
    if action in _SEARCHES_WITH_WORDS and text:
        action = "search"
    if action not in _SEARCHES and action not in _LEADS:
        return Parsed((), skipped=f"{named[:_ACTION_CHARACTERS]} event")
    if action in _SEARCHES:
        text = text or text_of(row.get("message"), "message")
    text = text or texts.get(id_of(row.get("query_id"), "query_id") or "", "")
    return _parse_search(row, text) if action in _SEARCHES else _parse_lead(row, action, text)


@lru_cache(1_000)
def _action_of(named: str) -> str:
    """The action as User Behavior Insights writes it: `Add to cart` and `addToCart` are `add_to_cart`."""
    return _BETWEEN_WORDS.sub("_", named.strip()).casefold()


def _parse_search(row: Values, text: str) -> Parsed:
    query, useless = useful_query(text)
    if useless:
        return Parsed((), skipped=useless if text.strip() else _NO_TEXT)
    notes: list[str] = []
    edge = searched(_search(row, query, notes))
    return Parsed((edge, node_of(User, edge.source_id), query_node(query)), notes)


def _parse_lead(row: Values, action: str, text: str) -> Parsed:
    attributes = _part(row, "event_attributes")
    of_table = not is_missing(row.get("product"))
    object_id = row["product"] if of_table else _part(attributes, "object").get("object_id")
    product_id = id_of(object_id, _COLUMNS["target_id"])
    if not product_id:
        return Parsed((), skipped=_NO_PRODUCT)
    query, useless = useful_query(text, product_id)
    if useless:
        return Parsed((), skipped=useless if text.strip() else _NO_TEXT)
    notes: list[str] = []
    search = _search(row, query, notes)
    action = "click" if action in _CLICKS else "add_to_cart" if action == "product_added" else action
    if of_table:
        position = optional(whole_of, row.get("position"), "position", notes)
    else:
        position = optional(_ordinal, attributes, "event_attributes.position", notes)
    lead = led_to(search, product_id, action, position)
    records: list[Node | Edge] = [lead, query_node(query), node_of(Product, lead.target_id)]
    if of_table:  # which has no rows for searches beside
        edge = searched(search)
        records += [edge, node_of(User, edge.source_id)]
    if action in _ACQUIRED:
        acquired = _ACQUIRED[action](search, product_id)
        records += [acquired, node_of(User, acquired.source_id)]
    return Parsed(records, notes)


def _ordinal(attributes: object, field: str) -> int | None:
    position = _part(attributes, "position") if isinstance(attributes, dict) else {}
    return whole_of(position.get("ordinal"), field)


def _search(row: Values, query: str, notes: list[str]) -> Search:
    session = row.get("session_id") or _part(row, "event_attributes").get("session_id")
    return Search(
        user_id=id_of(row.get("client_id"), "client_id"),
        query=query,
        at_ms=given_time(milliseconds_of(row.get("timestamp"), "timestamp"), "timestamp"),
        search_id=id_of(row.get("query_id"), "query_id") or None,
        session=optional(id_text_of, session, "session_id", notes),
        columns=_COLUMNS,
    )


def _part(row: Values, field: str) -> Mapping[str, object]:
    """The object in this field, or printed into it as JSON; empty where there is none.

    Raises:
        BadRecord: something else is there.
    """
    value = row.get(field)
    if is_missing(value):
        return {}
    if isinstance(value, (str, bytes)):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise BadRecord(Reason.WRONG_TYPE, f"an object is wanted, got {shown(value)}", field) from error
    if not isinstance(value, dict):
        raise BadRecord(Reason.WRONG_TYPE, f"an object is wanted, got {shown(value)}", field)
    return value


def _with_texts(rows: Iterable[Row]) -> Source:
    """The source that knows the texts of the queries in these rows."""
    texts: dict[str, str] = {}
    for row in rows:
        if isinstance(row.value, dict):
            found = in_our_names(row.value, _NAMES)
            query_id, text = found.get("query_id"), found.get("user_query")
            if isinstance(text, str) and text and not is_missing(query_id):
                texts.setdefault(str(id_of(query_id, "query_id")), text_of(text, "user_query"))
    return replace(SEARCH_EVENTS, parse=partial(parse_search_event, texts=texts), prepare=None)


SEARCH_EVENTS = Source(
    columns=(
        *("action_name", "query_id", "client_id", "session_id"),
        *("timestamp", "user_query", "message", "event_attributes"),
        *(name for names in _NAMES.values() for name in names),
        *("product", "position"),
    ),
    wanted={"query": ("user_query", *_NAMES["user_query"], "action_name", *_NAMES["action_name"])},
    times=("timestamp", *_NAMES["timestamp"]),
    useful={"product": ("product", *_NAMES["product"], "event_attributes")},
    parse=parse_search_event,
    prepare=_with_texts,
)
