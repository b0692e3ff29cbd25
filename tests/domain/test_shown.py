"""What is shown of scores and texts."""

from __future__ import annotations

import pytest

from kindred.domain.shown import printable, score_text, shortened, with_article


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        *((0.0, "0.00"), (0.0456789, "0.0457"), (-0.00012, "-0.000120"), (1.234e-7, "1.23e-07"), (1.0, "1.00")),
        *((12.345, "12.3"), (999.4, "999"), (999.6, "1,000"), (4241238.0, "4,241,238")),
    ],
)
def test_scores_keep_three_significant_digits(score: float, shown: str) -> None:
    assert score_text(score) == shown


def test_a_text_is_no_longer_than_there_is_room_for() -> None:
    assert shortened("W" * 100, 100) == "W" * 100
    assert shortened("a b " * 60, 8) == "a b a b…"


def test_what_is_quoted_can_not_steer_a_terminal() -> None:
    assert printable("a\x1b]0;b\x07\x9bc\u00a0é…\n\td") == "a\\x1b]0;b\\x07\\x9bc\u00a0é…\n\td"
    assert printable("gpj.\u202e\u2066x\u2029") == "gpj.\\u202e\\u2066x\\u2029"


def test_one_of_a_kind_has_its_article() -> None:
    assert [with_article(word) for word in ("track", "item", "user")] == ["a track", "an item", "a user"]
