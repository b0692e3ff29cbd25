"""The shopping queries data set (ESCI): graded judgments of products for queries, and the products.

* judgments: one JSON document {"judgmentRatings": [{"query", "ratings": [{"docId", "rating"}]}]}, whose rows are its
  judgments; or JSON lines, CSV or Parquet with query, product_id and esci_label (E exact, S substitute or partial,
  C complement, I irrelevant, or a grade that is a number) or `rating`, a number.
* products: JSON lines, CSV or Parquet with asin, title, description, bullet_points, brand, category […]; or with the
  names of the original files (product_id, product_title …). The bullet points follow the description, and stand for it
  where it is empty.

The original files hold products of several locales (`product_locale`: us, es, jp), some under one id with a title in
each language. One locale is loaded, that of the first row unless another is named; the summary says which.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import orjson

from kindred.domain.errors import RecordError
from kindred.domain.queries import query_id
from kindred.domain.records import Judged, Product, content_id
from kindred.ingest.cells.bad_records import BadRecord, Reason, checked, shown
from kindred.ingest.cells.ids import id_of
from kindred.ingest.cells.numbers import count_of
from kindred.ingest.cells.texts import text_of
from kindred.ingest.cells.values import is_missing
from kindred.ingest.formats.json_lines import is_document, read_document
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.sources import amazon
from kindred.ingest.sources.search_records import query_node

_GAINS = {
    **{"E": 100.0, "S": 10.0, "C": 1.0, "I": 0.0},
    **{"EXACT": 100.0, "SUBSTITUTE": 10.0, "PARTIAL": 10.0, "COMPLEMENT": 1.0, "IRRELEVANT": 0.0},
}
_LOCALE = "product_locale"
_DOCUMENT_KEY = "judgmentRatings"
_AMAZON_NAMES = {
    "product_id": "asin",
    "product_title": "title",
    "product_description": "description",
    "product_bullet_point": "bullet_points",
    "product_brand": "brand",
}


class Locale:
    """Which locale is loaded: the one that was named, or else the first that comes; judgments and products agree."""

    def __init__(self, name: str = "") -> None:
        self.name = name.strip().lower()

    def other(self, row: Values) -> str:
        """Why a row of another locale is skipped; empty where it is of this one, or says nothing of it."""
        found = text_of(row.get(_LOCALE), _LOCALE).strip().lower()
        if not found:
            return ""
        self.name = self.name or found
        return "" if found == self.name else f"locale {found[:20]}, {self.name} is loaded (--locale)"


def parse_judgment(row: Values, locale: Locale | None = None) -> Parsed:
    """The judgment, its query and its product.

    Raises:
        BadRecord: the row can't be used.
    """
    if locale and (other := locale.other(row)):
        return Parsed((), skipped=other)
    query = query_id(text_of(row.get("query"), "query"))
    product_id = id_of(row.get("product_id"), "product_id")
    judged = checked(
        Judged,
        {
            "event_id": content_id(query, str(product_id)),
            "source_id": query,
            "target_id": product_id,
            "gain": _gain(row),
        },
        {"source_id": "query", "target_id": "product_id"},
    )
    return Parsed((judged, query_node(query), node_of(Product, judged.target_id)))


def _gain(row: Values) -> float:
    """What the label is worth, or the rating."""
    if not is_missing(label := row.get("esci_label")):
        gain = _GAINS.get(label.strip().upper()) if isinstance(label, str) else None
        return _grade(label) if gain is None else gain
    rating = count_of(row.get("rating"), "rating")
    if rating is None:
        raise BadRecord(Reason.MISSING_VALUE, "neither esci_label nor rating", "esci_label")
    return float(rating)


def _grade(label: object) -> float:
    """A label that is a number."""
    with suppress(BadRecord):
        if (grade := count_of(label, "esci_label")) is not None:
            return float(grade)
    raise BadRecord(Reason.OUT_OF_RANGE, f"a label is E, S, C, I or a number, got {shown(label)}", "esci_label")


def read_judgments(content: io.BufferedReader, _: Source | None = None) -> Iterator[Row] | None:
    """The judgments of one JSON document, numbered from 1; None where the content is a file of lines.

    Raises:
        RecordError: the document can't be read.
    """
    if not is_document(content, _DOCUMENT_KEY):
        return None
    return _judgments(read_document(content, _DOCUMENT_KEY, "judgments", "write one judgment a line"))


def _judgments(queries: object) -> Iterator[Row]:
    if not isinstance(queries, list):
        raise RecordError(f"{_DOCUMENT_KEY} is no list", "check that the file holds judgments")
    number = 0
    for entry in queries:
        ratings = entry.get("ratings") if isinstance(entry, dict) else None
        if not isinstance(ratings, list):
            number += 1
            raw = orjson.dumps(entry)
            yield Row(number, raw, len(raw), BadRecord(Reason.MISSING_VALUE, "a query without ratings", "ratings"))
            continue
        for rating in ratings:
            number += 1
            yield _judgment(number, entry.get("query"), rating)


def _judgment(number: int, query: object, rating: object) -> Row:
    raw = orjson.dumps({"query": query, "rating": rating})
    if not isinstance(rating, dict):
        return Row(number, raw, len(raw), BadRecord(Reason.NOT_AN_OBJECT, f"a {type(rating).__name__}"))
    values = {"query": query, "product_id": rating.get("docId"), "rating": rating.get("rating")}
    return Row(number, raw, len(raw), values)


def parse_product(row: Values, locale: Locale | None = None) -> Parsed:
    """The product, its categories and its brand.

    Raises:
        BadRecord: the row can't be used.
    """
    if locale and (other := locale.other(row)):
        return Parsed((), skipped=other)
    product = {_AMAZON_NAMES.get(name, name): value for name, value in row.items()}
    texts = [value for name in ("description", "bullet_points") if not is_missing(value := product.get(name))]
    product["description"] = [part for text in texts for part in (text if isinstance(text, list) else [text])]
    return amazon.parse_metadata(product)


def judgments_source(locale: Locale) -> Source:
    """Judgments of one locale."""
    return Source(
        columns=("query", "product_id", "esci_label", "rating", _LOCALE),
        parse=partial(parse_judgment, locale=locale),
        wanted={"query": ("query",), "product": ("product_id",), "rating": ("esci_label", "rating")},
        read=read_judgments,
    )


def products_source(locale: Locale) -> Source:
    """Products of one locale."""
    return Source(
        columns=(*amazon.METADATA.columns, *_AMAZON_NAMES, "bullet_points", _LOCALE),
        parse=partial(parse_product, locale=locale),
        wanted={"product": ("product_id", "asin", "parent_asin")},
    )
