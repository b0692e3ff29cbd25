"""Numbers, ratings and days as people write them: the column tells what a value alone can't."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.progress import silent
from kindred.domain.records import Interacted
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.numbers import decimal_of, number_of, number_of_text, with_point
from kindred.ingest.cells.ratings import Ratings, rating_of
from kindred.ingest.formats.files import read_rows
from kindred.ingest.interactions import Tables, interaction_files
from kindred.ingest.sources.amazon import parse_review
from kindred.ingest.tables.mapping import EventColumns, TableMapping, mapping_text, read_mapping


def written(path: Path, column: str, values: Sequence[str], separator: str = ";") -> Path:
    rows = [
        separator.join(("user", "item", column)),
        *(separator.join((f"u{n}", "a", v)) for n, v in enumerate(values)),
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def events(tables: Tables) -> list[Interacted]:
    found = []
    for row in read_rows(tables.files[0].path, tables.files[0].source, silent):
        assert not isinstance(row.value, BadRecord)
        event = tables.files[0].source.parse(row.value).records[0]
        assert isinstance(event, Interacted)
        found.append(event)
    return found


@pytest.mark.parametrize("digits", [400, 5_000])
@pytest.mark.parametrize("form", ["{}", "-{}", "+{}", "{},5", "{}.5", "{}/10", "{}%", "1e{}", "-nan"])
def test_a_number_that_no_float_holds_is_refused(form: str, digits: int) -> None:
    for read in (number_of, rating_of):
        with pytest.raises(BadRecord):
            read(form.format("9" * digits), "rating")


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**309, Decimal("1e400"), float("inf")])
def test_so_is_one_that_is_no_text(value: object) -> None:
    for read in (number_of, rating_of):
        with pytest.raises(BadRecord, match="finite"):
            read(value, "rating")


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["1,250", "0,75", "2.500"], [1.25, 0.75, 2500]),
        (["2.111,5", "1.000"], [2111.5, 1000]),
        (["1,250", "2,500"], [1.25, 2.5]),
        (["1.250", "2.500"], [1.25, 2.5]),
        (["1\u202f234,5", "12\xa0000"], [1234.5, 12000]),
        (["1'234.5", "2’000"], [1234.5, 2000]),
        (["4", "NA", "5"], [4, None, 5]),
        (["1.250,50 €", "0,75 €", "3 €"], [1250.5, 0.75, 3]),
        (["$1,250.50", "US$ 3", "£0.75"], [1250.5, 3, 0.75]),
    ],
)
def test_a_column_tells_what_stands_before_its_decimals(
    tmp_path: Path, values: list[str], numbers: list[float | None]
) -> None:
    found = events(interaction_files(TableMapping(), [written(tmp_path / "t.csv", "hours", values)]))
    assert [event.weight for event in found] == numbers


@pytest.mark.parametrize(
    ("values", "given", "ratings"),
    [
        (["-1", "7", "10"], None, [None, 7, 10]),
        (["-1", "1", "-1"], None, [-1, 1, -1]),
        (["-9.5", "99", "3.25"], None, [-9.5, None, 3.25]),
        (["0", "0", "0", "8", "10"], None, [None, None, None, 8, 10]),
        (["0", "1", "0", "2", "5"], None, [0, 1, 0, 2, 5]),
        (["0", "50", "0", "0", "100"], None, [0, 50, 0, 0, 100]),
        (["0", "0", "0", "8", "10"], "none", [0, 0, 0, 8, 10]),
        (["0", "1", "0", "2", "5"], "0", [None, 1, None, 2, 5]),
    ],
)
def test_a_number_that_stands_for_no_rating_is_none(
    tmp_path: Path, values: list[str], given: str | None, ratings: list[float | None]
) -> None:
    known = TableMapping(events=EventColumns(unrated=given))
    tables = interaction_files(known, [written(tmp_path / "t.csv", "rating", values)])
    assert [event.rating for event in events(tables)] == ratings
    told = [remark for remark in tables.remarks if "--unrated" in remark]
    assert any("is read as not rated" in remark for remark in told) == (None in ratings and given is None)
    assert any("as the lowest rating" in remark for remark in told) == (ratings == [0, 1, 0, 2, 5])


def test_what_stands_for_no_rating_is_a_number(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "rating", ["1"])
    with pytest.raises(SettingsError, match="not 'zero'"):
        interaction_files(TableMapping(events=EventColumns(unrated="zero")), [path])


def test_what_was_told_of_decimals_is_kept_in_the_mapping_and_can_be_given(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "hours", ["0,75", "1,250"])
    told = interaction_files(TableMapping(), [path])
    assert told.mapping.events.decimal == "," and "comma" in told.remarks[-1]
    (tmp_path / "m.toml").write_text(mapping_text(told.mapping))
    assert read_mapping(tmp_path / "m.toml") == told.mapping
    point = TableMapping(events=EventColumns(decimal="."))
    assert [e.weight for e in events(interaction_files(point, [path]))] == [0.75, 1250]


def test_between_commas_thousands_are_thousands() -> None:
    assert decimal_of(["1,250", "12,500"], False) == "" and number_of_text("1,250") == 1250
    assert decimal_of(["1,250", "0.5"], True) == "" and decimal_of(["1,250.5", "3,5"], False) == ""
    assert with_point("-1.234.567,5", ",") == "-1234567.5"
    assert with_point("3/5", ",") == "3/5" and with_point("4.5", ",") == "4.5"
    assert number_of_text("12 34") is None


@pytest.mark.parametrize(
    ("value", "rating", "scale"),
    [
        ("4.0 out of 5 stars", 4, "5"),
        ("3,5/5", 3.5, "5"),
        ("8 von 10", 8, "10"),
        ("★★★★☆", 4, "5"),
        ("★★★½☆", 3.5, "5"),
        ("⭐️⭐️⭐️", 3, ""),
        ("80 %", 80, "100"),
        ("1 star", 1, ""),
        (True, 1, "yes or no"),
        ("Thumbs down", 0, "yes or no"),
        ("N", 0, "yes or no"),
        ("t", 1, "yes or no"),
        ("-3.5", -3.5, ""),
        (4, 4, ""),
        (None, None, ""),
        ("", None, ""),
    ],
)
def test_ratings_as_people_write_them(value: object, rating: float | None, scale: str) -> None:
    assert rating_of(value, "rating") == (rating, scale)


@pytest.mark.parametrize("value", ["good", "x/5", "5 of", "%", ["5"], "inf"])
def test_what_is_no_rating_is_bad(value: object) -> None:
    with pytest.raises(BadRecord, match="number is wanted"):
        rating_of(value, "rating")


def test_two_scales_in_one_column_are_not_mixed() -> None:
    ratings = Ratings()
    assert [ratings.read(value, "stars") for value in ("4", "3/5", "5")] == [4, 3, 5]
    with pytest.raises(BadRecord, match="out of 5 is wanted, as in rows before, got '7/10'"):
        ratings.read("7/10", "stars")


def test_stars_of_reviews_may_be_words_of_the_same_scale() -> None:
    row = {"reviewerID": "U", "asin": "P", "overall": "4.0 out of 5 stars"}
    assert parse_review(row).records[0].model_dump()["rating"] == 4.0
    for other in ("4 out of 10", "80%", True):
        with pytest.raises(BadRecord, match="stars are wanted"):
            parse_review({**row, "overall": other})


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["11/28/2025", "1/2/2025", "NA"], "%m/%d/%Y"),
        (["28/11/25", "01/02/25"], "%d/%m/%y"),
        (["11/28/2025 3:05 PM"], "%m/%d/%Y %I:%M %p"),
        (["28-11-2025 15:05:00"], "%d-%m-%Y %H:%M:%S"),
        (["28.11.2025"], None),
        (["2025-11-28"], None),
    ],
)
def test_days_tell_their_form_where_only_one_fits_all(tmp_path: Path, values: list[str], form: str | None) -> None:
    tables = interaction_files(TableMapping(), [written(tmp_path / "t.csv", "date", values)])
    assert tables.mapping.events.at_format == form
    assert all(event.at is not None for event in events(tables)[:1])
    assert any("--at-format" in remark for remark in tables.remarks) == (form is not None)


def test_days_that_may_be_months_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "date", ["1/2/2025", "3/4/2025"])
    with pytest.raises(RecordError, match="day and month can't be told apart in date") as raised:
        interaction_files(TableMapping(), [path])
    assert raised.value.next_step == "say which comes first: --at-format '%m/%d/%Y' or --at-format '%d/%m/%Y'"
    assert (
        events(interaction_files(TableMapping(events=EventColumns(at_format="%d/%m/%Y")), [path]))[0].at == 1738368000
    )


def test_files_of_other_columns_are_not_read_as_if_they_had_none(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", "rating", ["4"])
    other = written(tmp_path / "b.csv", "stars", ["5"])
    files = interaction_files(TableMapping(), [first, other]).files
    with pytest.raises(RecordError, match=r"b\.csv has no column rating; it has user, item, stars"):
        list(read_rows(files[1].path, files[1].source, silent))
