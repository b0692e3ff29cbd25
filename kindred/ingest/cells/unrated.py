"""The number that stands in a column of ratings for no rating at all: -1, 0 or 99 beside those of the scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kindred.domain.errors import SettingsError
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.ratings import rating_of

NEVER = "none"
"""What says that every number is a rating."""
_MANY = 3  # times as many as of any rating in the lower half
_HIGHEST = 10
_MARK = 99


def read_unrated(given: str | None) -> float | None:
    """The number that stands for no rating; None where none does.

    Raises:
        SettingsError: it is no number.
    """
    if given is None or given == NEVER:
        return None
    try:
        return float(given)
    except ValueError as error:
        raise SettingsError(
            f"a number stands for no rating, not {given!r}", f"e.g. --unrated 0, or --unrated {NEVER}"
        ) from error


def guess_unrated(values: Iterable[object]) -> str | None:
    """The number that only can mean that nothing was rated, as text; None where every number may be a rating.

    -1 beside ratings from 0 or 1 on; 99 beside ratings of 10 at most; 0 beside ratings from 1 on where it is more
    frequent by far than any low one, as where readers keep a list of books.
    """
    try:
        read = [rating_of(value, "") for value in values if value is not None]
    except BadRecord:
        return None
    counts = Counter(number for number, scale in read if number is not None and not scale)
    others = sorted(number for number in counts if number not in (-1, 0, _MARK))
    if len(read) != counts.total() or len(others) < 2 or others[-1] > _HIGHEST:
        return None
    if counts[_MARK]:
        return str(_MARK)
    if others[0] < 0 or others[-1] <= 2 or not all((2 * number).is_integer() for number in others):
        return None
    if counts[-1]:
        return "-1"
    low = max((counts[number] for number in others if number <= others[-1] / 2), default=0)
    return "0" if others[0] >= 1 and counts[0] >= _MANY * max(low, 1) else None


def below_scale(values: Iterable[object]) -> bool:
    """Whether some of the ratings are 0 and all others from 1 to 5 or to 10, as where 0 may say that none was given."""
    try:
        numbers = {number for number, scale in map(_rating, values) if number is not None and not scale}
    except BadRecord:
        return False
    others = numbers - {0.0}
    return 0.0 in numbers and len(others) > 2 and min(others) >= 1 and max(others) in (5.0, 10.0)


def _rating(value: object) -> tuple[float | None, str]:
    return rating_of(value, "")
