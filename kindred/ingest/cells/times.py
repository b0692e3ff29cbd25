"""Times in every form that data of this field use, as whole milliseconds UTC."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache

from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.cells.missing import MISSING_NUMBERS
from kindred.ingest.cells.numbers import number_of
from kindred.ingest.cells.zones import without_zone

# A number tells its unit by its size: 1e11 is the year 5138 in seconds and 1973 in milliseconds, and so on.
_FIRST_MILLISECONDS = 100_000_000_000
_FIRST_MICROSECONDS = _FIRST_MILLISECONDS * 1000
_FIRST_NANOSECONDS = _FIRST_MICROSECONDS * 1000
_LARGEST = 10**20
_LONGEST_NUMBER = 1000
_DAY_NUMBERS = range(19_000_101, 21_000_101)  # 20140301; as seconds these are days of 1970, which no source holds
_DAY_NUMBER = re.compile(r"(?:19|20)\d{6}")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_COMPACT = {  # 201403011200 and 20140301120000; as milliseconds these are days of 1976 and after 2570
    range(190_001_010_000, 210_001_010_000): "%Y%m%d%H%M",
    range(19_000_101_000_000, 21_000_101_000_000): "%Y%m%d%H%M%S",
}
_ZONE_NAME = re.compile(r"\s*(?:UTC|GMT|Z)$", re.IGNORECASE)
_GAP_BEFORE_ZONE = re.compile(r"(?<=\d)\s+(?=[+-]\d{2}(?::?\d{2})?$)")  # as Ruby, Snowflake and logs of git write it
_OF_NET = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_AROUND_A_DAY = re.compile(r"^(?:Reviewed in .+ on|Posted|[A-Z][a-z]+day,) |(?<=\d)(?:\.| Uhr)$")  # what shops print
_BEFORE_A_CLOCK = re.compile(r"(?<=\d)(?:,? at |, )(?=\d{1,2}:\d)")  # November 28, 2025 at 10:15 and 28.11.2025, 10:15
_HALF = re.compile(r"(?<=\d)\s*[ap]\.?m\b\.?", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2}):\d")
_GAP_IN_DAY = re.compile(r"(?<=\d)\.\s+(?=\d)")  # 5. 1. 2023
_DAY_IN_SIGNS = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")  # 2023年1月5日
_CLOCK_IN_SIGNS = re.compile(r"(\d{1,2})\s*[时時시点點]\s*(\d{1,2})\s*[分분](?:\s*(\d{1,2})\s*[秒초])?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?\s*(?:([ap])\.?m\.?)?", re.IGNORECASE)
NO_TIMES = frozenset((0, -1, -1000, -62_135_596_800_000))
"""Milliseconds of what programs write for no time: 0 and -1 in any unit, as days in 1970 too, and .NET's year 1."""
_NO_DAY = re.compile(r"0000-00-00(?:[T ]00:00:00(?:\.0+)?)?")  # what MySQL has for no time
_EITHER_FIRST = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}\b")
_FORMS = (
    "%m %d, %Y",  # 09 13, 2009: the reviews of Amazon
    "%B %d, %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%d %b %Y",
    "%b %d %Y",
    "%b %d %Y %I:%M%p",
    "%b %d, %Y %H:%M",
    "%B %d, %Y %H:%M",
    "%Y-%m-%d",  # as in ISO, but not filled up with zeros
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S.%f",
    "%Y.%m.%d",
    "%Y.%m.%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%d.%m.%y",
    "%d.%m.%y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%b %d, %Y %H:%M:%S",
    "%B %d, %Y %H:%M:%S",
    "%b %d, %Y %I:%M:%S %p",
    "%m %d, %Y %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%a %b %d %Y %H:%M:%S",  # of browsers
    "%d-%b-%y",  # of Oracle
    "%d-%b-%y %I.%M.%S.%f %p",
    "%d-%b-%Y",
    "%d-%b-%Y %H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S %z",  # of web servers
)
ACCEPTED = "seconds, milliseconds, micro- or nanoseconds, an ISO date such as 2014-03-01T12:00:00Z, or 03 13, 2011"


def seconds_of(value: object, field: str) -> int | None:
    """The time in whole seconds UTC, of any form that `milliseconds_of` reads; None where there is none.

    Raises:
        BadRecord: it is no time.
    """
    if type(value) is int and _DAY_NUMBERS.stop <= value < _FIRST_MILLISECONDS:  # most are, and that is their cost
        return value
    milliseconds = milliseconds_of(value, field)
    return None if milliseconds is None else milliseconds // 1000


def key_of_time(milliseconds: int | None) -> str:
    """The time as part of an event's key: seconds, unless a fraction of one tells it from others."""
    if milliseconds is None or milliseconds % 1000:
        return str(milliseconds)
    return str(milliseconds // 1000)


def milliseconds_of(value: object, field: str) -> int | None:
    """The time in whole milliseconds UTC; without a zone it is UTC. None for none: null, NaN, no text, 0, -1.

    Raises:
        BadRecord: it is no time.
    """
    found = _milliseconds_of(value, field)
    return None if found in NO_TIMES else found


def _milliseconds_of(value: object, field: str) -> int | None:
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        return _of_text(value.strip(), field)
    if isinstance(value, int) and not isinstance(value, bool):
        return _of_integer(value, field)
    if isinstance(value, datetime):
        return _of_datetime(value)
    if isinstance(value, date):
        return _of_datetime(datetime(value.year, value.month, value.day))
    if isinstance(value, Decimal) and value == int(value):
        return _of_integer(int(value), field)
    if isinstance(value, (float, Decimal)) and math.isfinite(value):
        return _of_number(float(value), field)
    raise _no_time(value, field)


def day_of(year: object, month: object, day: object, field: str) -> int | None:
    """Milliseconds UTC of the beginning of a day whose parts are numbers of their own; None where one is missing.

    Raises:
        BadRecord: there is no such day.
    """
    numbers = [number for part in (year, month, day) if (number := number_of(part, field)) is not None]
    if len(numbers) < 3:
        return None
    if all(number == int(number) for number in numbers):
        in_year, in_month, on = map(int, numbers)
        with suppress(ValueError):
            return _of_datetime(datetime(in_year, in_month, on))
    raise BadRecord(Reason.WRONG_TYPE, f"no day: year {year}, month {month}, day {day}"[:100], field)


def clock_of(value: object, field: str) -> int:
    """The time of a day in whole milliseconds since its beginning; 0 where there is none.

    Raises:
        BadRecord: it is no time of a day.
    """
    text = "" if value is None or value != value else str(value).strip()
    if text in MISSING_NUMBERS:
        return 0
    if (hours := text.removesuffix(".0")).isdecimal() and int(hours) < 24:
        return int(hours) * 3_600_000
    if not (found := _CLOCK.fullmatch(text)):
        raise BadRecord(
            Reason.WRONG_TYPE, f"no time of a day: {text[:100]!r}; 17:05, 17:05:09 or 5:05 PM are read", field
        )
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    if half := found[4]:
        hour = hour % 12 + (12 if half in "pP" else 0)
    return ((hour * 60 + minute) * 60 + second) * 1000


def _of_integer(value: int, field: str) -> int:
    size = abs(value)
    if size >= _FIRST_MILLISECONDS:
        for compact, form in _COMPACT.items():
            if value in compact:
                with suppress(ValueError):
                    return _of_datetime(datetime.strptime(str(value), form))
        if size >= _LARGEST:
            raise BadRecord(Reason.TIME_OUT_OF_RANGE, f"no time: {str(value)[:100]}", field)
        return value // (1_000_000 if size >= _FIRST_NANOSECONDS else 1000 if size >= _FIRST_MICROSECONDS else 1)
    if value in _DAY_NUMBERS:
        return _of_text(str(value), field) or 0
    return value * 1000


def _of_number(value: float, field: str) -> int:
    if value.is_integer():
        return _of_integer(int(value), field)
    if abs(value) < _FIRST_MILLISECONDS:
        value *= 1000
    elif abs(value) >= _FIRST_MICROSECONDS:
        return _of_integer(int(value), field)
    # 1.007 s are 7 ms of a second, though in binary a little less.
    return math.floor(round(value, 3))


def _of_datetime(given: datetime) -> int:
    zoned = given if given.tzinfo else given.replace(tzinfo=UTC)
    since = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _of_text(text: str, field: str) -> int | None:
    if text in MISSING_NUMBERS or (text[0] == "0" and _NO_DAY.fullmatch(text)):
        return None
    if _NUMBER.fullmatch(text) and not _DAY_NUMBER.fullmatch(text):
        if len(text) > _LONGEST_NUMBER or not math.isfinite(float(text)):
            raise BadRecord(Reason.TIME_OUT_OF_RANGE, f"no time: {text[:100]}", field)
        return _of_integer(int(text), field) if text.lstrip("+-").isdecimal() else _of_number(float(text), field)
    found = _of_date_text(text, field)
    if found is None:
        raise _no_time(text, field)
    return found


@lru_cache(1 << 14)  # dates without a time of day come again and again, and other forms than ISO are slow to read
def _of_date_text(text: str, field: str) -> int | None:
    with suppress(ValueError, OverflowError):
        return _of_datetime(datetime.fromisoformat(text))
    if found := _OF_NET.fullmatch(text):
        return int(found[1])
    plain, zone = without_zone(_AROUND_A_DAY.sub("", text), field)
    bare = _ZONE_NAME.sub("", plain)
    bare = _BEFORE_A_CLOCK.sub(" ", bare)
    bare = _in_figures(_GAP_IN_DAY.sub(".", bare)).removeprefix("[").removesuffix("]")
    given = _datetime_of(bare) or _datetime_in_half(bare) or _datetime_of_mail(text if zone is None else plain)
    if given is None:
        return None
    try:
        return _of_datetime(given if zone is None else given.replace(tzinfo=zone))
    except OverflowError:
        return None


def _datetime_of(bare: str) -> datetime | None:
    """The time in ISO or another form; None where it is in none."""
    with suppress(ValueError):
        return datetime.fromisoformat(_GAP_BEFORE_ZONE.sub("", bare))
    for form in _FORMS:
        with suppress(ValueError):
            return datetime.strptime(bare, form)
    return None


def _datetime_of_mail(text: str) -> datetime | None:
    """The time in the form of RFC 5322; None where it is not."""
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        return None if _HALF.search(text) else parsedate_to_datetime(text)  # which would leave the half of the day out
    return None


def _datetime_in_half(text: str) -> datetime | None:
    """The time whose hour counts from the begin of that half of a day; None where there is none."""
    half, hour = _HALF.search(text), _HOUR.search(text)
    if half is None or hour is None or not 1 <= int(hour[1]) <= 12:
        return None
    rest = text[: half.start()] + text[half.end() :]
    found = _datetime_of(rest) or _datetime_of_mail(rest)
    first = 12 if "p" in half[0].lower() else 0
    return None if found is None else found + timedelta(hours=int(hour[1]) % 12 + first - int(hour[1]))


def _in_figures(text: str) -> str:
    """The time with points and colons where Chinese, Japanese or Korean signs part its figures."""
    if text.isascii():
        return text
    day = _DAY_IN_SIGNS.sub(r"\1-\2-\3 ", text)
    return " ".join(_CLOCK_IN_SIGNS.sub(lambda found: ":".join(filter(None, found.groups())), day).split())


def _no_time(value: object, field: str) -> BadRecord:
    if isinstance(value, str) and _EITHER_FIRST.match(value):
        message = (
            f"{value[:100]!r} begins with a day or a month; --at-format of `kindred ingest interactions` says which"
        )
        return BadRecord(Reason.WRONG_TYPE, message, field)
    return BadRecord(Reason.WRONG_TYPE, f"no time: {str(value)[:100]!r}; {ACCEPTED} are read", field)
