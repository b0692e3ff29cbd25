"""What programs write for ids, times and missing numbers; what was rounded on the way is refused, not merged."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
import typer

from kindred.cli.options import given_id
from kindred.domain.id_text import id_in
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.ids import id_of, known_id_of
from kindred.ingest.cells.numbers import number_of
from kindred.ingest.cells.texts import name_in
from kindred.ingest.cells.time_reader import time_reader
from kindred.ingest.cells.times import milliseconds_of
from kindred.ingest.cells.values import given
from kindred.ingest.tables.user_lists import read_users


@pytest.mark.parametrize("rounded", [1.2345678901234566e17, -9.1e15, "1.23456789012346E+17", "1,2E+12", "1e+16"])
def test_an_id_that_was_rounded_is_refused_since_others_became_the_same(rounded: object) -> None:
    with pytest.raises(BadRecord, match="rounded"):
        id_of(rounded, "user")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (2**53 - 1.0, "9007199254740991"),
        (12345678901234567890, "12345678901234567890"),
        (Decimal(10**20), "1" + "0" * 20),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("1e3", "1e3"),
        ("5E10", "5E10"),
        ("a+b", "a+b"),
        ("+4917", "+4917"),
        ("007", "007"),
    ],
)
def test_ids_that_are_whole_stay_whole(value: object, found: str) -> None:
    assert id_of(value, "user") == found


@pytest.mark.parametrize("nothing", ["NA", "N/A", "None", "NaT", "#N/A", "-", "", "NULL", None, float("nan")])
def test_what_stands_for_no_value_is_none_where_a_number_or_a_time_belongs(nothing: object) -> None:
    assert number_of(nothing, "rating") is None and milliseconds_of(nothing, "at") is None
    with pytest.raises(BadRecord, match="missing"):
        given(milliseconds_of(nothing, "at"), "at")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("20251128101530", "2025-11-28T10:15:30"),
        (202511281015, "2025-11-28T10:15:00"),
        ("28-NOV-25 10.15.30.000000 AM", "2025-11-28T10:15:30"),
        ("28-Nov-2025", "2025-11-28T00:00:00"),
        ("Nov 28 2025 10:15PM", "2025-11-28T22:15:00"),
        ("Nov 28 2025", "2025-11-28T00:00:00"),
        ("28.11.25", "2025-11-28T00:00:00"),
        ("5. 1. 2025", "2025-01-05T00:00:00"),
        ("5. 1. 2025 9:30", "2025-01-05T09:30:00"),
        ("2025. 1. 5.", "2025-01-05T00:00:00"),
        ("2025年1月5日", "2025-01-05T00:00:00"),
        ("2025年01月05日 9時30分", "2025-01-05T09:30:00"),
        ("2025년 1월 5일 09:30:15", "2025-01-05T09:30:15"),
        ("2025-1-5 1:02", "2025-01-05T01:02:00"),
        ("2025-11-28 10:15 PM", "2025-11-28T22:15:00"),
        ("2025-11-28T10:15:30+01:00[Europe/Berlin]", "2025-11-28T09:15:30"),
        ("Fri Nov 28 2025 10:15:30 GMT+0100 (CET)", "2025-11-28T09:15:30"),
        ("Fri Nov 28 2025 10:15:30 GMT-0500 (Eastern Standard Time)", "2025-11-28T15:15:30"),
        ("2025-11-28 10:15:30.000 +0100", "2025-11-28T09:15:30"),
        ("2025-11-28 10:15:30 -05", "2025-11-28T15:15:30"),
        ("[28/Nov/2025:10:15:30 +0000]", "2025-11-28T10:15:30"),
        ("Reviewed in the United States on November 28, 2025", "2025-11-28T00:00:00"),
        ("Posted November 28, 2025.", "2025-11-28T00:00:00"),
        ("November 28, 2025 at 10:15PM", "2025-11-28T22:15:00"),
        ("Nov 28, 2025, 10:15:30\u202fPM UTC", "2025-11-28T22:15:30"),
        ("Nov 28, 2025 12:15 a.m.", "2025-11-28T00:15:00"),
        ("28 November 2025 10:15 PM -0500", "2025-11-29T03:15:00"),
        ("Friday, November 28, 2025 2:15 PM", "2025-11-28T14:15:00"),
        ("28-Nov-2025 2:15 pm", "2025-11-28T14:15:00"),
        ("28.11.2025, 10:15:30", "2025-11-28T10:15:30"),
        ("28.11.25 10:15", "2025-11-28T10:15:00"),
        ("2025.11.28 10:15:30", "2025-11-28T10:15:30"),
        ("/Date(1764324930000)/", "2025-11-28T10:15:30"),
        ("/Date(1764324930000+0100)/", "2025-11-28T10:15:30"),
    ],
)
def test_times_as_databases_and_browsers_write_them(text: object, wanted: str) -> None:
    milliseconds = milliseconds_of(text, "at")
    assert milliseconds is not None
    assert datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat() == f"{wanted}+00:00"


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2025-11-28 10:15:30 CET", 1),
        ("2025-11-28 10:15:30 (CET)", 1),
        ("28.11.2025 10:15:30 MEZ", 1),
        ("28.11.2025 10:15:30 Uhr", 0),
        ("Fri, 28 Nov 2025 10:15:30 EET", 2),
        ("Fri, 28 Nov 2025 10:15:30 CST", -6),
        ("Fri Nov 28 10:15:30 MSK 2025", 3),
        ("2025-11-28 10:15:30 GMT+1", 1),
        ("2025-11-28 10:15:30 UTC-03:30", -3.5),
        ("Nov 28, 2025, 10:15:30 AM UTC+5:30", 5.5),
        ("Nov 28, 2025, 10:15:30 AM JST", 9),
        ("2025-11-28T10:15:30[Europe/Berlin]", 1),
        ("2025-06-28T10:15:30 Europe/Berlin", 2),
        ("2025-11-28 10:15:30 America/New_York", -5),
        ("2025-11-28 10:15:30 Etc/GMT+1", -1),
        ("2025-11-28 10:15:30.5 +0100 CET", 1),
        ("2025-11-28 10:15:30 EST", -5),
    ],
)
def test_a_zone_in_words_shifts_the_time(text: str, hours: float) -> None:
    day = 28 if "06-28" not in text else -125  # so many days from the first of November
    wanted = datetime(2025, 11, 1, 10, 15, 30, tzinfo=UTC) + timedelta(days=day - 1, hours=-hours)
    assert (milliseconds_of(text, "at") or 0) // 1000 == wanted.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-28 10:15:30 CST",
        "2025-11-28 10:15:30 IST",
        "Fri, 28 Nov 2025 10:15:30 BST",
        "28 Nov 2025 10:15:30 XYZ",
        "28 Nov 2025 10:15:30 A",
        "2025-11-28T10:15:30[Europe/Nowhere]",
        "2025-11-28 10:15:30 GMT+25",
        "Fri Nov 28 10:15:30 AMT 2025",
    ],
)
@pytest.mark.parametrize("form", [None, "%Y-%m-%d %H:%M:%S %Z"])
def test_a_zone_that_may_be_several_is_none(text: str, form: str | None) -> None:
    with pytest.raises(BadRecord, match="is no zone that is known, or may be several"):
        time_reader(form)(text, "at")


def test_a_form_of_one_s_own_goes_by_the_zone_in_words_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")  # `strptime` takes names of this machine's zone, as UTC
    time.tzset()
    try:
        for form in ("%d/%m/%Y %H:%M %Z", "%d/%m/%Y %H:%M"):
            assert time_reader(form)("28/11/2025 10:15 CET", "at") == 1_764_321_300_000
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("no_time", "form"),
    [
        *((text, None) for text in ("0000-00-00", "0000-00-00 00:00:00", "1970-01-01", "0001-01-01T00:00:00")),
        *(
            (number, form)
            for number in (-1, "-1", -1.0)
            for form in (None, "seconds", "milliseconds", "excel", "order")
        ),
        *((zero, form) for zero in (0, "0", 0.0) for form in (None, "seconds", "nanoseconds", "excel")),
        ("01.01.1970", "%d.%m.%Y"),
    ],
)
def test_what_programs_write_for_no_time_is_none(no_time: object, form: str | None) -> None:
    assert time_reader(form)(no_time, "at") is None


@pytest.mark.parametrize("nothing", ["nan", "NaN", " null ", "", None])
def test_what_stands_for_no_value_is_no_name_of_a_brand_or_category(nothing: object) -> None:
    assert name_in(nothing, "brand") == "" and name_in("Nana", "brand") == "Nana"


@pytest.mark.parametrize("written", [" 7 ", "7\t", "7.0", " 7.00\u00a0"])
def test_an_id_is_the_same_however_it_is_written(tmp_path: Path, written: str) -> None:
    users = tmp_path / "users.txt"
    users.write_text(f'"{written}"\n', "utf-8")
    assert id_of(written) == id_in(written) == given_id(written) == "7" and read_users(users) == ["7"]
    assert known_id_of(" NULL ") is None


@pytest.mark.parametrize("written", ["", " ", "u\udcff", "u\x1b[31m"])
def test_what_no_id_can_be_is_refused_where_one_is_given(written: str) -> None:
    with pytest.raises(typer.BadParameter):
        given_id(written)
