"""Exports of shops, reviews and analytics: what a row says of itself goes before what stands within it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.domain.records import Interacted
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.files import read_rows
from kindred.ingest.interactions import Tables, interaction_files
from kindred.ingest.tables.column_names import guesses
from kindred.ingest.tables.mapping import EventColumns, TableMapping

DAY = 1583020800  # 2020-03-01


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def events_of(tables: Tables) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for row in read_rows(tables.files[0].path, tables.files[0].source, lambda *_: None):
        assert not isinstance(row.value, BadRecord)
        for record in tables.files[0].source.parse(row.value).records[:1]:
            assert isinstance(record, Interacted)
            found.append((record.source_id, record.target_id, record.rating, record.at, record.text))
    return found


def understood(path: Path) -> list[tuple[object, ...]]:
    return events_of(interaction_files(TableMapping(), [path]))


REVIEW = {"user_id": "1", "rating": 4, "time": DAY * 1000, "text": "Fine", "pics": [{"url": ["https://a.example"]}]}
REPLY = {"resp": {"time": (DAY + 9) * 1000, "text": "Thanks"}}


def test_a_review_of_a_map_is_no_event_of_its_pictures_nor_of_its_reply(tmp_path: Path) -> None:
    path = written(
        tmp_path / "r.json", REVIEW | REPLY | {"gmap_id": "0x8:0x1"}, REPLY | REVIEW | {"gmap_id": "0x8:0x2"}
    )
    assert understood(path) == [("1", "0x8:0x1", 4.0, DAY, "Fine"), ("1", "0x8:0x2", 4.0, DAY, "Fine")]


def test_pictures_beside_a_rating_are_no_items(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="columns of the item usually are"):
        understood(written(tmp_path / "r.json", REVIEW | {"of": "m1"}))


def test_an_outer_column_goes_before_one_of_its_name_within_another() -> None:
    assert guesses("at", ("reply.time", "time"), ()) == ["time"]
    assert guesses("at", ("time", "reply.time", "a.b.time"), {"time"}) == ["reply.time"]
    assert guesses("at", ("time", "events.time"), (), "events") == ["events.time"]


def test_what_an_entry_says_of_itself_goes_before_what_is_said_of_all(tmp_path: Path) -> None:
    entries = [{"aid": 31, "ts": DAY + 1}, {"aid": 4, "ts": DAY + 2}]
    path = written(tmp_path / "t.jsonl", {"session": 1, "time": DAY, "events": entries})
    assert [event[:4] for event in understood(path)] == [("1", "31", None, DAY + 1), ("1", "4", None, DAY + 2)]


@pytest.mark.parametrize(
    ("header", "user_item_rating_at_text"),
    [
        ("body,rating,review_date,reviewer_name,reviewer_email,product_id,product_handle", "4 5 1 2 0"),  # Judge.me
        (
            "Review Content,Review Score,Review Creation date,Reviewer Display Name,Reviewer Email,Product ID",
            "4 5 1 2 0",
        ),  # Yotpo
        ("id,Created (UTC),Amount,Status,Customer ID,product_id (metadata)", "4 5 - 1 -"),  # Stripe
        ("Date,Time,Type,Status,Gross,From Email Address,Item ID", "5 6 - 0 -"),  # PayPal
        ("id_order_detail,id_order,product_id,product_name,id_customer,date_add", "4 2 - 5 -"),  # PrestaShop
        ("order_number,order_date_time,customer_number,product_number,label", "2 3 - 1 -"),  # Shopware
        ('"Order Number","Buyer Username","Item Number","Item Title","Sale Date"', "1 2 - 4 -"),  # eBay
        ("username,submission_id,vote,date", "0 1 2 3 -"),
        ("session_id,visit_id,hostname,url_path,created_date", "0 3 - 4 -"),  # Umami
        ("id_commande,id_client,id_product,date_commande", "1 2 - 3 -"),
    ],
)
def test_columns_of_exports_are_known(tmp_path: Path, header: str, user_item_rating_at_text: str) -> None:
    cells = {"rating": "4", "Review Score": "4", "Time": "10:11:12", "vote": "1"}
    names = header.replace('"', "").split(",")
    row = ",".join("2020-03-01" if "date" in n.lower() or "Created" in n else cells.get(n, f"v{n}") for n in names)
    columns = interaction_files(TableMapping(), [written(tmp_path / "t.csv", header, row)]).mapping.events
    found = (columns.user, columns.item, columns.rating, columns.at, columns.text)
    assert " ".join("-" if name is None else str(names.index(name)) for name in found) == user_item_rating_at_text


def test_a_device_that_is_never_missing_is_told_before_a_session(tmp_path: Path) -> None:
    rows = [
        {"user_id": None if n % 3 else f"u{n}", "device_id": f"d{n}", "session_id": n, "item": "i"} for n in range(30)
    ]
    remarks = interaction_files(TableMapping(), [written(tmp_path / "t.jsonl", *rows)]).remarks
    assert any("so device_id is the user" in remark for remark in remarks), remarks


def test_the_column_that_holds_the_items_of_the_events_is_named_where_none_is_called_so(tmp_path: Path) -> None:
    events = written(tmp_path / "t.csv", "user,anime_id", *(f"u,{67 + n}" for n in range(9)))
    items = written(tmp_path / "anime.csv", "MAL ID,Name,Score", *(f"{67 + n},N{n},8.5" for n in range(9)))
    with pytest.raises(RecordError) as raised:
        interaction_files(TableMapping(), [events], items)
    assert raised.value.next_step.startswith("name it: --item-id 'MAL ID'")


@pytest.mark.parametrize("separator", [" ", "  "])
def test_blanks_around_a_line_part_nothing(tmp_path: Path, separator: str) -> None:
    path = written(tmp_path / "trust.txt", *(f" {separator.join(('1', str(n), '5'))} " for n in range(3)))
    proposed = "user,item,rating"
    with pytest.raises(RecordError) as raised:
        interaction_files(TableMapping(), [path])
    assert proposed in raised.value.next_step
    known = TableMapping()
    known = known.model_copy(
        update={"file": known.file.model_copy(update={"separator": separator, "columns": ("user", "item", "rating")})}
    )
    assert [event[:3] for event in events_of(interaction_files(known, [path]))] == [
        ("1", str(n), 5.0) for n in range(3)
    ]
    named = TableMapping(events=EventColumns(user="a", item="b"))
    headed = written(tmp_path / "headed.txt", f" {separator.join('abc')} ", f" {separator.join('xyz')} ")
    named = named.model_copy(update={"file": known.file.model_copy(update={"separator": separator, "columns": ()})})
    assert [event[:2] for event in events_of(interaction_files(named, [headed]))] == [("x", "y")]


def test_a_word_for_what_happened_and_how_much_are_proposed(tmp_path: Path) -> None:
    path = written(tmp_path / "steam.csv", '151603712,"A, Game",purchase,1.0,0', '151603712,"A, Game",play,273.0,0')
    with pytest.raises(RecordError) as raised:
        interaction_files(TableMapping(), [path])
    assert "--columns user,item,kind,weight,c5" in raised.value.next_step


@pytest.mark.parametrize("names", [("year", "month", "day", "hour"), ("Order Year", "OrderMonth", "order_day", "time")])
def test_year_month_and_day_may_be_columns_of_their_own(tmp_path: Path, names: tuple[str, ...]) -> None:
    hours = ("17", "9") if names[3] == "hour" else ("17:00", "09:00")
    header = f"user,item,{','.join(names)}"
    path = written(tmp_path / "t.csv", header, f"u1,a,2020,03,01,{hours[0]}", f"u2,b,2020,2,29,{hours[1]}", "u3,c,,,,")
    tables = interaction_files(TableMapping(), [path])
    chosen = tables.mapping.events
    assert (chosen.at, chosen.month, chosen.day, chosen.clock) == names
    times = [event[3] for event in events_of(tables)]
    assert times == [DAY + 17 * 3600, DAY - 24 * 3600 + 9 * 3600, None]
    again = interaction_files(tables.mapping, [path])
    assert events_of(again) == events_of(tables) and not tables.remarks


def test_a_day_that_is_none_makes_a_bad_row_and_years_of_other_things_no_time(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "user,item,year,month,day", "u1,a,2020,2,30")
    [file] = interaction_files(TableMapping(), [path]).files
    [row] = read_rows(file.path, file.source, lambda *_: None)
    assert not isinstance(row.value, BadRecord)
    with pytest.raises(BadRecord, match="no day: year 2020, month 2, day 30"):
        file.source.parse(row.value)
    for header in ("user,item,birth_year,birth_month,birth_day", "user,item,year,month", "user,item,year,week,day"):
        path = written(tmp_path / "u.csv", header, "u1,a,2020,2,3"[: 9 + 2 * header.count(",")])
        assert interaction_files(TableMapping(), [path]).mapping.events.at is None, header


def test_folders_of_years_months_and_days_say_when(tmp_path: Path) -> None:
    for month, day in (("03", "01"), ("02", "29")):
        folder = tmp_path / "year=2020" / f"month={month}" / f"day={day}"
        folder.mkdir(parents=True)
        written(folder / "part-0.jsonl", {"user": "u1", "item": f"of {day}"})
    tables = interaction_files(TableMapping(), [tmp_path])
    assert [file.source.columns[2:] for file in tables.files] == [("year", "month", "day")] * 2
    assert events_of(tables) == [("u1", "of 29", None, DAY - 86_400, None)]


@pytest.mark.parametrize(
    ("held", "whose"),
    [
        ({"u1": [{"item": "a", "rating": 4}], "u2": [{"item": "b", "rating": 5}]}, "user"),
        ({"a": [{"user": "u1", "rating": 4}], "b": [{"user": "u2", "rating": 5}]}, "item"),
    ],
)
def test_rows_under_the_name_of_their_user_are_told_with_what_makes_a_table(
    tmp_path: Path, held: dict[str, object], whose: str
) -> None:
    with pytest.raises(RecordError, match=f"holds one JSON object of {whose}s, e.g. '(u1|a)', and the rows") as raised:
        understood(written(tmp_path / "t.json", held))
    advice = f"jq -c 'to_entries[] | {{{whose}: .key}} + .value[]' FILE"
    assert raised.value.next_step == f"say in each row whose it is: {advice}"
    rows = [{whose: key, **row} for key, list_of in held.items() if isinstance(list_of, list) for row in list_of]
    made = understood(written(tmp_path / "rows.json", *rows))
    assert [event[:3] for event in made] == [("u1", "a", 4.0), ("u2", "b", 5.0)]


def test_ratings_by_item_in_a_column_are_told_with_what_makes_a_row_of_each(tmp_path: Path) -> None:
    rows = [{"user": f"u{n}", "held": {f"i{n + k}": k + 1 for k in range(3)}} for n in range(4)]
    with pytest.raises(RecordError, match="columns of the item usually are") as raised:
        understood(written(tmp_path / "t.jsonl", *rows))
    jq = """. as $row | .["held"] | to_entries[] | $row + {item: .key, rating: .value} | del(.["held"])"""
    assert (
        f"if held holds a rating, or a count, by item: jq -c '{jq}' FILE makes a row of each" in raised.value.next_step
    )
    with pytest.raises(RecordError) as raised:
        understood(written(tmp_path / "same.jsonl", *({"user": f"u{n}", "size": {"w": 1, "h": n}} for n in range(4))))
    assert "jq" not in raised.value.next_step
