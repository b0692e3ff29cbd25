"""Each layout, and what is done with what is missing."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from kindred.domain.records import Brand, Category, InCategory, MadeBy, Product, Reviewed, User, content_id
from kindred.ingest.cells.bad_records import BadRecord, Reason, bad_record
from kindred.ingest.sources.amazon import parse_metadata, parse_review
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
        the_review(review(7, reviewerName="B", helpful=[5, 5], unixReviewTime=float(same.at or 0))).event_id
        == same.event_id
    )
    for change in ({"reviewerID": "V"}, {"asin": "Q"}, {"unixReviewTime": (same.at or 0) + 1}, {"reviewText": "other"}):
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
    assert (found.rating, found.at, list(parsed.notes)) == (None, None, ["no time", "no rating"])


def test_the_flat_layout_believes_stars_and_times_that_are_there() -> None:
    parsed = parse_review({**FLAT, "overall": 5, "unixReviewTime": 1_400_000_000, "reviewID": None, "Style": None})
    assert not parsed.notes and len(parsed.records) == 3
    assert isinstance(parsed.records[0], Reviewed)
    assert (parsed.records[0].rating, parsed.records[0].at) == (5.0, 1_400_000_000)
    assert len(parsed.records[0].event_id) == 32


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"reviewerID": None}, "missing_id", "reviewerID"),
        ({"reviewerID": ""}, "missing_id", "reviewerID"),
        ({"asin": None}, "missing_id", "asin"),
        ({"asin": "p\nq"}, "control_character", "asin"),
        ({"asin": "p" * 513}, "value_too_long", "asin"),
        ({"overall": None}, "missing_value", "overall"),
        ({"overall": True}, "wrong_type", "overall"),
        ({"overall": [5]}, "wrong_type", "overall"),
        ({"overall": 0.5}, "out_of_range", "overall"),
        ({"overall": 5.01}, "out_of_range", "overall"),
        ({"overall": float("nan")}, "missing_value", "overall"),
        ({"asin": [1]}, "wrong_type", "asin"),
        ({"asin": 1.5}, "wrong_type", "asin"),
        ({"overall": "five"}, "wrong_type", "overall"),
        ({"unixReviewTime": "soon"}, "wrong_type", "unixReviewTime"),
        ({"reviewText": {"a": 1}}, "wrong_type", "reviewText"),
        ({"overall": float("inf")}, "out_of_range", "overall"),
        ({"unixReviewTime": 1.5}, "time_out_of_range", "unixReviewTime"),
        ({"unixReviewTime": 631_151_999}, "time_out_of_range", "unixReviewTime"),
        ({"unixReviewTime": 10**400}, "time_out_of_range", "unixReviewTime"),
        ({"reviewText": "a\x00"}, "control_character", "reviewText"),
        ({"reviewText": "a\ud800"}, "lone_surrogate", "reviewText"),
    ],
)
def test_what_is_wrong_has_a_reason(changes: dict[str, Any], reason: str, field: str) -> None:
    assert reason_of(review(1, **changes)) == (reason, field)


@pytest.mark.parametrize("missing", [None, "", float("nan"), "NA", 0, -1, "0"])
def test_a_time_that_is_missing_is_unknown(missing: object) -> None:
    parsed = parse_review(review(1, unixReviewTime=missing, reviewTime=missing))
    found = parsed.records[0]
    assert list(parsed.notes) == ["no time"] and isinstance(found, Reviewed) and found.at is None
    of_2023 = {"user_id": "u", "parent_asin": "p", "rating": 5.0, "timestamp": missing}
    assert list(parse_review(of_2023).notes) == ["no time"]
    by_date = the_review(review(1, unixReviewTime=missing, reviewTime="03 1, 2014"))
    assert by_date.at == 1_393_632_000, "the other column says it"


def test_a_day_that_may_be_a_month_is_told() -> None:
    with pytest.raises(BadRecord, match="begins with a day or a month; --at-format"):
        parse_review(review(1, unixReviewTime="11/02/2010 12:00:00 AM"))
    with pytest.raises(BadRecord, match="no time: 'soon'"):
        parse_review(review(1, unixReviewTime="soon"))


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
    assert parse_metadata({"asin": "p", "categories": deep}).notes == ["categories left out: wrong_type"]
    assert reason_of(review(1, reviewerID=deep))[0] is Reason.WRONG_TYPE
    assert reason_of(review(1, unixReviewTime=deep))[0] is Reason.WRONG_TYPE


@pytest.mark.parametrize(
    "changes",
    [
        {"overall": "5", "unixReviewTime": "1400000000"},
        {"overall": 5, "unixReviewTime": 1_400_000_000_000},
        {"overall": b"5.0", "unixReviewTime": 1_400_000_000_000_000},
        {"overall": "5,0", "unixReviewTime": "2014-05-13T16:53:20Z"},
        {
            "overall": Decimal(5),
            "unixReviewTime": datetime(2014, 5, 13, 18, 53, 20, tzinfo=timezone(timedelta(hours=2))),
        },
        {"overall": 5.0, "unixReviewTime": 1_400_000_000_000_000_000},
        {"overall": " 5", "unixReviewTime": "2014-05-13 16:53:20 UTC"},
    ],
)
def test_stars_and_times_in_any_form_are_the_same_review(changes: dict[str, Any]) -> None:
    assert the_review(review(1, **changes)) == the_review(review(1, overall=5.0, unixReviewTime=1_400_000_000))


def test_a_date_stands_in_for_the_time_that_is_missing() -> None:
    row = review(1, reviewTime="09 13, 2009")
    del row["unixReviewTime"]
    assert the_review(row).at == 1_252_800_000


def test_what_a_file_has_no_column_for_is_unknown_and_what_a_row_lacks_is_bad() -> None:
    row = review(1)
    del row["overall"], row["unixReviewTime"], row["reviewTime"]
    parsed = parse_review(row)
    assert isinstance(parsed.records[0], Reviewed)
    assert (parsed.records[0].rating, parsed.records[0].at) == (None, None)
    assert list(parsed.notes) == ["no time", "no rating"]


def test_the_layout_of_2023_is_the_same_review() -> None:
    old = review(7, verified=True)
    new = {
        "user_id": old["reviewerID"],
        "asin": "a variant",
        "parent_asin": old["asin"],
        "rating": old["overall"],
        "timestamp": old["unixReviewTime"] * 1000,
        "text": old["reviewText"],
        "title": old["summary"],
        "helpful_vote": 3,
        "verified_purchase": True,
    }
    assert parse_review(new) == parse_review(old)
    del new["parent_asin"]
    assert the_review(new).target_id == "a variant"


def test_metadata_of_2023() -> None:
    row = {
        "parent_asin": "p",
        "title": "T",
        "store": "S",
        "features": ["a", "b"],
        "description": [],
        "categories": ["C"],
    }
    product, *others = parse_metadata(row).records
    assert product == Product(id="p", title="T", description="a\nb")
    assert [r.id for r in others if isinstance(r, (Category, Brand))] == ["C", "S"]
    assert parse_metadata({"parent_asin": "p", "main_category": "M", "categories": []}).records[1] == Category(id="M")


def test_a_bad_part_costs_itself_alone() -> None:
    row = {"asin": "p", "title": "T", "brand": "b" * 513, "categories": [["A", "c" * 513, {"no": "name"}, "B"]]}
    parsed = parse_metadata(row)
    assert [r.id for r in parsed.records if isinstance(r, (Product, Category, Brand))] == ["p", "A", "B"]
    assert sorted(parsed.notes) == [
        "brand left out: value_too_long",
        "categories left out: value_too_long",
        "categories left out: wrong_type",
    ]
    parsed = parse_review(review(1, summary="x" * 4097, verified="perhaps"))
    assert isinstance(parsed.records[0], Reviewed)
    assert (parsed.records[0].summary, parsed.records[0].verified) == ("", None) and len(parsed.notes) == 2
    product = parse_metadata({"asin": "p", "title": "x" * 4097, "description": "a\x00"}).records[0]
    assert product == Product(id="p")


def test_entities_are_decoded_once_and_do_not_change_which_review_it_is() -> None:
    coded, plain = review(1, reviewText="&quot;A&#34; &amp; B &amp;lt; C &nosuch; AT&T"), review(1)
    assert the_review(coded).text == '"A" & B &lt; C &nosuch; AT&T'
    assert the_review(coded).event_id == content_id(
        plain["reviewerID"], plain["asin"], plain["unixReviewTime"], coded["reviewText"]
    )
    brands = [
        parse_metadata({"asin": "p", "brand": brand}).records[1] for brand in ("Black &amp; Decker", "Black & Decker")
    ]
    assert brands[0] == brands[1] == Brand(id="Black & Decker")


def test_nan_is_missing_in_every_column() -> None:
    nan = float("nan")
    row = review(1, summary=nan, reviewText=nan, verified=nan)
    assert (the_review(row).summary, the_review(row).text, the_review(row).verified) == ("", "", None)
    empty = {"asin": "p", "title": nan, "description": nan, "brand": nan, "categories": nan}
    assert parse_metadata(empty).records == [Product(id="p")] and not parse_metadata(empty).notes


@pytest.mark.parametrize(
    ("written", "price"),
    [
        (12.5, 12.5),
        ("$12.99", 12.99),
        ("1,299.00 USD", 1299.0),
        ("12,99 €", 12.99),
        ("", None),
        (None, None),
        ("$5.00 - $9.00", None),
        ("from 3", None),
        (-1, None),
    ],
)
def test_a_price_is_one_number_and_else_costs_itself_alone(written: object, price: float | None) -> None:
    parsed = parse_metadata({"asin": "p1", "title": "A name", "price": written, "in_stock": "no"})
    assert parsed.records[0] == Product(id="p1", title="A name", price=price, in_stock=False)
    assert bool(parsed.notes) == (price is None and written not in ("", None))
