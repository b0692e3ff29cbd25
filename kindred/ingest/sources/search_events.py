"""What people search for and click, in the format of User Behavior Insights, as JSON lines.

Rows are told apart one by one, so that their order does not matter:

* an action line of a bulk file ({"index": …}) holds nothing.
* a query document {query_id, client_id, user_query, timestamp} is a search by that client.
* an event {action_name, query_id, client_id, timestamp, user_query, message, event_attributes}: `search` and
  `on_search` are searches for `user_query`, or else for `message`; `click`, `add_to_cart` and `purchase` say that the
  query led to `event_attributes.object.object_id`, the last two also that the client put it into the cart or bought it.

A query document and the events of one search (equal `query_id`, client and text) are one SEARCHED edge, that of the
latest moment. Impressions, hovers, filters, sorting and whatever else is not listed hold nothing for the graph; nor do
events without the text of their query (it may stand in another row, or none) or without a product, and queries that are
only digits, an article number or a link.

Times are milliseconds or ISO 8601. What a product is called is taken as it stands, whatever `object_id_field` says.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from kindred.domain.records import Edge, Node
from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.source import Parsed, Source, Values
from kindred.ingest.sources.search_records import (
    Search,
    added_to_cart,
    bought,
    led_to,
    product_node,
    query_node,
    searched,
    useful_query,
    user_node,
)
from kindred.ingest.values import given, id_of, milliseconds_of, text_of, whole

_SEARCHES = {"search", "on_search"}
_ACQUIRED = {"add_to_cart": added_to_cart, "purchase": bought}
_LEADS = {"click", *_ACQUIRED}
_BULK_ACTIONS = {"index", "create"}
_NOTHING = Parsed(())


def parse_search_event(row: Values) -> Parsed:
    """The records of a query document or an event; none where it holds nothing for the graph.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    if row.get("action_name") is not None:
        return _parse_event(row, text_of(row["action_name"], "action_name"))
    if row.get("user_query") is not None:
        return _parse_search(row, row["user_query"], "user_query")
    if row.keys() <= _BULK_ACTIONS:
        return _NOTHING
    raise BadRecord(Reason.MISSING_VALUE, "neither a query document nor an event: no user_query", "action_name")


def _parse_event(row: Values, action: str) -> Parsed:
    if action in _SEARCHES:
        field = "user_query" if row.get("user_query") else "message"
        return _parse_search(row, row.get(field), field)
    return _parse_lead(row, action) if action in _LEADS else _NOTHING


def _parse_search(row: Values, text: object, field: str) -> Parsed:
    query = useful_query(text_of(text, field))
    if not query:
        return _NOTHING
    edge = searched(_search(row, query))
    return Parsed((edge, user_node(edge.source_id), query_node(query)))


def _parse_lead(row: Values, action: str) -> Parsed:
    attributes = _part(row, "event_attributes")
    product_id = id_of(_part(attributes, "object").get("object_id"))
    query = useful_query(text_of(row.get("user_query"), "user_query"), product_id)
    if not query or product_id is None or product_id == "":
        return _NOTHING
    search = _search(row, query)
    lead = led_to(search, product_id, action, whole(_part(attributes, "position").get("ordinal")))
    records: list[Node | Edge] = [lead, query_node(query), product_node(lead.target_id)]
    if action in _ACQUIRED:
        acquired = _ACQUIRED[action](search, product_id)
        records += [acquired, user_node(acquired.source_id)]
    return Parsed(records)


def _search(row: Values, query: str) -> Search:
    session = row.get("session_id") or _part(row, "event_attributes").get("session_id")
    return Search(
        user_id=id_of(row.get("client_id")),
        query=query,
        at_ms=milliseconds_of(given(row.get("timestamp"), "timestamp"), "timestamp"),
        search_id=id_of(row.get("query_id")) or None,
        session=id_of(session),
    )


def _part(row: Values, field: str) -> Mapping[str, object]:
    """The object in this field; empty where there is none.

    Raises:
        BadRecord: something else is there.
    """
    value = row.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRecord(Reason.WRONG_TYPE, f"an object is wanted, got {type(value).__name__}", field)
    return value


SEARCH_EVENTS = Source(
    columns={
        "action_name": str,
        "query_id": str,
        "client_id": str,
        "session_id": str,
        "timestamp": str,
        "user_query": str,
        "message": str,
        "event_attributes": orjson.loads,
    },
    parse=parse_search_event,
)
