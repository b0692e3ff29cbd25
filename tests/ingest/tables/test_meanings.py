"""What columns and cells of exports mean is told from what stands in them, and where it can't be, it is asked."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.domain.records import Interacted
from kindred.ingest.interactions import Tables
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.tables.mapping import EventColumns, TableMapping
from tests.ingest.conftest import DictGraph
from tests.ingest.tables.test_interactions import DAY, events_of, short, understood, write


def chosen(tables: Tables) -> dict[str, str]:
    return {choice.role: choice.column for choice in tables.choices}


def as_csv(rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def test_a_column_of_types_in_which_words_for_what_happened_stand_says_it(tmp_path: Path) -> None:
    words = ["clicks", "carts", "orders"]
    session = {"session": 7, "events": [{"aid": n, "ts": DAY * 1000 + n, "type": words[n % 3]} for n in range(6)]}
    tables = understood(write(tmp_path / "sessions.jsonl", json.dumps(session) + "\n"))
    kinds = [event.kind for event in events_of(tables) if isinstance(event, Interacted)]
    assert kinds == words * 2
    shown = "user,item,content_type\nu1,i1,view\nu1,i2,impression\n"
    (file,) = understood(write(tmp_path / "shown.csv", shown)).files
    graph = DictGraph()
    summary = ingest_files(graph, [file], None, IngestOptions(tmp_path / "s", tmp_path / "q"))
    assert summary.files[0].skipped_reasons == {"impression in content_type: no event for the item": 1}
    other = understood(write(tmp_path / "other.csv", "user,item,type\nu1,i1,book\nu1,i2,order\n"))
    assert "kind" not in chosen(other)


@pytest.mark.parametrize("sign", ["×", " x"])
def test_cells_that_say_how_many_of_what_are_as_many_events(tmp_path: Path, sign: str) -> None:
    rows = [["Date", "Status", "Customer", "Product(s)"]]
    rows += [["2020-03-01 00:00:00", "completed", "Ann", f"1{sign} Mug, blue, 12{sign} Lamp"]]
    rows += [["2020-03-01 00:00:00", "completed", "Bob", f"3{sign} Rug"]]
    tables = understood(write(tmp_path / "orders.csv", as_csv([*rows])))
    assert short(events_of(tables)) == [
        ("Ann", "Mug, blue", None, DAY),
        ("Ann", "Lamp", None, DAY),
        ("Bob", "Rug", None, DAY),
    ]
    plain = as_csv([["user", "product"], ["u1", "2 x 4 beam, oak"], ["u2", "Lamp"]])
    found = short(events_of(understood(write(tmp_path / "plain.csv", plain))))
    assert found == [("u1", "2 x 4 beam, oak", None, None), ("u2", "Lamp", None, None)]


@pytest.mark.parametrize("literal", [False, True])
def test_objects_within_cells_hold_columns(tmp_path: Path, literal: bool) -> None:
    held = [{"product_id": f"p{n}", "$url": "x", "more": {"n": n}} for n in range(3)]
    cells = [repr(one) if literal else json.dumps(one) for one in held]
    rows = [["uuid", "event", "properties", "timestamp", "distinct_id"]]
    rows += [[n, "viewed", cell, "2020-03-01T00:00:00Z", f"u{n}"] for n, cell in enumerate(cells)]
    path = write(tmp_path / "events.csv", as_csv([*rows, [4, "viewed", "{broken", "2020-03-01T00:00:00Z", "u4"]]))
    known = TableMapping(events=EventColumns(item="properties.product_id"))
    tables = understood(write(tmp_path / "good.csv", as_csv([*rows])))
    assert chosen(tables)["item"] == "properties.product_id"
    assert "properties.more.n" in tables.unused["events"]
    assert short(events_of(tables)) == [(f"u{n}", f"p{n}", None, DAY) for n in range(3)]
    assert short(events_of(understood(tmp_path / "good.csv", tables.mapping))) == short(events_of(tables))
    assert short(events_of(understood(tmp_path / "good.csv", known))) == short(events_of(tables))
    options = IngestOptions(tmp_path / "s", tmp_path / "q")
    summary = ingest_files(DictGraph(), understood(path, tables.mapping).files, None, options)
    assert summary.files[0].reasons == {"missing_id": 1}
    (bad,) = map(json.loads, Path(str(summary.quarantine_file)).read_text().splitlines())
    assert "broken" not in bad["raw"] and "u4" in bad["raw"]


@pytest.mark.parametrize(
    ("ratings", "is_told"),
    [([0, 1, 2, 3, 4, 5], True), ([0, 2, 8, 10], True), ([0, 1], False), ([1, 2, 5], False), ([0, 0.5, 5], False)],
)
def test_a_0_below_a_scale_is_told(tmp_path: Path, ratings: list[float], is_told: bool) -> None:
    rows = "".join(f"u{n},i{n},{rating}\n" for n, rating in enumerate(ratings))
    remarks = understood(write(tmp_path / "t.csv", f"user,item,rating\n{rows}")).remarks
    told = "0 in rating is read as the lowest rating: --unrated 0 if it stands for none"
    assert (told in remarks) is is_told


def test_names_that_several_items_have_are_told_with_the_column_of_their_ids(tmp_path: Path) -> None:
    def rated(*films: tuple[str, int]) -> str:
        rows = [{"rating": 1 + n, "movie": {"title": t, "ids": {"trakt": i}}} for n, (t, i) in enumerate(films)]
        return "".join(json.dumps({"user": f"u{n}", **row}) + "\n" for n, row in enumerate(rows))

    told = "items go by movie.title, and 1 of its names have several movie.ids.trakt: --item movie.ids.trakt"
    two = understood(write(tmp_path / "two.jsonl", rated(("Solaris", 1), ("Solaris", 2), ("Stalker", 3))))
    assert told in two.remarks
    one = understood(write(tmp_path / "one.jsonl", rated(("Solaris", 1), ("Solaris", 1), ("Stalker", 3))))
    assert not any("items go by" in remark for remark in one.remarks)
    reviews = "user,book_title,review_id\nu1,Dune,r1\nu2,Dune,r2\n"  # an id of each row says nothing
    assert not any("items go by" in told for told in understood(write(tmp_path / "t.csv", reviews)).remarks)


def test_another_item_in_each_of_many_rows_is_told(tmp_path: Path) -> None:
    apart = "".join(f"u{n % 9},a{n} and b{n}\n" for n in range(150))
    told = "product is another one in each of the first 150 rows: another item is --item COLUMN"
    assert told in understood(write(tmp_path / "t.csv", f"user,product\n{apart}")).remarks
    assert told not in understood(write(tmp_path / "t.csv", f"user,product\n{apart}u1,a1 and b1\n")).remarks
    of_one = "".join(f"ann,book {n}\n" for n in range(150))
    assert told not in understood(write(tmp_path / "t.csv", f"user,product\n{of_one}")).remarks


@pytest.mark.parametrize(
    ("cell", "key"),
    [("Product ID: {n}, Product Qty: 1|Product ID: 9, Product Qty: 2", "Product ID"), ("name:A|sku:S{n}|qty:1", "sku")],
)
@pytest.mark.parametrize("name", ["Product Details", "line_item_1", "product"])
def test_cells_that_say_several_things_of_items_are_no_ids(tmp_path: Path, name: str, cell: str, key: str) -> None:
    rows = [["Customer ID", "Order ID", name], *([f"c{n}", n, cell.format(n=n)] for n in range(9))]
    path = write(tmp_path / "orders.csv", as_csv([*rows]))
    for known in (TableMapping(), TableMapping(events=EventColumns(item=name))):
        with pytest.raises(RecordError, match=f"cells of {name} in .* hold several things") as raised:
            understood(path, known)
        assert f"table[{name!r}].str.findall('{key}: *([^,|;]+)')" in raised.value.next_step


@pytest.mark.parametrize(
    ("header", "row", "told"),
    [
        ("userID,tagID,timestamp,order_id", "{n},t{n},1583020800,{n}", "items may stand in tagID"),
        ("Username,Day,Film_Link,Star", "u{n},2020-03-01,x/{n},4", "items may stand in Film_Link"),
        ("movie_id,rating,Name of rater,Login", "{n},4,A {n},u{n}", "users may stand in Login"),
        ("username,ts,ms_played,spotify_track_uri", "u{n},1583020800,{n},s:{n}", "`kindred ingest tracks --events"),
        ("ncodpers,day,a,b,c,d,e", "{n},2020-03-01,0,1,1,0,1", "pandas.melt(table, id_vars=['ncodpers', 'day']"),
    ],
)
def test_where_items_or_users_may_stand_is_told(tmp_path: Path, header: str, row: str, told: str) -> None:
    rows = "".join(f"{row.format(n=n)}\n" for n in range(9))
    with pytest.raises(RecordError, match="no column of") as raised:
        understood(write(tmp_path / "t.csv", f"{header}\n{rows}"))
    assert told in raised.value.next_step
