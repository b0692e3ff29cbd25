from __future__ import annotations

import pytest

WORDS = (
    "warm",
    "clear",
    "strings",
    "the",
    "of",
    "amp",
    "was",
    "broken",
    "after",
    "two",
    "weeks",
    "but",
    "my",
    "guitar",
)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Sentences of 1 to 300 words, in no order of length, in several scripts."""
    lengths = [5, 40, 1, 300, 17, 90, 3, 60, 25, 8, 140, 33]
    plain = [" ".join(WORDS[(7 * i + j * j) % len(WORDS)] for j in range(n)) for i, n in enumerate(lengths)]
    return [*plain, "Отличная гитара, звук тёплый!", "すばらしいギター", "it's 100% <b>great</b> :-) \n\t done"]
