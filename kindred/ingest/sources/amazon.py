"""Product reviews and product metadata as Amazon's public data sets hold them, and in a flat layout.

Reviews, told apart row by row:

* 2014: reviewerID, asin, overall, reviewText, summary, unixReviewTime. 2018 adds verified. Names of reviewers, votes,
  images and styles are left out: nothing here needs them, and names are personal.
* flat: reviewID (the event id), nickname (the user: this layout has no other), asin, ProductName (the title),
  TextReview and Style (the category). It has neither stars nor time: both stay unknown, but where a row has `overall`
  or `unixReviewTime` all the same.

Metadata:

* 2014: asin, title, description, brand, categories [[…], …]; also as lines of Python dictionaries, the form of the
  original files.
* 2018: the same with category […] and description […].

A text that is missing is empty, an id that is missing makes the row bad. Names and texts are brought to Unicode form
NFC; ids stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from kindred.domain.records import Brand, Category, Edge, InCategory, MadeBy, Node, Product, Reviewed, User, content_id
from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.json_lines import decode_json, decode_json_or_literal
from kindred.ingest.source import Parsed, Source, Values
from kindred.ingest.values import (
    NO_RATING,
    NO_TIME,
    cell_list,
    cell_number,
    cell_truth,
    given,
    name_of,
    text_of,
    texts_of,
    whole,
)

RATING_SCALE = (1.0, 5.0)  # stars

_REMEMBERED = 50_000  # nodes that are kept ready, because reviews name the same users and products again and again


def parse_review(row: Values) -> Parsed:
    """The review, its user and its product.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    if "reviewerID" not in row and ("nickname" in row or "reviewID" in row):
        return _parse_flat_review(row)
    user_id, product_id = row.get("reviewerID"), row.get("asin")
    at, text = whole(row.get("unixReviewTime")), text_of(row.get("reviewText"), "reviewText")
    for field in ("overall", "unixReviewTime"):
        given(row.get(field), field)
    review = Reviewed.model_validate(
        {
            "event_id": _event_id(user_id, product_id, at, text),
            "source_id": user_id,
            "target_id": product_id,
            "at": at,
            "rating": _stars(row.get("overall")),
            "verified": row.get("verified"),
            "summary": text_of(row.get("summary"), "summary"),
            "text": text,
        },
        strict=True,
    )
    return Parsed((review, _user(review.source_id), _product(review.target_id)))


def _parse_flat_review(row: Values) -> Parsed:
    user_id, product_id = row.get("nickname"), row.get("asin")
    text, at = text_of(row.get("TextReview"), "TextReview"), whole(row.get("unixReviewTime"))
    rating, event_id = row.get("overall"), row.get("reviewID")
    notes = [note for note, value in ((NO_RATING, rating), (NO_TIME, at)) if value is None]
    review = Reviewed.model_validate(
        {
            "event_id": _event_id(user_id, product_id, at, text) if event_id is None else event_id,
            "source_id": user_id,
            "target_id": product_id,
            "at": at,
            "rating": _stars(rating),
            "verified": row.get("verified"),
            "summary": text_of(row.get("summary"), "summary"),
            "text": text,
        },
        strict=True,
    )
    product = _product(review.target_id, text_of(row.get("ProductName"), "ProductName") or None)
    return Parsed(
        (review, _user(review.source_id), product, *_in_categories(product.id, row.get("Style"), "Style")), notes
    )


def parse_metadata(row: Values) -> Parsed:
    """The product, its categories and its brand.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    product = Product.model_validate(
        {
            "id": row.get("asin"),
            "title": text_of(row.get("title"), "title") or None,
            "description": "\n".join(texts_of(row.get("description"), "description")) or None,
        },
        strict=True,
    )
    field = "categories" if "categories" in row else "category"
    records: list[Node | Edge] = [product, *_in_categories(product.id, row.get(field), field)]
    if brand := name_of(text_of(row.get("brand"), "brand")):
        event_id = content_id(product.id, brand)
        records += [_brand(brand), MadeBy(event_id=event_id, source_id=product.id, target_id=brand)]
    return Parsed(records)


def _stars(value: object) -> object:
    """The rating, checked against the scale of this source; what is no number is left to the record class.

    Raises:
        BadRecord: it is outside the scale.
    """
    lowest, highest = RATING_SCALE
    if isinstance(value, (int, float)) and not lowest <= value <= highest:
        raise BadRecord(Reason.OUT_OF_RANGE, f"1 to 5 stars are wanted, got {value}", "overall")
    return value


def _event_id(user_id: object, product_id: object, at: object, text: str) -> str:
    """The key of a review that came without one; the record class refuses parts of another type, so they need none."""
    if isinstance(user_id, str) and isinstance(product_id, str) and (at is None or isinstance(at, int)):
        return content_id(user_id, product_id, str(at), text)
    return "none"


def _in_categories(product_id: str, value: object, field: str) -> Iterable[Node | Edge]:
    names = dict.fromkeys(name for text in texts_of(value, field) if (name := name_of(text)))
    for name in names:
        yield _category(name)
        yield InCategory(event_id=content_id(product_id, name), source_id=product_id, target_id=name)


@lru_cache(_REMEMBERED)
def _user(user_id: str) -> User:
    return User(id=user_id)


@lru_cache(_REMEMBERED)
def _product(product_id: str, title: str | None = None) -> Product:
    return Product(id=product_id, title=title)


@lru_cache(_REMEMBERED)
def _category(name: str) -> Category:
    return Category(id=name)


@lru_cache(_REMEMBERED)
def _brand(name: str) -> Brand:
    return Brand(id=name)


REVIEWS = Source(
    columns={
        "reviewerID": str,
        "asin": str,
        "overall": cell_number,
        "unixReviewTime": cell_number,
        "reviewText": str,
        "summary": str,
        "verified": cell_truth,
        "reviewID": str,
        "nickname": str,
        "ProductName": str,
        "TextReview": str,
        "Style": cell_list,
    },
    parse=parse_review,
    decode=decode_json,
)
METADATA = Source(
    columns={
        "asin": str,
        "title": str,
        "description": cell_list,
        "brand": str,
        "categories": cell_list,
        "category": cell_list,
    },
    parse=parse_metadata,
    decode=decode_json_or_literal,
)
