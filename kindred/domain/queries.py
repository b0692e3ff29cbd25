"""Queries: the one form of what people type, and which of it says anything in words."""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(r"(?:[a-z]+://|www\.)\S+|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/\S*")
_NUMBER = re.compile(r"[\d\s.,#№+-]+")
# A code of letters and many digits, an ASIN or an ISBN, perhaps with the word that says so. Names of models, which have
# few digits ("ps4", "gtx 1080", "iphone14"), are words.
_ARTICLE_NUMBER = re.compile(
    r"(?:(?:article|art|item|sku|asin|ean|isbn|артикул|арт)\b[\s.:#№-]*)?"
    r"(?:[^\W\d_]{0,4}[_-]?\d{5,}[^\W\d_]{0,3}|b0[0-9a-z]{8}|\d{9}x)"
)
_MIN_EMBEDDED_ID = 5  # a shorter id is found in words that have nothing to do with it


def query_id(text: str) -> str:
    """The one form of a query, which is its id: NFKC, case folded, blanks collapsed; empty where nothing is left."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


_WORDLESS = {"a link": _LINK, "digits only": _NUMBER, "an article number": _ARTICLE_NUMBER}


def wordless_form(query: str) -> str | None:
    """What the query (a `query_id`) is instead of words: a link, digits only, an article number; None for words."""
    return next((name for name, form in _WORDLESS.items() if form.fullmatch(query)), None)


def has_words(query: str) -> bool:
    """Whether the query (a `query_id`) is more than digits, an article number or a link."""
    return bool(query) and wordless_form(query) is None


def contains_id(query: str, item_id: str) -> bool:
    """Whether the query (a `query_id`) contains the item's id, so that nothing is to be learnt from finding it."""
    wanted = query_id(item_id)
    if len(wanted) >= _MIN_EMBEDDED_ID:
        return wanted in query
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", query) is not None
