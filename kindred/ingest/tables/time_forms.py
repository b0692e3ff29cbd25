"""How a table of one's own writes its times, as its first rows tell."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import product

from kindred.domain.errors import RecordError
from kindred.domain.properties import EARLIEST_TIME
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.missing import MISSING_IDS, MISSING_NUMBERS
from kindred.ingest.cells.numbers import number_of
from kindred.ingest.cells.time_reader import EXCEL, ORDER, time_reader
from kindred.ingest.cells.times import clock_of, milliseconds_of
from kindred.ingest.cells.zones import without_zone
from kindred.ingest.formats.columns import TIME_WORDS, letters_of, words_of
from kindred.ingest.tables.headless import is_number
from kindred.ingest.tables.mapping import EventColumns
from kindred.ingest.tables.table_head import Head

_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%m-%d-%Y", "%d-%m-%Y", "%m-%d-%y", "%d-%m-%y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", ", %H:%M:%S", ", %I:%M:%S %p")
_FORMS_OF_DAYS = tuple(day + clock for day, clock in product(_DAYS, _CLOCKS))
_OF_EXCEL = range(36_526, 55_153)  # the years 2000 to 2050
_RANGES = {"year": range(1970, 2101), "month": range(1, 13), "day": range(1, 32)}
_HOURS = range(24)
_NO_TIMES = frozenset(("0", "0.0", "-1", "-1.0"))
_MIDNIGHT = re.compile(r"[T ](?:0?0:00(?::00(?:\.0*)?)?|12:00:00 AM)$")
_OF_TIMES = TIME_WORDS | {"times", "dates", "dt", "on", "tstamp"}  # enough where the values are times too
_OF_ORDER = re.compile(
    "day(?:no)?|week(?:no|number)?|month|period|step|round|sequence(?:number)?|(?:order|visit|session)(?:no|number)|"
    "time(?:frame|step|delta)|elapsed"
)
_OF_OTHER_TIMES = re.compile(
    "birth|born|releas|publish|expir|end|due|deliver|ship|updat|modif|edit|last|first|return|valid|until|join|regist|sign"
    "|generat|export|retriev|download|extract|approv|estimat|limit|cancel|refund"
)


def form_of_times(columns: EventColumns, head: Head) -> tuple[str | None, list[str]]:
    """The form of times; numbers that are no times since 1970 only tell the order."""
    if columns.at is None:
        remark = "no column of times: every event counts as equally old"
        if like_times := columns_like_times(head):
            return None, [f"{remark}; times seem to stand in {', '.join(like_times)}: --at COLUMN"]
        like_orders = [name for name in head.columns if _is_called_like_an_order(name) and holds_numbers(name, head)]
        return None, [
            f"{remark}; if {' or '.join(like_orders)} tells what came first: --at COLUMN" if like_orders else remark
        ]
    if columns.month:
        return None, []
    if columns.at_format is not None:
        time_reader(columns.at_format)
        return columns.at_format, []
    values = [row.get(columns.at) for row in head.rows if row.get(columns.at) is not None]
    if form := _form_of_days(columns.at, values):
        return form, [f"times in {columns.at} are read as {form}: --at-format says otherwise"]
    values = [value for value in values if str(value).strip() not in MISSING_NUMBERS | _NO_TIMES]
    if values and all(_only_orders(value, columns.at) for value in values) and not _are_days(values):
        remark = f"the numbers in {columns.at} are no times of our age: they only tell the order of events"
        is_excel = all(_whole(value) in _OF_EXCEL for value in values)
        return ORDER, [f"{remark}; if they are Excel's days: --at-format {EXCEL}" if is_excel else remark]
    return None, []


def holds_numbers(name: str, head: Head) -> bool:
    """Whether whatever stands in the column is a whole number, but for words for what is missing."""
    texts = {str(row[name]).strip() for row in head.rows if row.get(name) is not None}
    numbers = texts - (MISSING_NUMBERS | MISSING_IDS)
    return bool(texts) and all(text.removesuffix(".0").isdecimal() for text in numbers)


def _is_called_like_an_order(name: str) -> bool:
    return _OF_ORDER.fullmatch(letters_of(name.rpartition(".")[2])) is not None


def holds_clocks(name: str, head: Head) -> bool:
    """Whether the column tells the time of a day alone, which stands in another."""
    values = [value for row in head.rows if (value := row.get(name)) not in (None, "") and value == value]
    return bool(values) and all(":" in str(value) and _is_clock(value) for value in values)


def parted_days(head: Head, taken: Collection[str]) -> dict[str, str]:
    """The columns of year, month and day where each is one of its own, as `at`, `month`, `day`; {} if there are none.

    Their names may begin alike, as `order_year`, `order_month` and `order_day` do.
    """
    by_letters = {letters_of(name): name for name in head.columns if name not in taken}
    for begin in [letters.removesuffix("year") for letters in by_letters if letters.endswith("year")]:
        named = {part: name for part in _RANGES if (name := by_letters.get(begin + part))}
        are_within = all(_is_within(name, _RANGES[part], head) for part, name in named.items())
        if len(named) == len(_RANGES) and are_within and not _is_of_something_else(named["year"]):
            return {"at": named["year"], "month": named["month"], "day": named["day"]}
    return {}


def hours_beside(columns: EventColumns, head: Head) -> str | None:
    """The column of hours beside those of year, month and day; None where there is none."""
    beside = letters_of(columns.day or "").removesuffix("day") + "hour"
    return next((name for name in head.columns if letters_of(name) == beside and _is_within(name, _HOURS, head)), None)


def _is_within(name: str, numbers: range, head: Head) -> bool:
    """Whether what stands in a column are whole numbers, of these alone."""
    texts = {str(row[name]).strip().removesuffix(".0") for row in head.rows if row.get(name) is not None}
    return holds_numbers(name, head) and all(int(text) in numbers for text in texts if text.isdecimal())


def _is_of_something_else(name: str) -> bool:
    return any(map(_OF_OTHER_TIMES.match, words_of(name)))


def holds_days(name: str, head: Head) -> bool:
    """Whether the times in the column are days, without times of the day."""
    values = [str(row[name]).strip() for row in head.rows if row.get(name) not in (None, "")]
    return all(_are_days([value]) or not (":" in _MIDNIGHT.sub("", value) or is_number(value)) for value in values)


def _is_clock(value: object) -> bool:
    try:
        return clock_of(value, "") >= 0
    except BadRecord:
        return False


def columns_like_times(head: Head) -> list[str]:
    """The columns whose values all read as times, those of numbers only where they are called so."""
    return [name for name in head.columns if _holds_times(name, head)]


def named_like_times(head: Head, taken: Collection[str]) -> str | None:
    """The one column that holds times and whose name says that something was done then; None for none or several."""
    found = [name for name in columns_like_times(head) if name not in taken and _is_of_events(name)]
    return found[0] if len(found) == 1 else None


def _is_of_our_age(value: object) -> bool:
    """Whether it is a number that counts seconds, or parts of them, up to a time since 1990."""
    try:
        number, at_ms = number_of(value, ""), milliseconds_of(value, "")
    except BadRecord:
        return False
    return number is not None and number >= EARLIEST_TIME and at_ms is not None and at_ms >= EARLIEST_TIME * 1000


def _is_of_events(name: str) -> bool:
    words = words_of(name)
    return bool(words & _OF_TIMES) and not _is_of_something_else(name)


def _holds_times(name: str, head: Head) -> bool:
    """Whether all values of the column read as times, numbers as those of our age where the column is called so."""
    values = [row.get(name) for row in head.rows if row.get(name) not in (None, "")]
    if not values:
        return False
    if any(isinstance(value, int | float | bool) or is_number(str(value).strip()) for value in values):
        return bool(words_of(name) & _OF_TIMES) and all(_is_of_our_age(value) for value in values)
    try:
        return all(milliseconds_of(value, name) is not None for value in values)
    except BadRecord:
        return any(all(_is_of(str(value).strip(), form) for value in values) for form in _FORMS_OF_DAYS)


def _only_orders(value: object, field: str) -> bool:
    """Whether it is a number, and too small to be a time."""
    try:
        number = number_of(value, field)
    except BadRecord:
        return False
    return number is not None and 0 <= number < EARLIEST_TIME


def _whole(value: object) -> int:
    """A number that tells the order, without its fraction."""
    return int(number_of(value, "") or 0)


def _are_days(values: Sequence[object]) -> bool:
    """Whether these are days written as one number, such as 20140301."""
    return all(re.fullmatch(r"(19|20)\d{6}", str(value)) for value in values)


def _form_of_days(name: str, values: Sequence[object]) -> str | None:
    """The form of days whose parts may come in either order, such as 11/28/2025; None where times are not written so.

    Raises:
        RecordError: nothing tells the day from the month.
    """
    texts = {text for value in values if isinstance(value, str) and (text := value.strip()) not in MISSING_NUMBERS}
    if not texts or not all(re.match(r"\d{1,2}[/-]\d{1,2}[/-]\d", text) for text in texts):
        return None
    forms = [form for form in _FORMS_OF_DAYS if all(_is_of(text, form) for text in texts)]
    if len(forms) > 1:
        raise RecordError(
            f"day and month can't be told apart in {name}, e.g. {min(texts)}",
            f"say which comes first: {' or '.join(f'--at-format {form!r}' for form in forms)}",
        )
    return forms[0] if forms else None


def _is_of(text: str, form: str) -> bool:
    try:
        datetime.strptime(without_zone(text, "")[0], form)
    except (ValueError, BadRecord):
        return False
    return True
