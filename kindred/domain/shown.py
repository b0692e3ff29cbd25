"""How scores and texts are shown to people, the same on the command line, on pages and in answers."""

from __future__ import annotations

_CONTROL = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """The text with U+FFFD for control characters, which could move a terminal's cursor or rename its window."""
    return text.translate(_CONTROL)


def score_text(score: float) -> str:
    """A score with three significant digits, whatever its size: 12.3, 0.0457, 1.2e-07."""
    return f"{score:,.0f}" if abs(score) >= 999.5 else f"{score:#.3g}".rstrip(".")


def shortened(text: str, characters: int) -> str:
    """The text where it has at most so many characters, else its beginning and an ellipsis, no longer than that."""
    return text if len(text) <= characters else f"{text[: characters - 1].rstrip()}…"


def counted(number: int, one: str, several: str) -> str:
    """A number of things as people write it: 1 review, 2,000 reviews."""
    return f"{number:,} {one if number == 1 else several}"


def with_article(word: str) -> str:
    """A thing as people name one of it: a track, an item, a user (such a u is no vowel)."""
    return f"{'an' if word[:1].lower() in 'aeio' else 'a'} {word}"
