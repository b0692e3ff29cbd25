"""What reads times of a form that is told: a unit, an order, or a form of `strptime`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from kindred.domain.errors import SettingsError
from kindred.domain.properties import EARLIEST_TIME
from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.missing import MISSING_NUMBERS
from kindred.ingest.cells.numbers import count_of, number_of
from kindred.ingest.cells.texts import raw_text_of
from kindred.ingest.cells.times import NO_TIMES, milliseconds_of
from kindred.ingest.cells.zones import without_zone

_UNITS = {"seconds": 1000.0, "milliseconds": 1.0, "microseconds": 1e-3, "nanoseconds": 1e-6}
ORDER = "order"
"""The form of times that are numbers from an unknown beginning, which only say what came first."""

EXCEL = "excel"
"""The form of times that are days since the end of 1899, as Excel counts them; fractions are times of the day."""
_EXCEL_S_1970 = 25_569

ReadTime = Callable[[object, str], int | None]


def time_reader(form: str | None) -> ReadTime:
    """What reads times of this form as whole milliseconds UTC; None stands for all forms that can be told apart.

    Raises:
        SettingsError: it is no form.
    """
    if form is None:
        return milliseconds_of
    if form == ORDER:
        return _order
    if form == EXCEL:
        return _of_excel
    if form in _UNITS:
        return partial(_of_unit, _UNITS[form])
    if "%" not in form:
        raise SettingsError(
            f"there is no form of times {form!r}", f"forms are {', '.join((*_UNITS, ORDER, EXCEL))}, %d/%m/%y …"
        )
    return partial(_of_form, form)


def _order(value: object, field: str) -> int | None:
    if number_of(value, field) == -1:
        return None
    number = count_of(value, field)
    return None if number is None else EARLIEST_TIME * 1000 + int(number * 1000)


def _of_excel(value: object, field: str) -> int | None:
    number = number_of(value, field)
    return None if number is None or number in (0, -1) else round((number - _EXCEL_S_1970) * 86_400) * 1000


def _of_unit(milliseconds: float, value: object, field: str) -> int | None:
    number = number_of(value, field)
    return None if number is None or number in (0, -1) else int(number * milliseconds)


def _of_form(form: str, value: object, field: str) -> int | None:
    text = raw_text_of(value, field).strip()
    if text in MISSING_NUMBERS:
        return None
    bare, zone = (text, None) if "%z" in form else without_zone(text, field)
    try:
        read = datetime.strptime(bare, form.replace("%Z", "").rstrip())
    except ValueError as error:
        raise BadRecord(Reason.WRONG_TYPE, f"a time like {form} is wanted, got {shown(text)}", field) from error
    found = int((read if read.tzinfo else read.replace(tzinfo=zone or UTC)).timestamp() * 1000)
    return None if found in NO_TIMES else found
