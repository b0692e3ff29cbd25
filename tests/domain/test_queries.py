"""The one form of a query, and queries that say nothing in words."""

from __future__ import annotations

import pytest

from kindred.domain.queries import contains_id, has_words, query_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Red   Mug\n", "red mug"),
        ("ＲＥＤ mug", "red mug"),  # full-width letters
        ("Straße", "strasse"),
        ("\u00a0\u2003", ""),
        ("Cafe\u0301", "caf\u00e9"),
    ],
)
def test_a_query_has_one_form(text: str, expected: str) -> None:
    assert query_id(text) == expected
    assert query_id(query_id(text)) == expected


@pytest.mark.parametrize(
    "query",
    [
        *("4006381333931", "12 345-678", "№ 123456"),
        *("b07cxg6c9w", "ab-1234567", "sku 123456", "арт. 1234567", "097522990x"),
        *("https://shop.example/p?id=1", "www.example.com", "shop.example/p/1", ""),
    ],
)
def test_digits_article_numbers_and_links_have_no_words(query: str) -> None:
    assert not has_words(query)


@pytest.mark.parametrize(
    "query", ["ps4", "gtx 1080", "iphone14", "5 w bulb", "wd-40", "art supplies", "7-up", "1080p tv"]
)
def test_names_of_models_are_words(query: str) -> None:
    assert has_words(query)


@pytest.mark.parametrize(
    ("query", "item_id", "found"),
    [
        ("case b07cxg6c9w black", "B07CXG6C9W", True),
        ("code12345678x", "12345678", True),
        ("iphone 5s", "5", False),
        ("size 5 shoes", "5", True),
        ("mug", "P1", False),
        ("mug", "", False),
    ],
)
def test_an_id_is_found_in_a_query_and_a_short_one_only_as_a_word(query: str, item_id: str, found: bool) -> None:
    assert contains_id(query, item_id) is found
