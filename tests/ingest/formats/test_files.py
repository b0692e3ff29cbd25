"""The same reviews in every format give the same records; a file of no format is explained."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kindred.domain.errors import RecordError
from kindred.domain.progress import silent
from kindred.domain.records import Reviewed
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.times import milliseconds_of
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.source import Source
from kindred.ingest.sources.amazon import METADATA, REVIEWS
from tests.ingest.conftest import Row, json_lines, review

MULTI_LINE = 'first "line"\nsecond, line;\tthird'
REVIEW_ROWS = [review(n, verified=n % 2 == 0, reviewText=MULTI_LINE if n == 3 else f"text {n}") for n in range(40)]


def to_csv(rows: list[Row], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def to_parquet(rows: list[Row]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def to_arrow(rows: list[Row], is_stream: bool = False) -> bytes:
    out, table = io.BytesIO(), pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(out, table.schema) if is_stream else pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def to_parquet_bytes(lines: bytes) -> bytes:
    return to_parquet([json.loads(line) for line in lines.splitlines()])


FORMATS: dict[str, Callable[[list[Row]], bytes]] = {
    "json lines": json_lines,
    "json lines with CRLF": lambda rows: json_lines(rows).replace(b"\n", b"\r\n"),
    "gzip": lambda rows: gzip.compress(json_lines(rows)),
    "csv": to_csv,
    "semicolons": lambda rows: to_csv(rows, ";"),
    "tabs, gzip": lambda rows: gzip.compress(to_csv(rows, "\t")),
    "bars": lambda rows: to_csv(rows, "|"),
    "utf-16": lambda rows: to_csv(rows).decode("utf-8-sig").encode("utf-16"),
    "bzip2": lambda rows: bz2.compress(json_lines(rows)),
    "xz": lambda rows: lzma.compress(json_lines(rows)),
    "zstd": lambda rows: pa.compress(json_lines(rows), "zstd", asbytes=True),
    "zip": lambda rows: zipped({"a folder/reviews.jsonl": json_lines(rows), "__MACOSX/._reviews": b"x"}),
    "zip of csv.gz": lambda rows: zipped({"reviews.csv.gz": gzip.compress(to_csv(rows))}),
    "tar": lambda rows: tarred({"reviews.jsonl": json_lines(rows)}),
    "tar.gz": lambda rows: gzip.compress(tarred({"reviews.csv": to_csv(rows)})),
    "tar.xz": lambda rows: lzma.compress(tarred({"reviews.jsonl": json_lines(rows)})),
    "json array": lambda rows: json.dumps(rows).encode("utf-8-sig"),
    "json array, indented, gzip": lambda rows: gzip.compress(json.dumps(rows, indent=2, ensure_ascii=False).encode()),
    "python": lambda rows: "\n".join(map(str, rows)).encode(),
    "parquet": to_parquet,
    "parquet, gzip": lambda rows: gzip.compress(to_parquet(rows)),
    "arrow": to_arrow,
    "arrow stream": lambda rows: to_arrow(rows, is_stream=True),
}


def reviews_in(path: Path) -> list[Reviewed]:
    records = []
    for row in read_rows(path, REVIEWS, silent):
        assert not isinstance(row.value, BadRecord), row
        about = REVIEWS.parse(row.value).records[0]
        assert isinstance(about, Reviewed)
        records.append(about)
    return records


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_is_told_from_the_content(tmp_path: Path, name: str) -> None:
    (tmp_path / "reference").write_bytes(json_lines(REVIEW_ROWS))
    path = tmp_path / "reviews.misleading"
    path.write_bytes(FORMATS[name](REVIEW_ROWS))
    found = reviews_in(path)
    assert found == reviews_in(tmp_path / "reference")
    assert found[3].text == MULTI_LINE


def in_words(name: str) -> str:
    """`reviewerID` as `Reviewer id`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


@pytest.mark.parametrize(
    "named",
    [str.upper, str.lower, " {}  ".format, in_words, lambda name: in_words(name).replace(" ", "-")],
    ids=["upper", "lower", "padded", "words", "dashes"],
)
@pytest.mark.parametrize("name", ["json lines", "json array", "python", "csv", "tabs, gzip", "parquet", "arrow"])
def test_columns_are_known_in_other_capitals_and_padded(name: str, named: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "reference").write_bytes(json_lines(REVIEW_ROWS))
    path = tmp_path / "reviews"
    path.write_bytes(FORMATS[name]([{named(column): value for column, value in row.items()} for row in REVIEW_ROWS]))
    assert reviews_in(path) == reviews_in(tmp_path / "reference")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.json", b'[{"asin": "p"}, {"asin": "q"', "JSON array .* broken after element 1 "),
        ("open.json", b'[{"asin": "p"}\n', "JSON array .* broken after element 1 "),
        ("no.json", b'[{"asin": "p"} "x: {}]', "JSON array .* broken after element 1 "),
        (
            "other.csv",
            b"person,item,points\n1,2,3\n",
            "understood; its columns are person, item, points — ",
        ),
        (
            "near.csv",
            b"reviewer,asin,overall\n1,2,3\n",
            "user .*nearest there is reviewer.; its .* are reviewer, ",
        ),
        ("twice.csv", b"asin,reviewerID,overall,asin\n1,2,3,4\n", "names a column twice: asin(?!,)"),
        ("broken", b"PAR1 and then nothing", "can't be read"),
        ("other.parquet", to_parquet([{"user": 1}]), "understood; its columns are user — "),
        (
            "half.parquet",
            to_parquet([{"asin": "p", "customer": 1}]),
            "nearest there is customer.; its columns are asin, ",
        ),
        ("page.html", b"\n<!DOCTYPE html><html></html>", "an HTML page"),
        ("saved.csv", b"<!-- saved from a shop -->\n<HTML><body>asin,user_id", "an HTML page"),
        ("login.csv", b"<META charset=utf-8><TITLE>asin,user_id</TITLE>", "an HTML page"),
        ("feed.csv", b'<rss version="2.0"><item>asin,user_id</item></rss>', "an XML document"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        ("table.html", b'<table border="1">\n<tr><td>1', "an HTML page with a table"),
        ("frame.pkl", b"\x80\x05\x95\xaa\x15\0\0\0\0\0\0\x8c", "a Python pickle"),
        ("photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\6", "a picture"),
        ("shop.db", b"SQLite format 3\0\x10\0\1\1\0\x40\x20\x20", "an SQLite database"),
        ("shop.mdb", b"\0\1\0\0Standard Jet DB\0\1\0\0\0", "an Access database"),
        ("old.dta", b"\x72\2\1\0\1\0\5\0\0\0", "a Stata file"),
        ("new.dta", b"<stata_dta><header><release>118", "a Stata file"),
        ("a.sas7bdat", bytes(12) + b"\xc2\xea\x81\x60\xb3\x14", "a SAS file"),
        ("table.rds", gzip.compress(b"X\n\0\0\0\3\0\4\1\0", mtime=0), "an object of R"),
        ("reviews.lz4", b"\x04\x22\x4d\x18\x64\x40\xa7", "packed by lz4"),
        ("reviews.lzma", lzma.compress(b"x" * 99, format=lzma.FORMAT_ALONE), "packed by an old lzma"),
        ("link", b"/annex/objects/MD5E-s9--0.csv\n", "a pointer of git-annex"),
        ("packed", b"of letters first" * 16 + bytes(range(256)), "no text and no table"),
        ("book.pdf", b"%PDF-1.7", "a PDF"),
        ("list.m3u8", b"\xef\xbb\xbf#EXTM3U\n#EXTINF:200,A - T\n", "a playlist of M3U"),
        ("reviews.txt", b"reviews[('7', 'u')] = {'work': '7', 'user': 'u', 'stars': 4.0}\n", "a program of Python"),
        ("list.pls", b"[playlist]\nFile1=a.mp3\n", "a playlist of PLS"),
        (".scrobbler.log", b"#AUDIOSCROBBLER/1.1\n#TZ/UTC\n", "a log of AudioScrobbler"),
        ("rating.mtx", b"%%MatrixMarket matrix coordinate real general\n3 3 1\n1 1 4\n", "a matrix of Matrix Market"),
        ("rating.mat", b"MATLAB 5.0 MAT-file", "a MATLAB file"),
        ("noise", bytes(range(256)) * 9, "no text"),
        ("two.zip", zipped({"a.csv": b"x", "b.csv": b"y"}), "zip archive .* one file alone: a.csv, b.csv"),
        ("none.zip", zipped({}), "a zip archive that holds no file"),
        ("book.xlsx", zipped({"[Content_Types].xml": b"x", "sheet": b"y"}), "Excel"),
        ("two.tar", tarred({"a.jsonl": b'{"asin": "p"}', "b": b""}), "tar archive .* one file alone: a.jsonl, b"),
        (
            "two.tar.gz",
            gzip.compress(tarred({"a": b'{"asin": "p"}', "b": b""}), mtime=0),
            "tar archive .* one file alone",
        ),
        ("cut.gz", gzip.compress(json_lines(REVIEW_ROWS), mtime=0)[:-20], "packed and broken"),
        ("cut.xz", lzma.compress(json_lines(REVIEW_ROWS))[:-20], "packed and broken"),
    ],
)
def test_a_file_of_no_use_is_explained(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordError, match=message) as caught:
        list(read_rows(path, REVIEWS, silent))
    assert caught.value.next_step and "b'" not in str(caught.value)


def test_a_list_in_the_first_line_is_a_bad_line_and_not_an_array_file(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(b"[1, 2]\n" + json_lines([review(1)]))
    first, second = read_rows(path, REVIEWS, silent)
    assert isinstance(first.value, BadRecord) and first.value.reason == "not_an_object"
    assert isinstance(second.value, dict)


TABLE = Source(columns=("asin", "reviewText", "unixReviewTime"), parse=REVIEWS.parse)


def test_a_quote_left_open_costs_its_own_line_only(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(b'asin,reviewText\np1,"never closed\np2,plain\np3,"two\nlines"\np4,5" nail\np5,"b"ad\np6,"end')
    rows = list(read_rows(path, TABLE, silent))
    assert [(row.number, row.value if isinstance(row.value, dict) else row.value.reason.value) for row in rows] == [
        (2, "broken_csv"),
        (3, {"asin": "p2", "reviewText": "plain"}),
        (4, {"asin": "p3", "reviewText": "two\nlines"}),
        (6, {"asin": "p4", "reviewText": '5" nail'}),
        (7, "broken_csv"),
        (8, "broken_csv"),
    ]
    assert rows[2].raw == b'p3,"two\nlines"'


def test_long_csv_cells_are_read_and_too_long_rows_are_not(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(b"asin,reviewText\np1," + b"x" * 500_000 + b"\np2," + b"y" * 1_000_001 + b"\np3,z\n")
    first, second, third = read_rows(path, TABLE, silent)
    assert isinstance(first.value, dict) and len(str(first.value["reviewText"])) == 500_000
    assert isinstance(second.value, BadRecord) and second.value.reason == "line_too_long" and second.length == 1_000_004
    assert third.value == {"asin": "p3", "reviewText": "z"}


@pytest.mark.parametrize(
    "content",
    [
        b"asin,reviewText,\np1,good,\np2,,\n",  # a comma at the end of each line
        b"asin,reviewText\np1,good,,\np2,,\n",
        b",asin,reviewText\n0,p1,good\n1,p2,NaN\n",  # an index without a name
        b"asin|reviewText\np1|good\np2|\n",
        "\ufeffasin;reviewText\r\np1;good\r\np2;\r\n".encode("utf-16-le"),
        "asin\treviewText\np1\tgood\np2\t\\N\n".encode("utf-16-be"),
        "asin\treviewText\np1\tgood\np2\t\n".encode("utf-16"),
        b'"asin","reviewText"\n"p1","good"\n"p2",""\n',
    ],
)
def test_csv_as_tools_write_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)
    rows = [row.value for row in read_rows(path, TABLE, silent)]
    assert rows == [{"asin": "p1", "reviewText": "good"}, {"asin": "p2", "reviewText": None}]


def test_quotes_escaped_by_a_backslash(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(b'asin,reviewText\np1,"say \\"hi\\", then"\np2,"C:\\\\dir\\\\"\np3,"6\\""\np4,plain\n')
    texts = [row.value["reviewText"] for row in read_rows(path, TABLE, silent) if isinstance(row.value, dict)]
    assert texts == ['say "hi", then', "C:\\dir\\", '6"', "plain"]


def test_latin_letters_are_read_and_said_and_damaged_utf8_is_not(tmp_path: Path) -> None:
    path, remarks = tmp_path / "reviews.csv", list[str]()
    path.write_bytes("asin,reviewText\np1,Café – “très bon”\n".encode("cp1252"))
    (row,) = read_rows(path, TABLE, silent, remarks.append)
    assert row.value == {"asin": "p1", "reviewText": "Café – “très bon”"} and len(remarks) == 1
    path.write_bytes("asin,reviewText\np1,Café\n".encode() + b"p2,Caf\xe9\n")
    first, second = read_rows(path, TABLE, silent)
    assert first.value == {"asin": "p1", "reviewText": "Café"}
    assert isinstance(second.value, BadRecord) and second.value.reason == "invalid_utf8"


def test_arrow_times_of_any_unit_are_kept_and_bad_values_cost_one_row(tmp_path: Path) -> None:
    moment = datetime(2014, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
    text = pa.Array.from_buffers(pa.string(), 3, pa.array([b"good", b"\xff", b"fine"], pa.binary()).buffers())
    path = tmp_path / "reviews"
    for unit, zone in (("ms", "UTC"), ("us", None), ("ns", "Europe/Berlin")):
        times = pa.array([moment] * 3, pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, "UTC"))
        pq.write_table(pa.table({"unixReviewTime": times.cast(pa.timestamp(unit, zone)), "reviewText": text}), path)
        first, second, third = read_rows(path, TABLE, silent)
        assert isinstance(first.value, dict) and isinstance(third.value, dict)
        assert milliseconds_of(first.value["unixReviewTime"], "") == 1_393_675_200_123
        assert first.value["reviewText"] == "good" and third.value["reviewText"] == "fine"
        assert isinstance(second.value, BadRecord) and second.value.reason == "invalid_utf8"


def test_lines_may_be_python_dictionaries(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_bytes(
        b"{'asin': 'p1', 'title': 'It\\'s', 'categories': [['A', 'B']]}\n{'asin': exit()}\n"
        b'{"asin": "p2"}\n{"asin": \'p3\', "title": "It\'s"}\n'
    )
    first, second, third, fourth = read_rows(path, METADATA, silent)
    assert first.value == {"asin": "p1", "title": "It's", "categories": [["A", "B"]]}
    assert isinstance(second.value, BadRecord) and second.value.reason == "broken_json"
    assert third.value == {"asin": "p2"} and fourth.value == {"asin": "p3", "title": "It's"}


def test_a_document_in_the_wrapper_of_a_search_engine(tmp_path: Path) -> None:
    path = tmp_path / "dump.ndjson"
    path.write_bytes(b'{"_index": "i", "_id": "1", "_source": {"asin": "p"}}\n')
    (row,) = read_rows(path, METADATA, silent)
    assert row.value == {"asin": "p"}


def test_lines_that_tell_a_search_engine_what_to_do_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "bulk.ndjson"
    path.write_bytes(
        b'{"index": {"_index": "i"}}\n{"asin": "p"}\n{"create": {}}\n{"asin": "q"}\n{"delete": {"_id": "1"}}\n'
        b'{"index": 3}\n{"index": {"of": 3}}\n'
    )
    rows = [row.value for row in read_rows(path, METADATA, silent)]
    assert rows == [{"asin": "p"}, {"asin": "q"}, {"index": 3}, {"index": {"of": 3}}]


@pytest.mark.parametrize(
    "content",
    [
        b"# exported by a tool, with commas\n#\nasin,reviewText\np1,good\n",
        b"% of products\nASIN;reviewText\np1;good\n",
        b'\xef\xbb\xbf# products\n{"asin": "p1", "reviewText": "good"}\n',
        "# Prüfung\nasin,reviewText\np1,good\n".encode("utf-16"),
    ],
)
def test_remarks_above_a_table_are_no_rows(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)
    assert [row.value for row in read_rows(path, TABLE, silent)] == [{"asin": "p1", "reviewText": "good"}]


def test_a_header_that_begins_like_a_remark_is_none(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(b"# row,asin,reviewText\n1,p1,good\n")
    assert [row.value for row in read_rows(path, TABLE, silent)] == [{"asin": "p1", "reviewText": "good"}]


def test_a_column_that_the_file_has_is_in_every_row(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(b'{"asin": "p", "reviewerID": "u"}\n{"asin": "p", "overall": 5}\n')
    first, second = (row.value for row in read_rows(path, REVIEWS, silent))
    assert first == {"asin": "p", "reviewerID": "u", "overall": None} and second == {"asin": "p", "overall": 5}


def test_progress_counts_rows_and_ends_at_their_number(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(json_lines([review(n) for n in range(3000)]))
    seen: list[tuple[str, int, int | None]] = []
    list(read_rows(path, REVIEWS, lambda stage, done, total: seen.append((stage, done, total))))
    assert seen[-1] == ("reading reviews.jsonl", 3000, 3000)
    assert [done for _, done, _ in seen] == [1024, 2048, 3000]
    assert all(total is not None and done <= total for _, done, total in seen)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, to_parquet_bytes])
def test_a_pipe_is_read_as_a_file_is(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "reference").write_bytes(json_lines(REVIEW_ROWS))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(pack(json_lines(REVIEW_ROWS)),))
    writer.start()
    found = reviews_in(pipe)
    writer.join()
    assert found == reviews_in(tmp_path / "reference")


def test_standard_input_is_a_dash() -> None:
    program = (
        "from kindred.ingest.reviews import read_reviews; print(len(read_reviews(__import__('pathlib').Path('-'))))"
    )
    content = json_lines(REVIEW_ROWS)
    done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=True)
    assert int(done.stdout) == len({row["reviewerID"] for row in REVIEW_ROWS})
