"""Each layout, and what is done with what is missing."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from pydantic import ValidationError

from kindred.domain.records import Brand, Category, InCategory, MadeBy, Product, Reviewed, User
from kindred.ingest.bad_records import BadRecord, Reason, bad_record
from kindred.ingest.sources.amazon import METADATA, REVIEWS, parse_metadata, parse_review
from tests.ingest.conftest import review

FLAT = {
    "reviewID": "r1",
    "nickname": "someone",
    "ProductName": "A name",
    "TextReview": "Words",
    "Style": "Ropes  &\nKnots",
    "asin": "p1",
}


def the_review(row: dict[str, Any]) -> Reviewed:
    about = parse_review(row).records[0]
    assert isinstance(about, Reviewed)
    return about


def reason_of(row: dict[str, Any]) -> tuple[Reason, str]:
    with pytest.raises((BadRecord, ValidationError)) as caught:
        parse_review(row)
    bad = bad_record(caught.value) if isinstance(caught.value, ValidationError) else caught.value
    assert isinstance(bad, BadRecord)
    return bad.reason, bad.field


def test_a_review_of_2014() -> None:
    row = review(7)
    found, user, product = parse_review(row).records
    assert (user, product) == (User(id=row["reviewerID"]), Product(id=row["asin"]))
    assert isinstance(found, Reviewed)
    assert (found.source_id, found.target_id, found.rating) == (row["reviewerID"], row["asin"], row["overall"])
    assert (found.at, found.text, found.summary) == (row["unixReviewTime"], row["reviewText"], row["summary"])
    assert found.verified is None
    assert "A Name" not in str(parse_review(row))


def test_a_review_of_2018_keeps_whether_it_is_verified() -> None:
    row = review(7, verified=True, vote="1,002", image=["x.jpg"], style={"Colour:": " Red"})
    assert the_review(row).verified is True
    assert the_review(row).event_id == the_review(review(7)).event_id


def test_the_event_id_is_the_content_and_nothing_else() -> None:
    same = the_review(review(7))
    assert (
        the_review(review(7, reviewerName="B", helpful=[5, 5], unixReviewTime=float(same.at))).event_id == same.event_id
    )
    for change in ({"reviewerID": "V"}, {"asin": "Q"}, {"unixReviewTime": same.at + 1}, {"reviewText": "other"}):
        assert the_review(review(7, **change)).event_id != same.event_id


def test_texts_are_brought_to_one_unicode_form() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Café ñandú") for form in ("NFC", "NFD"))
    assert the_review(review(1, reviewText=decomposed)) == the_review(review(1, reviewText=composed))
    assert the_review(review(1, summary=decomposed)).summary == composed


def test_a_missing_text_is_empty() -> None:
    row = review(1)
    del row["reviewText"], row["summary"]
    assert (the_review(row).text, the_review(row).summary) == ("", "")
    assert the_review(review(1, reviewText=None)).text == ""


def test_the_flat_layout() -> None:
    parsed = parse_review(FLAT)
    found, user, product, category, in_category = parsed.records
    assert isinstance(found, Reviewed) and isinstance(in_category, InCategory)
    assert (found.event_id, found.source_id, found.target_id, found.text) == ("r1", "someone", "p1", "Words")
    assert (user, product) == (User(id="someone"), Product(id="p1", title="A name"))
    assert category == Category(id="Ropes & Knots") and in_category.target_id == category.id
    assert (found.rating, found.at, list(parsed.notes)) == (None, None, ["no rating", "no time"])


def test_the_flat_layout_believes_stars_and_times_that_are_there() -> None:
    parsed = parse_review({**FLAT, "overall": 5, "unixReviewTime": 1_400_000_000, "reviewID": None, "Style": None})
    assert not parsed.notes and len(parsed.records) == 3
    assert isinstance(parsed.records[0], Reviewed)
    assert (parsed.records[0].rating, parsed.records[0].at) == (5.0, 1_400_000_000)
    assert len(parsed.records[0].event_id) == 32


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"reviewerID": None}, "missing_id", "Reviewed.source_id"),
        ({"reviewerID": ""}, "missing_id", "Reviewed.source_id"),
        ({"asin": None}, "missing_id", "Reviewed.target_id"),
        ({"asin": 12}, "wrong_type", "Reviewed.target_id"),
        ({"asin": " p"}, "bad_id", "Reviewed.target_id"),
        ({"asin": "p\n"}, "control_character", "Reviewed.target_id"),
        ({"asin": "p" * 513}, "value_too_long", "Reviewed.target_id"),
        ({"overall": None}, "missing_value", "overall"),
        ({"overall": "5"}, "wrong_type", "Reviewed.rating"),
        ({"overall": True}, "wrong_type", "Reviewed.rating"),
        ({"overall": [5]}, "wrong_type", "Reviewed.rating"),
        ({"overall": 0.5}, "out_of_range", "overall"),
        ({"overall": 5.01}, "out_of_range", "overall"),
        ({"overall": float("nan")}, "out_of_range", "overall"),
        ({"overall": float("inf")}, "out_of_range", "overall"),
        ({"unixReviewTime": None}, "missing_value", "unixReviewTime"),
        ({"unixReviewTime": "1400000000"}, "wrong_type", "Reviewed.at"),
        ({"unixReviewTime": 1.5}, "wrong_type", "Reviewed.at"),
        ({"unixReviewTime": 631_151_999}, "time_out_of_range", "Reviewed.at"),
        ({"unixReviewTime": 1_400_000_000_000}, "time_out_of_range", "Reviewed.at"),
        ({"unixReviewTime": 10**400}, "time_out_of_range", "Reviewed.at"),
        ({"reviewText": 5}, "wrong_type", "reviewText"),
        ({"reviewText": "a\x00"}, "control_character", "Reviewed.text"),
        ({"reviewText": "a\ud800"}, "lone_surrogate", "Reviewed.text"),
        ({"summary": "x" * 4097}, "value_too_long", "Reviewed.summary"),
        ({"verified": "yes"}, "wrong_type", "Reviewed.verified"),
    ],
)
def test_what_is_wrong_has_a_reason(changes: dict[str, Any], reason: str, field: str) -> None:
    assert reason_of(review(1, **changes)) == (reason, field)


def test_metadata_of_both_editions_mean_the_same() -> None:
    old = {
        "asin": "p",
        "title": "T",
        "description": "a\nb",
        "brand": " A  Brand",
        "categories": [["X", "Y"], ["X", "Z"]],
    }
    new = {
        "asin": "p",
        "title": "T",
        "description": ["a", "", "b"],
        "brand": "A Brand",
        "category": ["X", "Y", "Z", "X"],
    }
    assert parse_metadata(old) == parse_metadata(new)
    product, *others = parse_metadata(old).records
    assert product == Product(id="p", title="T", description="a\nb")
    assert [r.id for r in others if isinstance(r, (Category, Brand))] == ["X", "Y", "Z", "A Brand"]
    assert [(r.source_id, r.target_id) for r in others if isinstance(r, MadeBy)] == [("p", "A Brand")]


def test_metadata_may_hold_an_id_and_nothing_else() -> None:
    assert parse_metadata({"asin": "p"}).records == [Product(id="p")]
    assert parse_metadata({"asin": "p", "title": "", "description": [], "brand": None, "categories": [[]]}).records == [
        Product(id="p")
    ]


def test_nesting_has_no_depth_that_hurts() -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(BadRecord):
        parse_metadata({"asin": "p", "categories": deep})
    assert reason_of(review(1, reviewerID=deep))[0] is Reason.WRONG_TYPE
    assert reason_of(review(1, unixReviewTime=deep))[0] is Reason.WRONG_TYPE


def test_csv_cells_become_values() -> None:
    assert REVIEWS.columns["overall"]("5.0") == 5.0
    assert REVIEWS.columns["unixReviewTime"]("1400000000") == 1_400_000_000
    assert REVIEWS.columns["verified"]("True") is True
    assert METADATA.columns["categories"]("[['X', 'Y']]") == [["X", "Y"]]
    assert METADATA.columns["description"]("[not a list") == "[not a list"
    with pytest.raises(ValueError, match="maybe"):
        REVIEWS.columns["verified"]("maybe")
