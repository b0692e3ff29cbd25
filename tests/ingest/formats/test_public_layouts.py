"""Public data in layouts that no table has: paragraphs, impressions."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.progress import silent
from kindred.domain.records import Interacted, Liked, Post, Product, Reviewed, Tagged, Topic, Track, Viewed
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.feed import click_files, post_files
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.interactions import interaction_files
from kindred.ingest.products import product_files
from kindred.ingest.sources.tag_lists import TAG_LISTS
from kindred.ingest.tables.mapping import Layout, TableMapping

DAY = 1583020800  # 2020-03-01
PARAGRAPH = """product/productId: B1
product/title: A box: blue
product/price: unknown
review/userId: {user}
review/profileName: Somebody
review/helpfulness: 1/2
review/score: 4.0
review/time: 1583020800
review/summary: fine
review/text: Good: yes,
and caf\xe9
"""
IMPRESSIONS = (
    "1\tU1\t3/1/2020 12:00:00 AM\tN9 N8\tN1-0 N2-1\n"
    "2\tU2\t3/1/2020 1:00:00 PM\t\tN1-0\n"
    "3\tU2\t3/1/2020 1:00:00 PM\tN1-0 N2-1\n"
    "4\tU3\t2020\t\tN1-1\n"
)
NEWS = 'N1\tsports\tgolf\tThe "first" one\tWhat happened\thttps://news.example/1\t[]\t[{"Label": "x"}]\nN2\t\t\tb\t\n'


def records_of(file: SourceFile) -> list[object]:
    """What each row becomes, of bad ones the reason."""
    found: list[object] = []
    for row in read_rows(file.path, file.source, silent):
        try:
            if isinstance(row.value, BadRecord):
                raise row.value
            found += file.source.parse(row.value).records
        except BadRecord as bad:
            found.append(bad.reason.value)
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("is_packed", [True, False])
def test_paragraphs_are_reviews(tmp_path: Path, encoding: str, is_packed: bool) -> None:
    raw = "\n".join(PARAGRAPH.format(user=user) for user in ("U1", "unknown", "U2")).encode(encoding)
    path = tmp_path / "reviews.txt"
    path.write_bytes(gzip.compress(raw) if is_packed else raw)
    found = records_of(product_files([path])[0])
    first = next(record for record in found if isinstance(record, Reviewed))
    assert (first.source_id, first.target_id, first.rating, first.at) == ("U1", "B1", 4.0, DAY)
    assert first.text == "Good: yes,\nand caf\xe9"
    assert Product(id="B1", title="A box: blue") in found and found.count("missing_id") == 1
    tables = interaction_files(TableMapping(), [path])
    events = [record for record in records_of(tables.files[0]) if isinstance(record, Interacted)]
    assert [(event.source_id, event.target_id, event.rating, event.at) for event in events] == [
        (user, "B1", 4.0, DAY) for user in ("U1", "U2")
    ]
    assert tables.mapping.items.title == "product/title"


def test_paragraphs_are_parted_where_the_first_key_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "beer.txt"
    path.write_text("".join(f"beer/beerId: {n}\nreview/overall: 13/20\nreview/profileName: a\n" for n in (7, 8)))
    found = records_of(interaction_files(TableMapping(), [path]).files[0])
    assert [(one.target_id, one.rating) for one in found if isinstance(one, Interacted)] == [("7", 13.0), ("8", 13.0)]


def test_impressions_are_clicks_or_views_and_likes(tmp_path: Path) -> None:
    feed, news = tmp_path / "behaviors.tsv", tmp_path / "news.tsv"
    feed.write_text(IMPRESSIONS)
    news.write_text(NEWS)
    posts, events = post_files(posts=[news], feed=[feed])
    found = records_of(events)
    views = [(one.source_id, one.target_id, one.at - DAY, one.target_met) for one in found if isinstance(one, Viewed)]
    assert views == [("U1", "N1", 0, False), ("U1", "N2", 0, True), ("U2", "N1", 46_800, False)]
    assert [(one.source_id, one.target_id) for one in found if isinstance(one, Liked)] == [("U1", "N2")]
    assert [one for one in found if isinstance(one, str)] == ["broken_csv", "wrong_type"]
    assert Post(id="N1", text='The "first" one\nWhat happened') in records_of(posts)
    assert Topic(id="sports") in records_of(posts)
    [clicked] = [one for one in records_of(click_files([feed])[0]) if isinstance(one, Viewed)]
    assert (clicked.source_id, clicked.target_id, clicked.at) == ("U1", "N2", DAY)
    tables = interaction_files(TableMapping(), [feed], news)
    clicks = [one for one in records_of(tables.files[0]) if isinstance(one, Interacted)]
    assert [(one.source_id, one.target_id, one.at) for one in clicks] == [("U1", "N2", DAY)]
    assert tables.mapping.items.title == "title"
    assert "what was shown and not clicked is left out: `kindred ingest posts --feed` takes both" in tables.remarks


def test_a_history_without_times_is_said_to_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "behaviors.tsv"
    path.write_text("".join(IMPRESSIONS.splitlines(keepends=True)[:2]))
    for file in (post_files(feed=[path])[0], click_files([path])[0]):
        rows = [row.value for row in read_rows(file.path, file.source, silent)]
        notes = [note for row in rows if not isinstance(row, BadRecord) for note in file.source.parse(row).notes]
        assert notes == ["clicks of unknown times left out"], "once an impression that has some"


@pytest.mark.parametrize("separator", ["\t", ","])
def test_columns_of_tags_are_lists(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "annotations.csv"
    rows = (("clip_id", "hard rock", "duet", "bongos", "mp3_path"), (2, 1, 0, 1, "f/a.mp3"), (3, 0, 0, 0, "f/b.mp3"))
    path.write_text("".join(f'"{f"{chr(34)}{separator}{chr(34)}".join(map(str, row))}"\n' for row in rows))
    found = records_of(SourceFile(path, TAG_LISTS))
    assert [(one.source_id, one.target_id) for one in found if isinstance(one, Tagged)] == [
        ("2", "hard rock"),
        ("2", "bongos"),
    ]
    assert Track(id="3") in found


def test_a_mark_that_comes_later_is_neither_0_nor_1(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("track_id,a,b,c\n" + "1,0,1,0\n" * 300 + "2,7,0,0\n")
    assert records_of(SourceFile(path, TAG_LISTS))[-1] == "wrong_type"


def test_lines_of_orders_get_user_and_time_from_the_table_of_orders(tmp_path: Path) -> None:
    lines, orders = tmp_path / "order_products.csv", tmp_path / "orders.csv"
    lines.write_text("order_id,product_id\n1,31\n1,4\n2,31\n9,31\n")
    orders.write_text("order_id,user_id,date\n2,u2,2020-03-02\n1,u1,2020-03-01\n")
    tables = interaction_files(TableMapping(), [lines], orders=orders)
    found = records_of(tables.files[0])
    assert [(one.source_id, one.target_id, one.at) for one in found if isinstance(one, Interacted)] == [
        ("u1", "31", DAY),
        ("u1", "4", DAY),
        ("u2", "31", DAY + 86_400),
    ]
    assert found[-1] == "missing_id"
    with pytest.raises(RecordError) as raised:
        interaction_files(TableMapping(), [lines])
    assert "--order-table" in raised.value.next_step
    orders.write_text("id,user_id\n1,u1\n")
    with pytest.raises(RecordError, match="has no column of the table of events"):
        interaction_files(TableMapping(), [lines], orders=orders)


@pytest.mark.parametrize(
    ("text", "events", "remark"),
    [
        ("user,a,b,c\nu1,4,,2\nu2,,5,\n", [("u1", "a", 4.0), ("u1", "c", 2.0), ("u2", "b", 5.0)], "its user is user"),
        ('id;"a";"b"\nu1;1;0\nu2;0;1\n', [("u1", "a", None), ("u2", "b", None)], "cells with 0 are none"),
        (",a,b\nu1,3,0\nu2,0,5\n", [("u1", "a", 3.0), ("u2", "b", 5.0)], "its user is the first column"),
        ("99,-3.5\n2.5,99\n", [("1", "2", -3.5), ("2", "1", 2.5)], "cells with 99 are none"),
        ("1,99,-3.5\n1,2.5,99\n1,1.5,99\n", [("1", "2", -3.5), ("2", "1", 2.5), ("3", "1", 1.5)], "number of the line"),
    ],
)
def test_a_matrix_is_an_event_a_cell(
    tmp_path: Path, text: str, events: list[tuple[str, str, float | None]], remark: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    tables = interaction_files(TableMapping(file=Layout(matrix="?")), [path])
    for file in (tables.files[0], interaction_files(tables.mapping, [path]).files[0]):
        found = [one for one in records_of(file) if isinstance(one, Interacted)]
        assert [(one.source_id, one.target_id, one.rating) for one in found] == events
    assert any(remark in said for said in tables.remarks)


def test_what_looks_like_a_matrix_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("user,a,b,c,d,e,f\nu1,4,,2,,,\n")
    with pytest.raises(RecordError) as raised:
        interaction_files(TableMapping(), [path])
    assert raised.value.next_step.endswith("if each other column is an item: --matrix")


def test_lines_of_many_lengths_may_be_baskets(tmp_path: Path) -> None:
    (tmp_path / "groceries.csv").write_text("yogurt,soda\nbutter\nmilk,rolls,soda\nsoda\n")
    with pytest.raises(RecordError) as raised:
        interaction_files(TableMapping(), [tmp_path / "groceries.csv"])
    assert raised.value.next_step.startswith("if each line is a basket: awk -F','")


def test_of_a_folder_of_many_kinds_the_tables_of_events_are_named(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("movieId,imdbId\n31,7\n")
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating\nu1,31,4\n")
    with pytest.raises(SettingsError) as raised:
        interaction_files(TableMapping(), tmp_path)
    assert raised.value.next_step == f"name the tables of events alone: {tmp_path / 'ratings.csv'}"
