from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from kindred.domain.records import Product, Reviewed, content_id

GOOD = {"event_id": "e", "source_id": "u", "target_id": "p", "at": 1_400_000_000, "rating": 5.0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rating", math.inf),
        ("rating", math.nan),
        ("rating", "five"),
        ("at", 600_000_000),
        ("at", 9_000_000_000),
        ("source_id", ""),
        ("source_id", " u"),
        ("source_id", "u\n"),
        ("target_id", "p\x00"),
        ("target_id", "x" * 513),
        ("text", "nul \x00"),
        ("text", "bell \x07"),
        ("text", "half \ud83d"),
        ("colour", "red"),
    ],
)
def test_bad_values_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Reviewed.model_validate({**GOOD, field: value})


def test_a_scale_belongs_to_the_source_and_ratings_and_times_may_be_unknown() -> None:
    assert Reviewed.model_validate({**GOOD, "rating": 0.5}).rating == 0.5
    nothing = Reviewed(event_id="e", source_id="u", target_id="p")
    assert nothing.rating is None and nothing.at is None


@pytest.mark.parametrize("text", ["", "tab\tand\nline", "שלום", "🎸 e\u0301", "'}) DETACH DELETE n //"])
def test_all_that_can_be_stored_is_accepted(text: str) -> None:
    assert Reviewed.model_validate({**GOOD, "text": text}).text == text
    assert Product(id="'`\"").id == "'`\""


def test_content_id_separates_its_parts() -> None:
    assert content_id("ab", "c") != content_id("a", "bc")
    assert content_id("u", "p", 1) == content_id("u", "p", 1) and len(content_id("u")) == 32


def test_records_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Product(id="p").id = "q"
