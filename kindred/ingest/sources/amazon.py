"""Product reviews and product metadata as Amazon's public data sets hold them, and in a flat layout.

Reviews, told apart row by row:

* 2014: reviewerID, asin, overall, reviewText, summary, unixReviewTime (or reviewTime). 2018 adds verified.
* 2023: user_id, parent_asin (the product; asin is a variant of it), rating, text, title (the summary), timestamp in
  milliseconds, verified_purchase.
* SNAP, paragraphs of lines such as `review/userId: A1`: the editions before 2014, among them Fine Foods.
* flat: reviewID (the event id), nickname (the user: this layout has no other), asin, ProductName (the title),
  TextReview and Style (the category). It has neither stars nor time.

Names of reviewers, votes, images and styles are left out: nothing here needs them, and names are personal. A time that
is missing is unknown, and so are stars of a file that has no column for them; where it has one, a row without is bad.

Metadata:

* 2014: asin, title, description, brand, categories [[…], …].
* 2018: the same with category […] and description […]. 2023: parent_asin, store (the brand), features.
* all of them: price, a number or as `$12.99`; and in_stock, true or false, where a shop adds it.

Any of them may be lines of Python dictionaries, the form of the original files. A text that is missing is empty, an id
that is missing makes the row bad; a title, description, brand or category that can't be used costs itself alone. Names
and texts are brought to Unicode form NFC, their HTML entities decoded; ids stay as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from pydantic import ValidationError

from kindred.domain.records import Brand, Category, Edge, InCategory, MadeBy, Node, Product, Reviewed, User, content_id
from kindred.ingest.cells.bad_records import BadRecord, Reason, bad_record, checked, shown
from kindred.ingest.cells.ids import id_of, known_id_of
from kindred.ingest.cells.numbers import price_of
from kindred.ingest.cells.ratings import rating_of
from kindred.ingest.cells.texts import long_text_of, name_in, parts_of, raw_text_of, short_text_of, text_of
from kindred.ingest.cells.times import seconds_of
from kindred.ingest.cells.values import NO_RATING, given, is_missing, optional, time_or_note, truth_of
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.source import Parsed, Source, Values

RATING_SCALE = (1.0, 5.0)  # stars

_REMEMBERED = 50_000  # nodes that are kept ready, because reviews name the same users and products again and again


class _Layout(NamedTuple):
    """What one edition calls the columns of a review."""

    user: str
    product: str
    rating: str
    time: str
    text: str
    summary: str
    verified: str


_OF_2014 = _Layout("reviewerID", "asin", "overall", "unixReviewTime", "reviewText", "summary", "verified")
_OF_2014_BY_DATE = _Layout("reviewerID", "asin", "overall", "reviewTime", "reviewText", "summary", "verified")
_OF_2023 = _Layout("user_id", "parent_asin", "rating", "timestamp", "text", "title", "verified_purchase")
_OF_2023_VARIANTS = _Layout("user_id", "asin", "rating", "timestamp", "text", "title", "verified_purchase")
_OF_SNAP = _Layout(
    *("review/userId", "product/productId", "review/score", "review/time", "review/text", "review/summary"), "verified"
)
_FLAT = _Layout("nickname", "asin", "overall", "unixReviewTime", "TextReview", "summary", "verified")
# The column of each property of the record, for messages.
_COLUMNS = {
    layout: dict(zip(("source_id", "target_id", "rating", "at", "text"), layout, strict=False))
    for layout in (_OF_2014, _OF_2014_BY_DATE, _OF_2023, _OF_2023_VARIANTS, _OF_SNAP, _FLAT)
}


def _layout_of(row: Values) -> _Layout:
    if "reviewerID" in row:
        at = row.get("unixReviewTime")
        has_time = (type(at) is int and at > 0) or "reviewTime" not in row
        return _OF_2014 if has_time or seconds_of(at, "unixReviewTime") is not None else _OF_2014_BY_DATE
    if "user_id" in row:
        return _OF_2023_VARIANTS if is_missing(row.get("parent_asin")) and "asin" in row else _OF_2023
    if "review/userId" in row:
        return _OF_SNAP
    return _FLAT if "nickname" in row or "reviewID" in row else _OF_2014


def parse_review(row: Values) -> Parsed:
    """The review, its user and its product.

    Raises:
        BadRecord: the row can't be used.
    """
    layout = _layout_of(row)
    notes: list[str] = []
    user, product, _, _, text_field, summary, verified = layout
    user_id, product_id = known_id_of(row.get(user), user), known_id_of(row.get(product), product)
    text, at = raw_text_of(row.get(text_field), text_field), _time(row, layout, notes)
    event_id = id_of(row.get("reviewID"), "reviewID") if layout is _FLAT else None
    is_plain = text.isascii()
    values = {
        "event_id": event_id
        or content_id(str(user_id), str(product_id), str(at), text if is_plain else _as_keyed(text)),
        "source_id": user_id,
        "target_id": product_id,
        "at": at,
        "rating": _stars(row, layout, notes),
        "verified": None if row.get(verified) is None else optional(truth_of, row[verified], verified, notes),
        "summary": optional(short_text_of, row.get(summary), summary, notes) or "",
        "text": text if is_plain and "&" not in text else text_of(text, text_field),
    }
    try:
        review = Reviewed.model_validate(values, strict=True)
    except ValidationError as error:
        raise bad_record(error, _COLUMNS[layout]) from error
    if layout is _OF_SNAP:
        title = optional(short_text_of, row.get("product/title"), "product/title", notes)
        return Parsed((review, node_of(User, review.source_id), _product(review.target_id, title)), notes)
    if layout is not _FLAT:
        return Parsed((review, node_of(User, review.source_id), _product(review.target_id)), notes or ())
    product_node = _product(review.target_id, optional(short_text_of, row.get("ProductName"), "ProductName", notes))
    categories = _in_categories(product_node.id, row.get("Style"), "Style", notes)
    return Parsed((review, node_of(User, review.source_id), product_node, *categories), notes)


def _as_keyed(text: str) -> str:
    """The text as it stands in the key of a review: in form NFC, its entities as they are."""
    return unicodedata.normalize("NFC", text)


def _time(row: Values, layout: _Layout, notes: list[str]) -> int | None:
    column = layout.time if layout.time in row else _TIMES[0]  # what who names a column says in every edition
    return time_or_note(seconds_of(row.get(column), column), notes)


def _stars(row: Values, layout: _Layout, notes: list[str]) -> float | None:
    """The rating, checked against the scale of this source; None where the file has none.

    Raises:
        BadRecord: it is missing, or outside the scale.
    """
    field = layout.rating
    lowest, highest = RATING_SCALE
    value = row.get(field)
    if type(value) is float and lowest <= value <= highest:  # most are, and that is their cost
        return value
    if field not in row or (layout is _FLAT and is_missing(value)):
        notes.append(NO_RATING)
        return None
    number, scale = rating_of(value, field)
    stars = given(number, field)
    is_other = scale not in ("", f"{highest:g}")
    if is_other or not lowest <= stars <= highest:
        reason = Reason.WRONG_TYPE if is_other else Reason.OUT_OF_RANGE
        raise BadRecord(reason, f"{lowest:g} to {highest:g} stars are wanted, got {shown(value)}", field)
    return stars


def parse_metadata(row: Values) -> Parsed:
    """The product, its categories and its brand.

    Raises:
        BadRecord: the row can't be used.
    """
    notes: list[str] = []
    id_field = "asin" if is_missing(row.get("parent_asin")) else "parent_asin"
    product = checked(
        Product,
        {
            "id": known_id_of(row.get(id_field), id_field),
            "title": optional(short_text_of, row.get("title"), "title", notes),
            "description": optional(long_text_of, row.get("description") or row.get("features"), "description", notes),
            "price": optional(price_of, row.get("price"), "price", notes),
            "in_stock": optional(truth_of, row.get("in_stock"), "in_stock", notes),
        },
        {"id": id_field},
    )
    field = next((name for name in ("categories", "category") if row.get(name)), "main_category")
    records: list[Node | Edge] = [product, *_in_categories(product.id, row.get(field), field, notes)]
    brand_field = "store" if is_missing(row.get("brand")) else "brand"
    if brand := optional(name_in, row.get(brand_field), brand_field, notes):
        event_id = content_id(product.id, brand)
        records += [node_of(Brand, brand), MadeBy(event_id=event_id, source_id=product.id, target_id=brand)]
    return Parsed(records, notes)


def _in_categories(product_id: str, value: object, field: str, notes: list[str]) -> Iterable[Node | Edge]:
    for name in dict.fromkeys(optional(name_in, part, field, notes) for part in parts_of(value)):
        if name:
            yield node_of(Category, name)
            yield InCategory(event_id=content_id(product_id, name), source_id=product_id, target_id=name)


@lru_cache(_REMEMBERED)
def _product(product_id: str, title: str | None = None) -> Product:
    return Product(id=product_id, title=title)


_USER = ("reviewerID", "user_id", "nickname")
_PRODUCT = ("asin", "parent_asin")
_RATING = ("overall", "rating")
_TIMES = ("timestamp", "unixReviewTime", "reviewTime")
REVIEWS = Source(
    columns=(
        *_USER,
        *_PRODUCT,
        *_RATING,
        *_TIMES,
        *("reviewText", "summary", "verified"),
        *("text", "title", "verified_purchase"),
        *("reviewID", "ProductName", "TextReview", "Style"),
        *(_OF_SNAP[:-1]),
        "product/title",
    ),
    parse=parse_review,
    wanted={"user": (*_USER, _OF_SNAP.user), "product": (*_PRODUCT, _OF_SNAP.product)},
    times=(*_TIMES, _OF_SNAP.time),
    optional=_RATING,
)
METADATA = Source(
    columns=(
        *_PRODUCT,
        "title",
        "description",
        "features",
        "brand",
        "store",
        "categories",
        "category",
        "main_category",
        "price",
        "in_stock",
    ),
    parse=parse_metadata,
    wanted={"product": _PRODUCT},
)
