"""Orders with the searches that came before them, as JSON lines, CSV or Parquet: user, query, time, product.

A row is one query that led to one product; a product found by several queries has a row for each, and is bought once
where user, product and time agree. `time` is in any form that `times.py` reads. Left out, as nothing can be learnt from
them, are rows without the text of a query, rows whose query contains that product's id, and rows whose query is only
digits, an article number or a link; the summary counts each rule.
"""

from __future__ import annotations

from kindred.domain.records import Product, User
from kindred.ingest.cells.ids import id_of
from kindred.ingest.cells.texts import text_of
from kindred.ingest.cells.times import milliseconds_of
from kindred.ingest.cells.values import given_time
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.sources.search_records import (
    Search,
    bought,
    in_our_names,
    led_to,
    query_node,
    searched,
    useful_query,
)

_ACTION = "purchase"
_COLUMNS = {"source_id": "user", "target_id": "product", "at": "time", "query": "query"}
_NAMES = {
    "user": ("user", "user_id"),
    "query": ("query", "search_term"),
    "time": ("time", "timestamp"),
    "product": ("product", "product_id"),
}


def parse_order(row: Values) -> Parsed:
    """The way from the query to the product, the purchase, and the search; none where nothing can be learnt from it.

    Raises:
        BadRecord: the row can't be used.
    """
    row = in_our_names(row, _NAMES)
    text, product_id = text_of(row.get("query"), "query"), id_of(row.get("product"), "product")
    at_ms = given_time(milliseconds_of(row.get("time"), "time"), "time")
    query, useless = useful_query(text, product_id)
    if useless:
        return Parsed((), skipped=useless)
    search = Search(id_of(row.get("user"), "user"), query, at_ms, columns=_COLUMNS)
    lead, purchase, search_edge = (
        led_to(search, product_id, _ACTION),
        bought(search, product_id),
        searched(search),
    )
    nodes = (query_node(search.query), node_of(Product, lead.target_id), node_of(User, purchase.source_id))
    return Parsed((lead, purchase, search_edge, *nodes))


ORDERS = Source(
    columns=tuple(name for names in _NAMES.values() for name in names),
    parse=parse_order,
    wanted=_NAMES,
    instead={"product": "--events reads searches that led to none"},
)
