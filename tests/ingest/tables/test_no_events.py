"""Rows that are no events, and cells that are nothing, are told from those that are."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pandas
import pytest

from kindred.domain.errors import RecordError
from kindred.domain.records import Interacted
from kindred.graph.open import open_graph
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.formats.files import read_rows
from kindred.ingest.interactions import Tables, interaction_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.tables.mapping import EventColumns, TableMapping
from kindred.library import read_interactions
from tests.ingest.tables.test_interactions import DAY, events_of, short, understood, write


def users_of(tables: Tables) -> list[str]:
    """Whose events the rows of the first file are, those left out that are none."""
    (file, *_) = tables.files
    parsed = [file.source.parse(row.value) for row in read_rows(file.path, file.source, lambda *_: None)]  # type: ignore[arg-type]
    return [found.records[0].source_id for found in parsed if not found.skipped]  # type: ignore[union-attr]


def test_a_return_is_no_event_and_no_bad_row(tmp_path: Path) -> None:
    rows = "c1,mug,2,536365\nc1,mug,-2,C536366\nc1,mug,-1,C536367\n,lamp,-3,C536368\nc2,lamp,1,536369\n"
    path = write(tmp_path / "t.csv", "CustomerID,StockCode,Quantity,InvoiceNo\n" + rows)
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        summary = ingest_files(store, understood(path).files, None, IngestOptions(tmp_path / "s", tmp_path / "q"))
    assert summary.files[0].skipped_reasons == {"Quantity below 0: taken back, no event": 3}
    assert (summary.accepted, summary.quarantined) == (2, 0)


def test_what_r_writes_for_nothing_is_no_id_and_na_in_quotes_is_one(tmp_path: Path) -> None:
    rows = '"","user","item","rating"\n"1","u1","NA",5\n"2","u2",NA,4\n"3",NA,"i3",4\n"4","x, NA, y","i4",NA\n'
    found = short(events_of(understood(write(tmp_path / "r.csv", rows))))
    assert found == [("u1", "NA", 5.0, None), "missing_id", "missing_id", ("x, NA, y", "i4", None, None)]
    plain = write(tmp_path / "plain.csv", "user,item\nu1,NA\nNA,i2\n")  # here nothing tells it from an id
    assert short(events_of(understood(plain))) == [("u1", "NA", None, None), ("NA", "i2", None, None)]


@pytest.mark.parametrize(("name", "no"), [("click", "0"), ("purchased", "false"), ("is_like", "0.0")])
def test_what_was_shown_in_vain_is_not_as_good_as_what_was_taken(tmp_path: Path, name: str, no: str) -> None:
    tables = understood(write(tmp_path / "shown.csv", f"user,item,{name}\nu1,i1,1\nu2,i2,{no}\n"))
    assert short(events_of(tables)) == [("u1", "i1", 1.0, None), ("u2", "i2", 0.0, None)]
    assert [(choice.role, choice.column) for choice in tables.choices][2:] == [("rating", name)]
    counted = understood(write(tmp_path / "counted.csv", f"user,item,{name}\nu1,i1,1\nu2,i2,7\n"))
    assert [choice.role for choice in counted.choices] == ["user", "item"]


@pytest.mark.parametrize(
    "word",
    [
        *("Product Removed", "item_removed", "Order Refunded", "Product Removed from Wishlist"),
        *("Product List Viewed", "view_item_list", "impression", "product-impressions"),
    ],
)
def test_words_of_trackers_that_take_an_item_back_or_only_show_it_are_no_events(tmp_path: Path, word: str) -> None:
    rows = [
        {"event": "Product Viewed", "properties": {"distinct_id": "u1", "product_id": "p1", "time": DAY}},
        {"event": word, "properties": {"distinct_id": "u1", "product_id": "p2", "time": DAY}},
    ]
    (file,) = understood(write(tmp_path / "tracked.json", "\n".join(map(json.dumps, rows)))).files
    viewed, removed = (file.source.parse(row.value) for row in read_rows(file.path, file.source, lambda *_: None))  # type: ignore[arg-type]
    assert len(viewed.records) == 3 and removed.skipped == f"{word} in event: no event for the item"


@pytest.mark.parametrize(
    ("name", "undone", "stands"),
    [
        ("Financial Status", ("refunded", "voided"), ("paid", "partially_refunded", "")),
        ("order_status", ("canceled", "Returned", "rejected"), ("delivered", "unavailable", "processing")),
        (
            "Status",
            ("Cancelled", "Shipped - Returned to Seller", "Shipped - Rejected by Buyer"),
            ("Shipped", "Pending"),
        ),
        ("status", ("wc-cancelled", "wc-refunded"), ("wc-completed",)),
        ("status", ("cancelled",), ("returned", "overdue", "applied", "rejected", "completed")),
        ("bestellstatus", ("storniert", "Zurückgegeben"), ("geliefert",)),
        ("статус", ("Отменён", "возврат"), ("оплачен",)),
        ("订单状态", ("已取消", "已退款"), ("已完成",)),
        ("is_canceled", ("1", "true"), ("0", "")),
        ("cancelled_at", ("2025-03-01 10:00",), ("", "NaT")),
    ],
)
def test_rows_of_orders_that_do_not_stand_are_no_events_and_told(
    tmp_path: Path, name: str, undone: tuple[str, ...], stands: tuple[str, ...]
) -> None:
    rows = [f"u{n},i{n},{word}\n" for n, word in enumerate((*undone, *stands))]
    path = write(tmp_path / "orders.csv", f"user,item,{name}\n{''.join(rows)}")
    tables = understood(path)
    assert [choice.column for choice in tables.choices if choice.role == "status"] == [name]
    assert any("--status none" in remark for remark in tables.remarks)
    assert users_of(tables) == [f"u{n + len(undone)}" for n in range(len(stands))]
    assert len(users_of(understood(path, TableMapping(events=EventColumns(status="none"))))) == len(rows)


def test_an_order_that_was_cancelled_does_not_stand_though_it_was_paid(tmp_path: Path) -> None:
    rows = "u1,a,paid,2020-03-02 10:00,\nu2,a,paid,,\nu3,a,refunded,,\nu4,a,paid,,true\nu5,a,paid,,false\n"
    path = write(tmp_path / "t.csv", f"user,item,Financial Status,Cancelled at,is_refunded\n{rows}")
    tables = understood(path)
    assert users_of(tables) == users_of(understood(path, tables.mapping)) == ["u2", "u5"]
    assert tables.unused["events"] == []
    assert any("by Financial Status and is_refunded and Cancelled at, are no" in told for told in tables.remarks)
    named = understood(path, TableMapping(events=EventColumns(status="Financial Status")))
    assert users_of(named) == ["u1", "u2", "u4", "u5"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("state", ("CA", "NY", "TX")),
        ("status", ("single", "married", "cancel culture")),
        ("status", ("returned", "on loan", "overdue")),
        ("refunded", ("0.0", "12.5", "3")),
    ],
)
def test_a_status_of_anything_but_orders_leaves_no_row_out(tmp_path: Path, name: str, words: tuple[str, ...]) -> None:
    rows = "".join(f"u{n},i{n},{word}\n" for n, word in enumerate(words))
    assert len(users_of(understood(write(tmp_path / "t.csv", f"user,item,{name}\n{rows}")))) == len(words)


def test_the_status_of_an_order_stands_in_the_table_of_orders_too_and_a_rating_tells_more(tmp_path: Path) -> None:
    lines = write(tmp_path / "lines.csv", "order_id,product_id\n1,a\n1,b\n2,a\n")
    orders = write(tmp_path / "orders.csv", "order_id,customer_id,order_status\n1,u,canceled\n2,v,delivered\n")
    tables = interaction_files(TableMapping(), [lines], orders=orders)
    again = interaction_files(tables.mapping, [lines], orders=orders)
    assert users_of(tables) == users_of(again) == ["v"] and again.mapping.events.of_orders
    rated = write(tmp_path / "rated.csv", "user,item,rating,status\nu,a,1,cancelled\nv,a,4,shipped\n")
    assert len(users_of(understood(rated))) == 2


def test_a_file_of_searches_is_told_which_command_reads_it(tmp_path: Path) -> None:
    action = json.dumps({"index": {"_index": "ubi"}})
    search = {"query_id": "q", "client_id": "c", "user_query": "mug", "timestamp": DAY}
    click = {
        "query_id": "q",
        "client_id": "c",
        "action_name": "click",
        "event_attributes": {"object": {"object_id": 31}},
    }
    path = write(tmp_path / "my events.ndjson", f"{action}\n{json.dumps(click)}\n")
    command = f"`kindred ingest queries --events '{path}'`"
    tables = interaction_files(TableMapping(), [path])
    assert tables.unused["events"] == ["query_id", "action_name"]
    assert any(command in remark for remark in tables.remarks)
    write(path, f"{action}\n{json.dumps(search)}\n")
    with pytest.raises(RecordError) as raised:
        interaction_files(TableMapping(), [path])
    assert command in raised.value.next_step


def test_what_programs_write_for_who_is_not_known_is_no_id_but_words_alike_are(tmp_path: Path) -> None:
    rows = "[deleted],i1\nu2,(not set)\n(null),i3\ndeleted,i4\n"
    found = short(events_of(understood(write(tmp_path / "t.csv", f"user,item\n{rows}"))))
    assert found == [*["missing_id"] * 3, ("deleted", "i4", None, None)]


def test_who_is_named_elsewhere_and_what_stands_in_lists_beside_is_told(tmp_path: Path) -> None:
    rows = [
        {"userId": "u1", "anonymousId": "a1", "properties": {"product_id": "p1"}},
        {"userId": "u2", "anonymousId": "a2", "properties": {"product_id": "p2", "images": [{"url": "x"}]}},
        {"userId": None, "anonymousId": "a3", "properties": {"products": [{"product_id": "p1", "price": 2}]}},
    ]
    path = write(tmp_path / "tracked.json", "\n".join(map(json.dumps, rows)))
    told, again = (remark for remark in understood(path).remarks if "--user" in remark or "--item" in remark)
    assert told == "userId is missing in 33% of the first rows, anonymousId in 0%: --user anonymousId"
    assert again.startswith("properties.products holds items as well")
    named = EventColumns(user="anonymousId", item=again.partition("--item ")[2].split()[0])
    tables = understood(path, TableMapping(events=named))
    assert short(events_of(tables))[2:] == [("a3", "p1", None, None)]
    assert not any("--user" in remark for remark in tables.remarks)


def test_what_a_weight_of_nothing_counts_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "user,item,watch_ratio\nu1,i1,0.0\nu1,i2,0.3\nu2,i1,\nu2,i2,x\n")
    assert any("watch_ratio is 0 in 25% of the first rows, which counts as 1" in r for r in understood(path).remarks)


_ORDERS = "Name,Financial Status,Email,Created at,Lineitem sku\n"


@pytest.mark.parametrize("key", ["Name", "Order Number"])
def test_lines_of_an_order_have_what_its_first_line_says_of_all(tmp_path: Path, key: str) -> None:
    rows = [f"1,paid,a@x.org,{DAY},s1", "1,,,,s2", "1,,,,s3", f"2,refunded,b@x.org,{DAY + 9},s1", "2,,,,s2"]
    rows += [f"3,paid,c@x.org,{DAY + 99},s1"]
    path = write(tmp_path / "orders.csv", _ORDERS.replace("Name", key) + "\n".join(rows))
    tables = understood(path)
    assert f"lines with one {key} are of one order" in " ".join(tables.remarks)
    a, b = [("a@x.org", f"s{n}", None, DAY) for n in (1, 2, 3)], [("c@x.org", "s1", None, DAY + 99)]
    assert users_of(tables) == ["a@x.org"] * 3 + ["c@x.org"]
    again = understood(path, tables.mapping)
    assert users_of(again) == users_of(tables) and not any("are of one order" in told for told in again.remarks)
    (file,) = tables.files
    parsed = [file.source.parse(row.value) for row in read_rows(file.path, file.source, lambda *_: None)]  # type: ignore[arg-type]
    assert short([found.records[0] for found in parsed if not found.skipped]) == a + b
    frame = pandas.read_csv(path)
    with pytest.warns(UserWarning, match="are of one order"):
        assert read_interactions(frame, folder=tmp_path / "library").summary.skipped == 2


def test_lines_without_a_number_belong_to_the_order_above_but_not_past_one_that_can_t_be_read(tmp_path: Path) -> None:
    rows = [f"1,paid,a@x.org,{DAY},s1", ",,,,s2", f'2,paid,"b"@x.org",{DAY},s1', ",,,,s2", f"3,paid,c@x.org,{DAY},s1"]
    (file,) = understood(write(tmp_path / "t.csv", _ORDERS.replace("Name", "Order ID") + "\n".join(rows))).files
    values = [row.value for row in read_rows(file.path, file.source, lambda *_: None)]
    emails = [value.reason if isinstance(value, BadRecord) else value["Email"] for value in values]
    assert emails == ["a@x.org", "a@x.org", Reason.BROKEN_CSV, None, "c@x.org"]


@pytest.mark.parametrize(
    "rows",
    [
        ["1,paid,a@x.org,,s1", "2,paid,,,s2", "3,,c@x.org,,s3"],  # guests
        ["1,paid,a@x.org,1,s1", "1,,,,s2", "1,paid,a@x.org,2,s3", "2,paid,b@x.org,3,s1"],  # gaps in any line
        ["DE,paid,a@x.org,,s1", "DE,,,,s2", "FR,paid,b@x.org,,s3", "DE,paid,c@x.org,,s1", "DE,,,,s2"],  # no orders
        ["1,paid,a@x.org,1,s1", "1,,,,s2"],  # one alone
    ],
)
def test_what_is_missing_otherwise_is_filled_by_no_other_row(tmp_path: Path, rows: list[str]) -> None:
    tables = understood(write(tmp_path / "t.csv", _ORDERS + "\n".join(rows)))
    assert not any("are of one order" in remark for remark in tables.remarks)
    assert tables.mapping.file.carried == ()


def test_orders_of_several_lines_of_which_not_the_first_alone_names_the_user_are_told(tmp_path: Path) -> None:
    rows = ["#1,paid,a@x.org,,s1", "#1,paid,,,s2", "#2,paid,b@x.org,,s1", "#3,paid,c@x.org,,s1", "#1,paid,d@x.org,,s2"]
    remarks = understood(write(tmp_path / "orders.csv", _ORDERS + "\n".join(rows))).remarks
    (told,) = (remark for remark in remarks if remark.startswith("rows without Email have the Name of the row above"))
    assert "table.groupby('Name')[['Email', 'Financial Status']].ffill()" in told


def test_one_item_in_all_rows_is_told(tmp_path: Path) -> None:
    rows = [f"shop,u{n},{1_583_020_800_000 + n}\n" for n in range(20)]
    tables = understood(write(tmp_path / "t.csv", f"app_id,domain_userid,serverTstamp\n{''.join(rows)}"))
    assert "app_id is 'shop' in all of the first rows: another item is --item COLUMN" in tables.remarks
    assert (tables.mapping.events.user, tables.mapping.events.at) == ("domain_userid", "serverTstamp")
    assert len({event.at for event in events_of(tables) if isinstance(event, Interacted)}) == 1
