"""Layouts of public data sets: headless files by name, groups, comments, and which of several columns is taken."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.records import Category, Interacted, Item
from kindred.ingest.bytes.streams import kept_streams
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.files import read_rows
from kindred.ingest.interactions import Tables, interaction_files
from kindred.ingest.tables.mapping import EventColumns, Layout, TableMapping

DAY = 1583020800  # 2020-03-01


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def records_of(tables: Tables, file: int = 0) -> list[object]:
    """The record that each row of a file is about, but for rows that are skipped."""
    found: list[object] = []
    for row in read_rows(tables.files[file].path, tables.files[file].source, lambda *_: None):
        assert not isinstance(row.value, BadRecord)
        found += tables.files[file].source.parse(row.value).records[:1]
    return found


def events_of(path: Path, known: TableMapping | None = None) -> list[tuple[object, ...]]:
    records = records_of(interaction_files(known or TableMapping(), [path]))
    return [(e.source_id, e.target_id, e.rating, e.at) for e in records if isinstance(e, Interacted)]


@pytest.mark.parametrize(
    ("name", "text", "event"),
    [
        ("ua.base", "1\t31\t2\t1583020800\n", ("1", "31", 2.0, DAY)),
        ("UserBehavior.csv", "1,31,7,pv,1583020800\n", ("1", "31", None, DAY)),
        (
            "UserBehavior.csv",
            "user_id,item_id,category_id,behavior_type,at\n1,31,7,pv,1583020800\n",
            ("1", "31", None, DAY),
        ),
        ("yoochoose-clicks.dat", "1,2020-03-01T00:00:00.361Z,31,0\n", ("1", "31", None, DAY)),
        ("Gowalla_totalCheckins.txt", "1\t2020-03-01T00:00:00Z\t30.2\t-97.7\t31\n", ("1", "31", None, DAY)),
        ("combined_data_1.txt", "31:\n1,2,2020-03-01\n31:\n1,2,2020-03-01\n", ("1", "31", 2.0, DAY)),
        ("edges.tsv", "# Nodes: 2\n# FromNodeId\tToNodeId\n1\t31\n", ("1", "31", None, None)),
        ("t.csv", "# made by hand\nuser,item\n1,31\n", ("1", "31", None, None)),
        ("t.csv", "#user,item\n1,31\n", ("1", "31", None, None)),
        ("t.csv", "User Id,Movie Name,Rating (1-10),Watched on\n1,31,2,2020-03-01\n", ("1", "31", 2.0, DAY)),
        ("t.csv", "user,item,birth_date,TRANSACTION_DT\n1,31,1/13/1990,3/1/2020\n1,31,1/13/1990,3/31/2020\n", None),
        ("t.csv", "user,item,approved_at,order_purchase_timestamp\n1,31,2020-03-02,2020-03-01 00:00:00\n", None),
        ("t.csv", "user_id,video_id,date,time_ms\n1,31,20200301,1583020800000\n", ("1", "31", None, DAY)),
        ("t.csv", "user,item,weight\n1,31,137lbs\n", ("1", "31", None, None)),
        ("t.csv", "sessionId;userId;itemId\n1;NA;31\n2;NA;31\n", ("1", "31", None, None)),
        ("t.csv", "event_date,event_timestamp,user,item\n20200302,1583020800123456,1,31\n", ("1", "31", None, DAY)),
        ("t.csv", "session_id_hash,product_sku_hash\n1,31\n", ("1", "31", None, None)),
        ("t.csv", "CustomerNo|ArticleNo|vote\n1|31|up\n", ("1", "31", 1.0, None)),
        ("LFM-1b_LEs.txt", "1\t4\t5\t31\t1583020800\n", ("1", "31", None, DAY)),
    ],
)
def test_public_files_are_read_as_they_come(
    tmp_path: Path, name: str, text: str, event: tuple[object, ...] | None
) -> None:
    assert events_of(written(tmp_path / name, text))[0] == (event or ("1", "31", None, DAY))


@pytest.mark.parametrize(
    "line",
    [
        '{"session": 1, "events": [{"aid": 31, "ts": 1583020800123, "type": "clicks"}, {"aid": 4, "ts": 1583020801}]}',
        "{'user_id': '1', 'items': [{'item_id': '31', 'date': '2020-03-01'}, {'item_id': '4', 'date': '2020-03-02'}]}",
        '{"data": [{"user": 1, "item": 31, "at": "2020-03-01"}, {"user": 1, "item": 4, "at": "2020-03-01"}]}',
        '{"userToken": 1, "objectIDs": ["31", "4"], "timestamp": 1583020800123}',
        '{"events": [{"userToken": 1, "objectIDs": ["31"], "ts": 1583020800}, {"userToken": 1, "objectIDs": [4]}]}',
        '{"playlists": [{"pid": 1, "ts": 1583020800, "tracks": [{"track_uri": 31}, {"track_uri": "4"}]}]}',
        '{"userInfo": {"userId": 1}, "time": 1583020800, "detail": {"productDetails": [{"id": "31"}, {"id": "4"}]}}',
    ],
)
def test_lists_of_events_within_lines_are_events(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "t.jsonl", f"{line}\n")
    assert [event[:2] for event in events_of(path)] == [("1", "31"), ("1", "4")]
    assert events_of(path)[0][3] == DAY
    tables = interaction_files(TableMapping(), [path])
    assert tables.remarks[0].startswith("each entry of the lists in ")
    assert events_of(path, tables.mapping) == events_of(path)


@pytest.mark.parametrize(
    "cells",
    ['"31, 4"', "31|4", "31 4", "\"['31', '4']\"", '"[31,4]"', '"(31, 4)"', '"{31, 4}"', "[31 4]", "\"['31'\n '4']\""],
)
def test_cells_that_hold_several_items_are_as_many_events(tmp_path: Path, cells: str) -> None:
    path = written(tmp_path / "t.csv", f"user,product_ids,date\n1,{cells},2020-03-01\n2,9,2020-03-01\n")
    tables = interaction_files(TableMapping(), [path])
    assert [event[:2] for event in events_of(path)] == [("1", "31"), ("1", "4"), ("2", "9")]
    assert events_of(path, tables.mapping) == events_of(path)
    assert tables.remarks[-1].startswith("each entry of the lists in product_ids")


@pytest.mark.parametrize(
    "header", ["user_id,sequence_item_ids,sequence_ratings,sequence_timestamps", "uid,itemList,rating_list,ts_list"]
)
def test_cells_that_hold_the_ratings_and_times_of_several_items_go_with_them(tmp_path: Path, header: str) -> None:
    table = written(tmp_path / "t.csv", f'{header}\n1,"7,9","4,5","{DAY},{DAY + 1}"\n2,"7","3","{DAY}"\n')
    assert events_of(table) == [("1", "7", 4.0, DAY), ("1", "9", 5.0, DAY + 1), ("2", "7", 3.0, DAY)]


def test_a_word_against_the_item_is_no_event_unless_a_rating_says_more(tmp_path: Path) -> None:
    rows = "1,31,Like,5\n1,4,dislike,1\n1,31,un-like,\n2,4,remove_from_cart,2\n2,31,cart,3\n"
    path = written(tmp_path / "t.csv", f"user,item,event_type,price\n{rows}")
    assert [event[:2] for event in events_of(path)] == [("1", "31"), ("2", "31")]
    parsed = interaction_files(TableMapping(), [path]).files[0].source.parse({"event_type": "dislike"})
    assert parsed.skipped == "dislike in event_type: no event for the item"
    assert len(events_of(written(tmp_path / "rated.csv", f"user,item,event_type,rating\n{rows}"))) == 5


@pytest.mark.parametrize("text", ["user,items\n1,whole milk\n2,soft cheese\n", "user,item\n1,31 4\n2,5 9\n"])
def test_names_of_several_words_are_one_item(tmp_path: Path, text: str) -> None:
    known = TableMapping(events=EventColumns(item=text[5:].partition("\n")[0]))
    assert len(events_of(written(tmp_path / "t.csv", text), known)) == 2


@pytest.mark.parametrize(
    ("text", "wrong", "next_step"),
    [
        ('{"user_id": {"0": "a", "1": "b"}, "item_id": {"0": "x", "1": "y"}}', "object of columns", "to_json"),
        ('{"user_id": ["a", "b"], "item_id": ["x", "y"]}', "object of columns", "to_json"),
        ('{"columns": ["user", "item"], "data": [["a", "x"]]}', "object of columns", "to_json"),
        ('{"a": ["x", "y"], "b": ["y"]}', "object of users", "item: .value[]"),
        ('{"a": {"x": 4}, "b": {"y": 5}}', "object of users", "rating: .value"),
        ('{"-Na": {"user": "a", "item": "x"}, "-Nb": {"user": "b", "item": "y"}}', "object of rows", "'.[]'"),
        ('{"r": {"0": {"uid": 1, "sku": 2}, "1": {"uid": 2, "sku": 2}}}', "object of rows", """'.["r"][]'"""),
        ('[["a", "x"], ["b", "y"]]', "no row can be read", "user: .[0]"),
    ],
)
def test_json_without_rows_says_how_to_make_them(tmp_path: Path, text: str, wrong: str, next_step: str) -> None:
    with pytest.raises(RecordError, match=wrong) as raised:
        interaction_files(TableMapping(), [written(tmp_path / "t.json", text)])
    assert next_step in raised.value.next_step


@pytest.mark.parametrize(("text", "gap"), [("user   item\nu1   31\n", "   "), ('"user" "item"\n"u1" "31"\n', " ")])
def test_blanks_between_columns_are_told(tmp_path: Path, text: str, gap: str) -> None:
    with pytest.raises(RecordError, match="blanks part the columns") as raised:
        interaction_files(TableMapping(), [written(tmp_path / "t.txt", text)])
    assert raised.value.next_step == f"say so: --separator '{gap}'"
    found = events_of(tmp_path / "t.txt", TableMapping(file=Layout(separator=gap)))
    assert [event[:2] for event in found] == [("u1", "31")]


def test_a_column_of_words_is_no_rating_and_told(tmp_path: Path) -> None:
    tables = interaction_files(TableMapping(), [written(tmp_path / "t.csv", "user,item,grade,weight\n1,31,A,137lbs\n")])
    assert (tables.mapping.events.rating, tables.mapping.events.weight) == (None, None)
    assert [remark for remark in tables.remarks if "not used" in remark] == [
        "grade holds no rating, e.g. 'A': it is not used",
        "weight holds no weight, e.g. '137lbs': it is not used",
    ]
    named = TableMapping(events=EventColumns(rating="grade"))
    assert interaction_files(named, [tmp_path / "t.csv"]).mapping.events.rating == "grade"


def test_what_was_passed_over_and_what_else_was_found_is_told(tmp_path: Path) -> None:
    text = "user_id,session_id,artist_id,artist_name,track_id,track_name\n,s1,4,Aya,31,One\n"
    tables = interaction_files(TableMapping(), [written(tmp_path / "t.csv", text)])
    assert "user_id is missing in 100% of the first rows, so session_id is the user: --user says otherwise" in (
        tables.remarks
    )
    assert (tables.mapping.events.item, tables.mapping.items.title) == ("track_id", "track_name")
    line = '{"count": 2, "results": [{"user": 1, "item": 31}]}'
    tables = interaction_files(TableMapping(), [written(tmp_path / "t.json", line)])
    assert tables.mapping.events.weight is None


def test_comments_are_no_rows_of_a_file_whose_columns_are_named(tmp_path: Path) -> None:
    known = TableMapping(file=Layout(separator=" ", columns=("user", "item", "rating", "at")))
    path = written(tmp_path / "out.edges", "% bip weighted\n% 1 1 1\n1 31 2 1583020800\n")
    assert events_of(path, known) == [("1", "31", 2.0, DAY)]


@pytest.mark.parametrize(
    ("text", "proposal"),
    [
        ("A1,B7,5.0,1583020800\n", "--columns user,item,rating,at"),
        ("17,2020-03-01T00:00:00Z,30.25,-97.75,31\n", "--columns user,at,c3,c4,item"),
        ("% bip weighted\n1 31 2 1583020800\n", "--separator ' ' --columns user,item,rating,at"),
        ("0 9 0 1\n1 4\n2 5 6\n", "print $1, $i"),
        ("B00A0A0A0A,A1REUF3A1YCPHM,5.0,1583020800\n", "--columns item,user,rating,at"),
        ("0001713353,A1REUF3A1YCPHM,5.0,1583020800\n", "--columns item,user,rating,at"),
        ("1::1193::5::978300760\n", "--columns user,item,rating,at"),
        ("a1\t\tBob\t17\n", "--columns user,c2,item,"),
        ("0\t5\t5\t68fd1e64\t68fd1e64\n", "--columns user,item,rating,c4,c5"),
        ("0\t5" + "\t68fd1e64" * 26 + "\n", "each row must say who and what"),
        ("u1\tb1\t\\N\t2020-03-01 10:00:00+00\n", "--columns user,item,c3,at"),
    ],
)
def test_columns_are_proposed_where_the_first_line_names_none(tmp_path: Path, text: str, proposal: str) -> None:
    with pytest.raises(RecordError, match="names no columns") as raised:
        interaction_files(TableMapping(), [written(tmp_path / "t.txt", text)])
    assert proposal in raised.value.next_step


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_file_known_by_name_is_read_in_the_encoding_that_it_has(tmp_path: Path, encoding: str) -> None:
    movies = written(tmp_path / "movies.dat", "31::Édison (1894)::Short\n", encoding)
    tables = interaction_files(TableMapping(), [written(tmp_path / "ratings.dat", "1::31::5::1583020800\n")], movies)
    assert records_of(tables, 1) == [Item(id="31", title="Édison (1894)")]


@pytest.mark.parametrize(("times", "seconds"), [("0 -1", [None, None]), ("0 1583020800", [None, 1583020800])])
def test_zeros_are_no_order_of_events(tmp_path: Path, times: str, seconds: list[int | None]) -> None:
    rows = "".join(f"u,{number},{time}\n" for number, time in enumerate(times.split()))
    tables = interaction_files(TableMapping(), [written(tmp_path / "t.csv", f"user,item,at\n{rows}")])
    assert [record.at for record in records_of(tables) if isinstance(record, Interacted)] == seconds


def test_the_items_of_a_session_of_recbole_are_told_and_can_be_taken(tmp_path: Path) -> None:
    header = "session_id:token\titem_id_list:token_seq\titem_id:token\n"
    path = written(tmp_path / "s.inter", f"{header}s\ti1\ti2\ns\ti1 i2\ti3\n")
    tables = interaction_files(TableMapping(), [path])
    assert any("--item item_id_list:token_seq" in remark for remark in tables.remarks)
    before = TableMapping(events=EventColumns(item="item_id_list:token_seq"))
    assert [event[1] for event in events_of(path)] == ["i2", "i3"]
    assert [event[1] for event in events_of(path, before)] == ["i1", "i1", "i2"]


def test_columns_of_0_and_1_are_a_genre_each(tmp_path: Path) -> None:
    movies = written(tmp_path / "u.item", "31|Gold|01-Jan-1995||http://x|0|1|1" + "|0" * 15 + "|1\n")
    tables = interaction_files(TableMapping(), [written(tmp_path / "u.data", "1\t31\t2\t1260759144\n")], movies)
    row = next(read_rows(movies, tables.files[1].source, lambda *_: None)).value
    assert not isinstance(row, BadRecord)
    records = tables.files[1].source.parse(row).records
    assert [record.id for record in records if isinstance(record, Category)] == ["Action", "Adventure", "Western"]


@pytest.mark.parametrize(
    ("items", "chosen", "is_told"),
    [
        ([{"asin": "", "book_id": "31", "title": "A"}], "book_id", False),
        ([{"id": 31, "book_id": 2_767_052, "title": "A"}, {"id": 32, "book_id": 8, "title": "B"}], "id", True),
        ([{"id": 1, "book_id": 99, "title": "A"}], "book_id", True),
    ],
)
def test_ids_of_items_are_those_that_the_events_name(
    tmp_path: Path, items: list[dict[str, object]], chosen: str, is_told: bool
) -> None:
    events = written(tmp_path / "t.csv", "user,book_id\n1,31\n2,32\n")
    table = written(tmp_path / "books.jsonl", "\n".join(map(json.dumps, items)))
    tables = interaction_files(TableMapping(), [events], table)
    assert tables.mapping.items.id == chosen
    assert any("--item-id" in remark for remark in tables.remarks) == is_told


def test_who_is_missing_in_words_is_missing(tmp_path: Path) -> None:
    rows = "user,item\n  7 ,a \nNone,b\nundefined,c\nNA,d\n8,None\n"
    tables = interaction_files(TableMapping(), [written(tmp_path / "t.csv", rows)])
    found = []
    for row in read_rows(tmp_path / "t.csv", tables.files[0].source, lambda *_: None):
        assert not isinstance(row.value, BadRecord)
        try:
            event = tables.files[0].source.parse(row.value).records[0]
            found.append((event.source_id, event.target_id) if isinstance(event, Interacted) else None)
        except BadRecord as bad:
            found.append(bad.reason.value)
    assert found == [("7", "a"), *["missing_id"] * 4]
    assert events_of(written(tmp_path / "u.csv", "user,item\nNA,a\nu7,a\n"))[0][0] == "NA"


def test_commas_in_titles_at_the_end_of_a_line_are_part_of_them(tmp_path: Path) -> None:
    events = written(tmp_path / "votes.csv", "user_id,item_id\nu1,72\n")
    movies = written(tmp_path / "movie_titles.csv", '72,1974,At Home, Among "Us"\n73,1974,Up, Up, and Away\n')
    tables = interaction_files(TableMapping(), [events], movies)
    assert records_of(tables, 1) == [
        Item(id="72", title='At Home, Among "Us"'),
        Item(id="73", title="Up, Up, and Away"),
    ]


def test_the_rows_of_a_copy_end_where_it_does(tmp_path: Path) -> None:
    rows = written(tmp_path / "loans.copy", "u1\tb1\t\\N\t2020-03-01 00:00:00+00\n\\.\n")
    columns = Layout(separator="\t", columns=("user", "item", "rating", "at"))
    assert events_of(rows, TableMapping(file=columns)) == [("u1", "b1", None, DAY)]


def test_impressions_that_say_no_clicks_are_told_apart(tmp_path: Path) -> None:
    test_part = written(tmp_path / "behaviors.tsv", "1\tU9\t11/13/2019 8:36:57 AM\tN1 N2\tN3 N4\n")
    with pytest.raises(RecordError, match="do not say what was clicked"):
        interaction_files(TableMapping(), [test_part])


def test_a_table_that_mysql_drew_is_told(tmp_path: Path) -> None:
    drawn = written(tmp_path / "t.txt", "+----+----+\n| user_id | item_id |\n+----+----+\n| 1 | 2 |\n")
    with pytest.raises(RecordError, match="mysql prints it") as raised:
        interaction_files(TableMapping(), [drawn])
    assert "--batch" in raised.value.next_step


@pytest.mark.parametrize(
    ("text", "told", "next_step"),
    [
        (
            "Sales of 2023\nby: shop\n\nCustomer;Product;Date\nu1;a;2023-01-01\n",
            "line 4 of .* names its col",
            "+4 FILE",
        ),
        ("CREATE TABLE r (user_id int, item_id int);\nINSERT INTO r VALUES (1, 2);\n", "statements of SQL", "as CSV"),
        (",,\nu1,a,4\n", "names no columns: ,,", "write the names into it"),
        ("Date,Name,Rating\n2023-01-01,A film,4\n", "no column", "--user COLUMN --item COLUMN; where a file is of one"),
    ],
)
def test_what_stands_where_a_header_is_wanted_is_told(tmp_path: Path, text: str, told: str, next_step: str) -> None:
    with pytest.raises(RecordError, match=told) as raised:
        interaction_files(TableMapping(), [written(tmp_path / "t.csv", text)])
    assert next_step in raised.value.next_step


def test_exports_of_one_user_each_go_by_their_folders(tmp_path: Path) -> None:
    for user, rating in (("anna", 5), ("bob", 0)):
        (tmp_path / f"user={user}").mkdir()
        export = f"Book Id,Title,My Rating,Date Added\n7,A book,{rating},2021/02/03\n8,Another,{rating},2021/02/04\n"
        written(tmp_path / f"user={user}" / "library.csv", export)
    tables = interaction_files(TableMapping(), [tmp_path])
    assert [file.path.parent.name for file in tables.files] == ["user=anna", "user=bob"]
    columns = tables.mapping.events
    assert (columns.user, columns.item, columns.rating, columns.at) == ("user", "Book Id", "My Rating", "Date Added")


def test_a_database_of_duckdb_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 400)
    with pytest.raises(RecordError, match="is a DuckDB database"):
        interaction_files(TableMapping(), [tmp_path / "t.db"])


def test_days_of_excel_are_times_where_it_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "user,item,date\nu,a,44927.25\nu,b,44928\n")
    assert "if they are Excel's days: --at-format excel" in interaction_files(TableMapping(), [path]).remarks[0]
    known = TableMapping(events=EventColumns(at_format="excel"))
    jan_1 = 1672531200
    assert [at for *_, at in events_of(path, known)] == [jan_1 + 6 * 3600, jan_1 + 86_400]


@pytest.mark.parametrize("content", ["", "\n", "\ufeff"])
def test_an_empty_table_is_told(tmp_path: Path, content: str) -> None:
    with pytest.raises(RecordError, match="no column"):
        interaction_files(TableMapping(), [written(tmp_path / "t.csv", content)])


def test_one_column_is_not_user_and_item_at_once(tmp_path: Path) -> None:
    known = TableMapping(events=EventColumns(user="reader", item="reader"))
    with pytest.raises(SettingsError, match="are one column"):
        interaction_files(known, [written(tmp_path / "t.csv", "reader,book\nr1,b1\n")])


def test_a_pipe_is_read_as_often_as_a_table_of_any_columns_needs(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=lambda: pipe.write_text("user,item\nu1,b1\n"))
    writing.start()
    with kept_streams([pipe, "other.csv"]) as kept:
        assert len(records_of(interaction_files(TableMapping(), kept.files[:1]))) == 1
        assert kept.files[1] == "other.csv" and kept.in_given_names(f"{kept.files[0]} line 2") == f"{pipe} line 2"
    writing.join()


def test_a_header_is_read_in_the_encoding_of_its_table(tmp_path: Path) -> None:
    table = written(tmp_path / "t.csv", "Größe;user;item\n1;u1;b1\n", "latin-1")
    assert interaction_files(TableMapping(), [table]).unused["events"] == ["Größe"]
    for encoding in ("gbk", "utf-16"):
        named = TableMapping(file=Layout(encoding=encoding))
        table = written(tmp_path / "t.csv", "用户,商品\n张三,手机\n", encoding)
        assert [event[:2] for event in events_of(table, named)] == [("张三", "手机")]


@pytest.mark.parametrize(
    "rows",
    [
        "user,item,date,time\nu,a,2020-03-01,17:05:09\nu,b,2020-03-02,\n",
        "user,item,time,date\nu,a,5:05:09 PM,3/1/2020\nu,b,,3/13/2020\n",
        "user,item,Date,Time\nu,a,2020-03-01 00:00:00,17:05:09\nu,b,20200302,\n",
    ],
)
def test_times_of_the_day_may_stand_beside_their_days(tmp_path: Path, rows: str) -> None:
    first, second = events_of(written(tmp_path / "t.csv", rows))
    assert first == ("u", "a", None, DAY + 17 * 3600 + 5 * 60 + 9) and second[3] in (DAY + 86_400, DAY + 12 * 86_400)


def test_times_of_the_day_alone_are_no_times(tmp_path: Path) -> None:
    table = written(tmp_path / "t.csv", "user,item,time\nu,a,17:05\n")
    assert interaction_files(TableMapping(), [table]).mapping.events.at is None
    whole = written(tmp_path / "w.csv", f"user,item,timestamp,time\nu,a,{DAY},17:05\n")
    assert events_of(whole) == [("u", "a", None, DAY)]
