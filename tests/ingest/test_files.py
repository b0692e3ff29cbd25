"""The same reviews in every format give the same records; a file of no format is explained."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kindred.domain.errors import RecordError
from kindred.domain.progress import silent
from kindred.domain.records import Reviewed
from kindred.ingest.bad_records import BadRecord
from kindred.ingest.files import read_rows
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


FORMATS: dict[str, Callable[[list[Row]], bytes]] = {
    "json lines": json_lines,
    "json lines with CRLF": lambda rows: json_lines(rows).replace(b"\n", b"\r\n"),
    "gzip": lambda rows: gzip.compress(json_lines(rows)),
    "csv": to_csv,
    "semicolons": lambda rows: to_csv(rows, ";"),
    "tabs, gzip": lambda rows: gzip.compress(to_csv(rows, "\t")),
    "parquet": to_parquet,
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("pretty.json", b'[\n  {"asin": "p"}\n]\n', "JSON array"),
        ("array.json", b'[{"asin": "p"}, {"asin": "q"}]', "JSON array"),
        ("wide.json", "{}".encode("utf-16"), "UTF-16"),
        ("other.csv", b"user,item,stars\n1,2,3\n", "no header that is understood"),
        ("twice.csv", b"asin,overall,asin\n1,2,3\n", "names a column twice"),
        ("broken", b"PAR1 and then nothing", "can't be read"),
        ("other.parquet", to_parquet([{"user": 1}]), "no column that is understood"),
    ],
)
def test_a_file_of_no_use_is_explained(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordError, match=message) as caught:
        list(read_rows(path, REVIEWS, silent))
    assert caught.value.next_step


def test_a_list_in_the_first_line_is_a_bad_line_and_not_an_array_file(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(b"[1, 2]\n" + json_lines([review(1)]))
    first, second = read_rows(path, REVIEWS, silent)
    assert isinstance(first.value, BadRecord) and first.value.reason == "not_an_object"
    assert isinstance(second.value, dict)


def test_a_quote_left_open_costs_its_own_line_only(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(b'asin,reviewText\np1,"never closed\np2,plain\np3,"two\nlines"\np4,5" nail\np5,"b"ad\np6,"end')
    rows = list(read_rows(path, REVIEWS, silent))
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
    first, second, third = read_rows(path, REVIEWS, silent)
    assert isinstance(first.value, dict) and len(str(first.value["reviewText"])) == 500_000
    assert isinstance(second.value, BadRecord) and second.value.reason == "line_too_long" and second.length == 1_000_004
    assert third.value == {"asin": "p3", "reviewText": "z"}


def test_parquet_moments_become_seconds_and_bad_values_cost_one_row(tmp_path: Path) -> None:
    moment = datetime(2014, 3, 1, tzinfo=UTC)
    table = pa.table(
        {
            "unixReviewTime": pa.array([moment] * 3, pa.timestamp("us", "UTC")),
            "reviewText": pa.Array.from_buffers(
                pa.string(), 3, pa.array([b"good", b"\xff", b"fine"], pa.binary()).buffers()
            ),
        }
    )
    path = tmp_path / "reviews"
    pq.write_table(table, path)
    first, second, third = read_rows(path, REVIEWS, silent)
    assert first.value == {"unixReviewTime": int(moment.timestamp()), "reviewText": "good"}
    assert isinstance(second.value, BadRecord) and second.value.reason == "invalid_utf8"
    assert isinstance(third.value, dict) and third.value["reviewText"] == "fine"


def test_metadata_lines_may_be_python_dictionaries(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_bytes(
        b"{'asin': 'p1', 'title': 'It\\'s', 'categories': [['A', 'B']]}\n{'asin': exit()}\n" + b'{"asin": "p2"}\n'
    )
    first, second, third = read_rows(path, METADATA, silent)
    assert first.value == {"asin": "p1", "title": "It's", "categories": [["A", "B"]]}
    assert isinstance(second.value, BadRecord) and second.value.reason == "broken_json"
    assert third.value == {"asin": "p2"}


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(json_lines(REVIEW_ROWS))
    seen: list[tuple[str, int, int | None]] = []
    list(read_rows(path, REVIEWS, lambda stage, done, total: seen.append((stage, done, total))))
    size = path.stat().st_size
    assert seen[-1] == ("reading reviews.jsonl", size, size)
