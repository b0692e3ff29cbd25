"""Ratings as people write them: numbers, `4 out of 5`, stars, per cent, thumbs; one scale a column."""

from __future__ import annotations

import math
import re

from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.missing import MISSING_NUMBERS
from kindred.ingest.cells.numbers import number_of, number_of_text
from kindred.ingest.cells.texts import raw_text_of

THUMBS = "yes or no"
_OUT_OF = re.compile(r"(.+?)\s*(?:/|out of|of|von|sur)\s*(\d+)(?:\s*stars?)?", re.IGNORECASE)
_PER_CENT = re.compile(r"(.+?)\s*%")
_WITH_STARS = re.compile(r"(.+?)\s*stars?", re.IGNORECASE)
_STARS = re.compile("([★⭐]*)(½?)([☆✩]*)")
_TRUTHS, _UNTRUTHS = ("true", "t", "yes", "y"), ("false", "f", "no", "n")
_YES = frozenset((*_TRUTHS, "up", "upvote", "positive", "thumbs up", "like", "liked", "recommended", "👍"))
_AGAINST = ("down", "downvote", "negative", "thumbs down", "dislike", "disliked", "not recommended", "👎")
_NO = frozenset((*_UNTRUTHS, *_AGAINST))


def rating_of(value: object, field: str) -> tuple[float | None, str]:
    """The rating, and out of how many where that is said (`5`, `100`, `yes or no`); None where it is missing.

    Raises:
        BadRecord: it is no rating.
    """
    if isinstance(value, bool):
        return float(value), THUMBS
    if isinstance(value, bytes):
        value = raw_text_of(value, field)
    if not isinstance(value, str) or (text := value.strip()) in MISSING_NUMBERS:
        number = number_of(value, field)
        return None if number is None else float(number), ""
    if (found_number := number_of_text(text)) is not None and math.isfinite(found_number):
        return float(found_number), ""
    if (word := text.casefold()) in _YES | _NO:
        return float(word in _YES), THUMBS
    if found := _STARS.fullmatch(text.replace("\ufe0f", "")):
        full, half, empty = found.groups()
        return len(full) + 0.5 * bool(half), str(len(full) + bool(half) + len(empty)) if empty else ""
    for form, scale in ((_OUT_OF, None), (_PER_CENT, "100"), (_WITH_STARS, "")):
        if (found := form.fullmatch(text)) and (part := number_of_text(found[1])) is not None and math.isfinite(part):
            return float(part), found[2] if scale is None else scale
    raise BadRecord(Reason.WRONG_TYPE, f"a number is wanted, got {shown(value)}", field)


class Ratings:
    """Reads the ratings of one column, of which the first that says its scale says it for all.

    Args:
        unrated: the number that stands for no rating.
    """

    def __init__(self, unrated: float | None = None) -> None:
        self._scale = ""
        self._unrated = unrated

    def read(self, value: object, field: str) -> float | None:
        """The rating; None where it is missing.

        Raises:
            BadRecord: it is none, or of another scale than those before.
        """
        number, scale = rating_of(value, field)
        self._scale = self._scale or scale
        if scale and scale != self._scale:
            raise BadRecord(
                Reason.WRONG_TYPE,
                f"a rating out of {self._scale} is wanted, as in rows before, got {shown(value)}",
                field,
            )
        return None if number == self._unrated else number
