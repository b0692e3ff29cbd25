"""Tables of text as other programs write them: each loads as it is, and no line that is no row becomes one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.domain.progress import silent
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.rows import Row
from kindred.ingest.interactions import interaction_files
from kindred.ingest.sources.amazon import REVIEWS
from kindred.ingest.tables.mapping import EventColumns, Layout, TableMapping

WANTED = [("u1", "a", "4"), ("u2", "b", "5")]


def rows_of(path: Path, layout: Layout | None = None) -> list[Row]:
    [file] = interaction_files(TableMapping(file=layout or Layout()), [path]).files
    return list(read_rows(path, file.source, silent))


def cells(rows: list[Row]) -> list[tuple[object, ...]]:
    return [
        (str(row.value),) if isinstance(row.value, BadRecord) else tuple(str(v) for v in row.value.values())
        for row in rows
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"sep=;\r\nuser;item;rating\r\nu1;a;4\r\nu2;b;5\r\n",
        b"\xef\xbb\xbfsep=,\nuser,item,rating\nu1,a,4\nu2,b,5\n",
        b'"sep=|"\nuser|item|rating\nu1|a|4\nu2|b|5\n',
        b"user, item, rating\nu1, a, 4\nu2, b, 5\n",
        b'user,item,rating\n="u1",="a",="4"\n"=""u2""","=""b""",5\n',
        b'"user", "item", "rating"\n"u1", "a", 4\n"u2", "b", 5\n',
        b'" user "," item "," rating "\n"u1","a",4\n"u2","b",5\n',
        b'"user","item","rating"\n"1","u1","a",4\n"2","u2","b",5\n',
        b"user,item,rating\ru1,a,4\ru2,b,5\r",
        b"user\titem\trating\ru1\ta\t4\ru2\tb\t5",
        gzip.compress(b"user,item,rating\nu1,a,4\n", mtime=0) + gzip.compress(b"user,item,rating\nu2,b,5\n", mtime=0),
        b'{"user":"u1","item":"a","rating":4}\n{"user":"u2","item":"b","rating":5}\n',
        b"{u'user': u'u1', u'item': u'a', u'rating': 4}\n{u'user': u'u2', u'item': u'b', u'rating': 5}\n",
        b'{"user":"u1","item":"a","rating":4}{"user":"u2","item":"b","rating":5}',
        b'{"user":"u1","item":"a","rating":4},\n{"user":"u2","item":"b","rating":5}\n',
        b'{"user": "u1",\n "item": "a", "rating": 4}\n{"user": "u2",\n "item": "b", "rating": 5}\n',
        b'{\n  "user": "u1",\n  "item": "a",\n  "rating": 4\n}\n{\n  "user": "u2",\n  "item": "b",\n  "rating": 5\n}\n',
    ],
)
def test_a_table_loads_as_programs_write_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert cells(rows_of(tmp_path / "t.csv")) == WANTED


@pytest.mark.parametrize("rows", ["1,u1,a,4\n", "1,u1,a,4\n1,u2,b,5\n", "1,u1,a,4\nu2,b,5\n", "u1,a,4,7\nu2,b,5,8\n"])
def test_a_cell_too_many_numbers_no_rows_where_it_does_not_count_them(tmp_path: Path, rows: str) -> None:
    (tmp_path / "t.csv").write_text("user,item,rating\n" + rows)
    assert cells(rows_of(tmp_path / "t.csv"))[0] == ("4 cells, the header has 3",)


@pytest.mark.parametrize(
    "printed",
    [
        "| user | item | rating |\n|:---|:---|---:|\n| u1 | a | 4 |\n| u2 | b | 5 |\n",
        " user | item | rating \n------+------+--------\n u1 | a | 4\n u2 | b | 5\n(2 rows)\n\n",
        "user\titem\trating\n----\t----\t------\nu1\ta\t4\nu2\tb\t5\n\n(2 rows affected)\n",
    ],
)
def test_what_frames_a_printed_table_is_no_row_of_it(tmp_path: Path, printed: str) -> None:
    (tmp_path / "t.txt").write_text(printed)
    assert [tuple(str(cell).strip() for cell in row) for row in cells(rows_of(tmp_path / "t.txt"))] == WANTED


def test_numbers_of_lines_count_the_line_that_names_the_separator(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sep=;\nuser;item\nu1;a\n")
    assert [row.number for row in rows_of(tmp_path / "t.csv")] == [3]


def test_reviews_are_read_in_the_same_dialects(tmp_path: Path) -> None:
    header = '" reviewerID ";" asin ";overall'
    (tmp_path / "t.csv").write_text(f"sep=;\r{header}\rU1;P1;4\r{header}\r")
    [row] = read_rows(tmp_path / "t.csv", REVIEWS, silent)
    assert not isinstance(row.value, BadRecord) and row.value["asin"] == "P1"


def test_quotes_after_backslashes_are_understood_also_where_the_separator_is_given(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('"user";"item"\n"u1";"The \\"best\\" one"\n')
    assert cells(rows_of(tmp_path / "t.csv", Layout(separator=";", encoding="latin-1"))) == [("u1", 'The "best" one')]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_of_columns_may_go_on_in_the_next_line_as_in_cells_that_are_wrapped(tmp_path: Path, end: str) -> None:
    lines = ['user;"item', '(number)";"rating', "from 1", 'to 5";"5 or ""more"""', "u1;a;4;x", "u2;b;5;y", ""]
    (tmp_path / "t.csv").write_bytes(end.join(lines).encode())
    named = TableMapping(events=EventColumns(item="item (number)", rating="rating from 1 to 5"))
    [file] = interaction_files(named, [tmp_path / "t.csv"]).files
    assert cells(list(read_rows(file.path, file.source, silent))) == WANTED
    (tmp_path / "r.csv").write_text('"reviewer\nID",asin,"overall","review\nText"\nU1,P1,4,"on\ntwo"\n')
    [row] = read_rows(tmp_path / "r.csv", REVIEWS, silent)
    assert not isinstance(row.value, BadRecord) and row.number == 4
    assert row.value == {"reviewerID": "U1", "asin": "P1", "overall": "4", "reviewText": "on\ntwo"}


def test_users_of_a_matrix_may_be_named_on_two_lines(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('"reader\nno";"a\nb";c;d\nu1;4;5;3\nu2;1;2;4\n')
    found = cells(rows_of(tmp_path / "m.csv", Layout(matrix="reader no")))
    assert [row[:2] for row in found[:3]] == [("u1", "a b"), ("u1", "c"), ("u1", "d")] and len(found) == 6


def test_a_quote_in_a_name_that_closes_nowhere_takes_no_row_with_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('user,item,rating,size 5"\nu1,a,4,"x"\nu2,b,5,6"\n')
    assert cells(rows_of(tmp_path / "t.csv")) == WANTED


def test_objects_that_break_off_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"user": "u1", "item": "a"}, indent=1) + '\n{\n "user": "u2"')
    with pytest.raises(RecordError, match="broken after element 1"):
        rows_of(tmp_path / "t.json")


def test_quotes_between_tabs_may_be_characters_like_any_other(tmp_path: Path) -> None:
    text = 'user\titem\ttext\nu1\ta\t"Great" stuff\nu2\tb\t"say ""so"""\nu3\tc\t"open\nu4\td\t"two\nlines"\n'
    (tmp_path / "t.tsv").write_text(text)
    assert cells(rows_of(tmp_path / "t.tsv")) == [
        ("u1", "a", '"Great" stuff'),
        ("u2", "b", 'say "so"'),
        ("u3", "c", '"open'),
        ("u4", "d", "two\nlines"),
    ]


def test_a_first_line_that_names_nothing_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("0 17 4 1393545600\n")
    with pytest.raises(RecordError, match="names no columns") as raised:
        rows_of(tmp_path / "t.txt")
    assert raised.value.next_step == "name them in this order, e.g. --separator ' ' --columns user,item,rating,at"
    (tmp_path / "t.csv").write_text("u1,a,4\n")
    with pytest.raises(RecordError) as raised:
        rows_of(tmp_path / "t.csv")
    assert "--columns user,item,rating" in raised.value.next_step


@pytest.mark.parametrize(
    "second", ["user,item,text\nu2,b,y\n", "\ufeffuser, item, text\nu2,b,y\n", "item,text,user\nb,y,u2\n"]
)
def test_a_header_that_comes_again_says_the_order_below_it(tmp_path: Path, second: str) -> None:
    (tmp_path / "t.csv").write_text(f"user,item,text\nu1,a,x\n{second}", encoding="utf-8")
    rows = [dict(row.value) for row in rows_of(tmp_path / "t.csv") if not isinstance(row.value, BadRecord)]
    assert rows == [{"user": "u1", "item": "a", "text": "x"}, {"user": "u2", "item": "b", "text": "y"}]


@pytest.mark.parametrize("header", ["user,item,rating,at", "user,item,rating,at,"])
def test_a_row_without_one_separator_is_bad_though_commas_end_the_lines(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\nu1,a,4,1583020800,\nu1,b,1583020801,\nu2,b,5,1583020802\n")
    rows = rows_of(tmp_path / "t.csv")
    assert [isinstance(row.value, BadRecord) for row in rows] == [False, True, False]
    assert cells(rows)[1] == ("4 cells, the first row has 5",)


def test_lists_of_rows_are_pointed_at(tmp_path: Path) -> None:
    entries = [{"wer": {"name": "u1"}, "was": "a", "tags": ["x"]}, {"wer": {"name": "u2"}, "was": "a", "tags": []}]
    (tmp_path / "t.json").write_text(json.dumps({"pages": [{"no": 1}], "data": entries}))
    with pytest.raises(RecordError, match="no column") as raised:
        rows_of(tmp_path / "t.json")
    assert "of the entries of data, each of them an event: --user data.wer.name or data.was" in raised.value.next_step
    named = TableMapping(events=EventColumns(user="data.wer.name", item="data.was"))
    tables = interaction_files(named, [tmp_path / "t.json"])
    assert tables.mapping.file.unfold == "data"
    assert not [remark for remark in tables.remarks if "lists beside" in remark], "what is within an entry is its own"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('["u1","a",5]\n["u2","b",4]\n', "jq -c '{user: .[0], item: .[1], rating: .[2]}' FILE"),
        ('[["u1","a",5],["u2","b",4]]', "jq -c '.[] | {user: .[0], item: .[1], rating: .[2]}' FILE"),
        ('[\n  ["a1",1400000000,"u7"]\n]', "jq -c '.[] | {user: .[0], at: .[1], item: .[2]}' FILE"),
    ],
)
def test_objects_are_made_of_all_that_lists_hold(tmp_path: Path, text: str, advice: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(RecordError, match="not_an_object") as raised:
        rows_of(tmp_path / "t.json")
    assert raised.value.next_step == f"make objects of lists: {advice}"


def test_the_file_whose_columns_are_others_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "a.tsv", tmp_path / "b.tsv"
    first.write_text("# exported\nuser\titem\nu1\ta\n")
    second.write_text("#user\titem\nu1\ta\n")
    for file, text in ((second, second.read_text()), (second, "post,text\n1,x\n")):
        file.write_text(text)
        with pytest.raises(RecordError, match=r"b.tsv has no column .*(#user|post)") as raised:
            for given in interaction_files(TableMapping(), [first, second]).files:
                list(read_rows(given.path, given.source, silent))
        assert "by a command of their own" in raised.value.next_step and "--column " not in raised.value.next_step


def test_quotes_after_backslashes_are_understood_also_far_from_the_head(tmp_path: Path) -> None:
    plain = '"u1","a","good"\n' * 20_000
    late = '"u2","b","The \\"best\\" one, in C:\\\\"\n"u3","c","it"\n"u4","d","open\n"u5","e","end"\n'
    (tmp_path / "t.csv").write_text('"user","item","text"\n' + plain + late)
    found = cells(rows_of(tmp_path / "t.csv"))[20_000:]
    assert found[:2] == [("u2", "b", 'The "best" one, in C:\\'), ("u3", "c", "it")]
    assert found[3] == ("u5", "e", "end") and len(found) == 4
