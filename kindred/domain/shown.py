"""How scores and texts are shown to people, the same on the command line, on pages and in answers."""

from __future__ import annotations

_CONTROL = [code for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"]
_TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]  # what follows is shown in another order than it stands in
_LINE_ENDS = [0x2028, 0x2029]
_HARMFUL = (*_CONTROL, *_TURNING, *_LINE_ENDS)
_ESCAPES = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in _HARMFUL}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _HARMFUL}


def printable(text: str) -> str:
    r"""The text with escapes such as \x1b for what could move a terminal's cursor, or turn the order of its letters."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def printable_json(document: str) -> str:
    """The JSON document with the same characters escaped as JSON escapes them."""
    return document.translate(_JSON_ESCAPES)


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
