"""Sums, kinds and units, and names of columns that come again are no rows, and what only looks like them is one."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest

from kindred.domain.errors import RecordError
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.files import read_rows
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from kindred.ingest.tables.mapping import Layout, TableMapping
from kindred.library import read_interactions
from tests.ingest.conftest import DictGraph
from tests.ingest.tables.test_interactions import events_of, short, understood, write

ROWS = "".join(f"u{n % 5},i{n % 4},{1 + n % 3}\n" for n in range(20))


def num_events(path: Path, known: TableMapping | None = None) -> tuple[int, list[object]]:
    """How many events a table holds, and why other lines are none."""
    (file,) = understood(path, known).files
    values = [row.value for row in read_rows(file.path, file.source, lambda *_: None)]
    refused: list[object] = [value.reason.value for value in values if isinstance(value, BadRecord)]
    parsed = [file.source.parse(value) for value in values if not isinstance(value, BadRecord)]
    return len(parsed), refused


@pytest.mark.parametrize(
    "footer",
    [
        *(
            "Total,5,90",
            "Grand total:,,90",
            "Sum,Sum,90",
            "Summe;5;90",
            "Gesamtergebnis,,90",
            "Итого,5,90",
            "合计,5,90",
        ),
        *("20 rows,20 rows,90", "(20 rows),,", "All,5,90", '"Total (20)",5,"1,290"', "Average,4.5,2.1", "-- end,5,90"),
        "Total,5 items,90 €",
    ],
)
def test_sums_below_the_rows_are_no_event(tmp_path: Path, footer: str) -> None:
    rows = ROWS.replace(",", ";") if ";" in footer else ROWS
    head = "user_id;item_id;plays\n" if ";" in footer else "user_id,item_id,plays\n"
    assert num_events(write(tmp_path / "t.csv", f"{head}{rows}{footer}\n")) == (20, ["no_record"])


def test_sums_of_columns_that_are_not_read_several_of_them_and_those_above_are_none_either(tmp_path: Path) -> None:
    rows = "".join(f"DE,{line}\n" for line in ROWS.split())
    below = write(tmp_path / "below.csv", f"country,user,item,plays\n{rows}Subtotal,7,5,90\nTotal,7,5,90\n")
    assert num_events(below) == (20, ["no_record", "no_record"])
    above = write(tmp_path / "above.csv", f"user,item,plays\nTotals,5,90\n{ROWS}")
    assert num_events(above) == (20, ["no_record"])


@pytest.mark.parametrize(
    "good",
    [
        "Total,i1,3",
        "Total,5,3\nu9,i1,1",
        "Total,5,3\nTotal,4,1",
        "u1,Total,3",
        "Max,5,3",
        "Allan,5,3",
        "Total eclipse,5,3",
    ],
)
def test_who_is_called_as_sums_are_is_kept(tmp_path: Path, good: str) -> None:
    assert num_events(write(tmp_path / "t.csv", f"user_id,item_id,plays\n{ROWS}{good}\n"))[1] == []


def test_a_row_with_a_time_and_one_whose_word_came_before_are_kept(tmp_path: Path) -> None:
    timed = "".join(f"u{n % 5},{n % 4},{1_600_000_000 + n}\n" for n in range(20))
    assert num_events(write(tmp_path / "t.csv", f"user,item,at\n{timed}Total,5,1600000100\n")) == (21, [])
    assert num_events(write(tmp_path / "t.csv", f"user,item,plays\nTotal,4,2\n{ROWS}Total,5,3\n")) == (22, [])
    assert num_events(write(tmp_path / "t.csv", "user,item,plays\nall,4,2\n")) == (1, [])


def test_sums_are_not_counted_against_a_small_table_and_kept_in_the_quarantine(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "user,item,plays\nu1,i1,2\nu2,i1,3\nTotal,1,5\n")
    options = IngestOptions(tmp_path / "staging", tmp_path / "quarantine")
    summary = ingest_files(DictGraph(), understood(path).files, None, options)
    assert (summary.accepted, summary.files[0].reasons) == (2, {"no_record": 1})
    (kept,) = map(json.loads, Path(str(summary.quarantine_file)).read_text().splitlines())
    assert kept["line"] == 4 and kept["detail"] == "sums of the rows, or their number: Total, 1, 5"
    reviews = "reviewerID,asin,overall\n" + "".join(f"r{n},p{n % 3},{1 + n % 5}\n" for n in range(9)) + "Sum,3,27\n"
    files = product_files(write(tmp_path / "reviews.csv", reviews))
    assert ingest_files(DictGraph(), files, None, options).files[0].reasons == {"no_record": 1}


def test_sums_below_a_frame_are_no_event(tmp_path: Path) -> None:
    frame = pandas.DataFrame([line.split(",") for line in ROWS.split()], columns=["user", "item", "plays"])
    frame["plays"] = frame["plays"].astype(int)
    frame.loc[len(frame)] = ["Total", "4", frame["plays"].sum()]
    with pytest.warns(UserWarning, match="no column of times"):
        summary = read_interactions(frame, folder=tmp_path / "library").summary
    assert summary.accepted == 20
    assert summary.files[0].reasons == {"no_record": 1}


@pytest.mark.parametrize(
    "second",
    ["string,string", "STRING,varchar(32)", "[id],[id]", "string,string\nid,-", "token,token", "text,text (utf-8)"],
)
def test_kinds_and_units_of_columns_are_no_event(tmp_path: Path, second: str) -> None:
    rows = "".join(f"u{n},i{n % 4}\n" for n in range(9))
    found = num_events(write(tmp_path / "t.csv", f"user_id,item_id\n{second}\n{rows}"))
    assert found == (9, ["no_record"] * len(second.split("\n")))


def test_names_in_words_above_columns_of_numbers_are_no_event_and_words_among_words_are_one(tmp_path: Path) -> None:
    numbers = "".join(f"{n},{10 + n % 4}\n" for n in range(9))
    assert num_events(write(tmp_path / "t.csv", f"user_id,item_id\nBesucher,Ware\n{numbers}")) == (9, ["no_record"])
    assert num_events(write(tmp_path / "t.csv", f"user_id,item_id\nBesucher,10\n{numbers}")) == (10, [])
    words = "name,star\nname,moon\nu2,star\n"  # of users and items that come again
    assert num_events(write(tmp_path / "t.csv", f"user_id,item_id\n{words}")) == (3, [])


@pytest.mark.parametrize("again", ["user_id,item_id", "User_ID,Item_ID", ' "user_id" , "item_id"', "item_id,user_id"])
def test_names_of_columns_that_come_again_are_counted(tmp_path: Path, again: str) -> None:
    rows = "u1,i1\nu2,i2\n" if again != "item_id,user_id" else "i1,u1\ni2,u2\n"
    path = write(tmp_path / "t.csv", f"user_id,item_id\nu1,i1\n{again}\n{rows}{again}\n{rows}")
    remarks: list[str] = []
    (file,) = understood(path).files
    found = [row.value for row in read_rows(path, file.source, lambda *_: None, remarks.append)]
    assert [(row["user_id"], row["item_id"]) for row in found] == [("u1", "i1"), *[("u1", "i1"), ("u2", "i2")] * 2]  # type: ignore[call-overload]
    assert remarks == ["2 more lines with the names of the columns: no rows"]


def test_other_names_within_a_file_are_its_order_or_an_error(tmp_path: Path) -> None:
    head = "user_id,item_id,rating,shop\nu1,i1,4,a\n"
    wider = write(tmp_path / "wider.csv", f"{head}item_id,user_id,till,rating\ni2,u2,7,5\n")
    assert short(events_of(understood(wider))) == [("u1", "i1", 4.0, None), ("u2", "i2", 5.0, None)]
    other = write(tmp_path / "other.csv", f"{head}user_id,item_id,plays,shop\nu2,i2,5,a\n")
    with pytest.raises(RecordError, match=r"line 3 of .*other\.csv names other columns than the first, without rating"):
        events_of(understood(other))


def test_names_in_the_first_line_are_no_row_where_others_are_given(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "user_id,movie_id\nu1,i1\nu2,i2\n")
    named = TableMapping(file=Layout(columns=("user", "item")))
    assert short(events_of(understood(path, named))) == [("u1", "i1", None, None), ("u2", "i2", None, None)]
    with pytest.warns(UserWarning, match="no column of times"):
        data = read_interactions(path, folder=tmp_path / "library", columns="user,item")
    assert "the first line names columns, and is no row: user_id, movie_id" in data.summary.files[0].remarks


@pytest.mark.parametrize(("name", "sums"), [("Total", ("7", "5")), ("Mean", ("3.5", "5.0")), ("Count", ("2", "1"))])
def test_sums_beside_and_below_a_matrix_are_no_ratings(tmp_path: Path, name: str, sums: tuple[str, str]) -> None:
    path = write(tmp_path / "t.csv", f"user,a,b,{name}\nu1,4,3,{sums[0]}\nu2,5,,{sums[1]}\n{name},9,3,12\n")
    known = TableMapping(file=Layout(matrix="user"))
    assert num_events(path, known) == (3, ["no_record"])
    rated = write(tmp_path / "rated.csv", f"user,a,b,{name}\nu1,4,3,1\nu2,5,,4\n")
    assert num_events(rated, known) == (5, [])


@pytest.mark.parametrize("second", ["User ID,Item ID", "用户编号,商品编号", "Kunde,Artikel"])
def test_a_second_header_in_other_words_is_no_event_and_words_of_events_are_one(tmp_path: Path, second: str) -> None:
    rows = "".join(f"u{n},i{n % 4}\n" for n in range(9))
    alike = second.startswith("User")  # but for what parts its words
    expected = (9, [] if alike else ["no_record"])
    assert num_events(write(tmp_path / "t.csv", f"user_id,item_id\n{second}\n{rows}")) == expected
    kinds = "member,page\nvisitor,page\nmember,book\n"
    assert num_events(write(tmp_path / "t.csv", f"user_id,item_id\n{kinds}")) == (3, [])


def test_sums_between_the_rows_and_at_the_end_of_each_of_several_tables_in_a_file_are_no_events(tmp_path: Path) -> None:
    half = "".join(f"u{n},i{n % 4},{n}\n" for n in range(9))
    between = f"user,item,plays\n{half}Subtotal,4,36\n{half}Subtotal,4,36\n{half}Grand total,4,108\n"
    assert num_events(write(tmp_path / "t.csv", between)) == (27, ["no_record"] * 3)
    joined = f"user,item,plays\n{half}Total,4,36\n" * 3
    assert num_events(write(tmp_path / "t.csv", joined)) == (27, ["no_record"] * 3)


def test_sums_below_lines_of_json_are_no_event(tmp_path: Path) -> None:
    rows = [{"user": f"u{n}", "item": f"i{n % 3}", "plays": n} for n in range(9)]
    rows.append({"user": "Total", "item": 3, "plays": 36})
    lines = write(tmp_path / "t.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    assert num_events(lines) == num_events(write(tmp_path / "t.json", json.dumps(rows))) == (9, ["no_record"])


def test_a_blank_line_below_comments_is_none_of_the_header(tmp_path: Path) -> None:
    report = f"# ----\n# All pages\n# 20200101-20200131\n# ----\n\nuser_id,item_id,plays\n{ROWS}"
    assert num_events(write(tmp_path / "t.csv", report)) == (20, [])
