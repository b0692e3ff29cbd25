"""Files in columns of their own, or without a header, through the options that name them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.progress import silent
from kindred.ingest.feed import click_files, click_table, post_tables
from kindred.ingest.formats.columns import our_names
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.renaming import with_columns_named
from kindred.ingest.formats.source import Parsed, Source, SourceFile
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.music import tag_files, track_files
from kindred.ingest.searches import search_files
from kindred.ingest.sources.amazon import REVIEWS
from tests.ingest.conftest import DictGraph, Row, json_lines
from tests.ingest.formats.test_files import to_csv, to_parquet


def loaded(files: list[SourceFile], options: IngestOptions) -> DictGraph:
    graph = DictGraph()
    ingest_files(graph, files, None, options)
    return graph


def test_columns_of_other_names_and_within_others_are_read(tmp_path: Path, options: IngestOptions) -> None:
    file = tmp_path / "clicks.json"
    file.write_bytes(json_lines([{"visitor": {"id": 7}, "doc": "d1", "time": 1_483_225_200}]))
    names = {"user_id": "visitor.id", "click_article_id": "doc", "click_timestamp": "time"}
    viewed = loaded(with_columns_named(click_files(file), names), options).tables["VIEWED"]
    assert [(e["source_id"], e["target_id"], e["at"]) for e in viewed.values()] == [("7", "d1", 1_483_225_200)]


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_a_file_without_a_header_is_told_its_columns(tmp_path: Path, options: IngestOptions, separator: str) -> None:
    path = tmp_path / "triplets.txt"
    path.write_text(separator.join(("u1", "song 1", "3")) + "\n" + separator.join(("u2", "song 1", "4")) + "\n")
    files = with_columns_named(track_files(events=path), {"track": "song"}, ["user", "song", "plays"])
    heard = loaded(files, options).tables["LISTENED"]
    assert sorted((e["source_id"], e["target_id"], e["plays"]) for e in heard.values()) == [
        ("u1", "song 1", 3),
        ("u2", "song 1", 4),
    ]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("# genres\n#\n#@format: tid\tgenre\nt1\tA\tB\n", ["track", "tags"]),
        ('# made in 2017\n# id, from, to, labels\nt1, 30.0, 40.0, "A,B"\n', ["track", "from", "to", "tags"]),
    ],
)
def test_remarks_are_no_rows_where_the_columns_are_told(
    tmp_path: Path, options: IngestOptions, text: str, columns: list[str]
) -> None:
    (tmp_path / "tags.txt").write_text(text)
    tagged = loaded(
        with_columns_named(tag_files(tmp_path / "tags.txt", (), lambda *_: None), {}, columns), options
    ).tables["TAGGED"]
    assert sorted((e["source_id"], e["target_id"]) for e in tagged.values()) == [("t1", "A"), ("t1", "B")]


def test_a_time_that_is_named_is_not_said_to_be_unread(tmp_path: Path, options: IngestOptions) -> None:
    (tmp_path / "plays.csv").write_text("user,track,Start Time,Finish Time\nu1,a,2020-03-01,2020-03-02\n")
    files = with_columns_named(track_files(events=tmp_path / "plays.csv"), {"at": "Start Time"})
    summary = ingest_files(DictGraph(), files, None, options)
    assert summary.accepted == 1 and summary.files[0].remarks == ()


def test_what_stands_in_other_rows_is_found_under_other_names_too(tmp_path: Path, options: IngestOptions) -> None:
    product = {"object": {"object_id": "P1"}}
    rows = [
        {"query_id": "q1", "who": "c1", "words": "steel pan", "timestamp": 1_725_963_000},
        {
            "query_id": "q1",
            "who": "c1",
            "action_name": "click",
            "timestamp": 1_725_963_001,
            "event_attributes": product,
        },
    ]
    (tmp_path / "events.json").write_bytes(json_lines(rows))
    files = search_files(events=tmp_path / "events.json")
    graph = loaded(with_columns_named(files, {"user_query": "words", "client_id": "who"}), options)
    assert [(e["source_id"], e["target_id"]) for e in graph.tables["LED_TO"].values()] == [("steel pan", "P1")]


def test_tables_of_a_database_are_read_in_columns_of_their_own(tmp_path: Path, options: IngestOptions) -> None:
    pytest.importorskip("sqlalchemy")
    with sqlite3.connect(tmp_path / "blog.db") as database:
        database.execute("CREATE TABLE articles (nr INTEGER PRIMARY KEY, body TEXT, section TEXT)")
        database.execute("INSERT INTO articles VALUES (3, 'A text', 'Sport')")
    tables = post_tables(f"sqlite:///{tmp_path / 'blog.db'}", posts="articles")
    graph = loaded(with_columns_named(tables, {"post_id": "nr", "text": "body", "topic": "section"}), options)
    assert [(p["id"], p["text"]) for p in graph.tables["Post"].values()] == [("3", "A text")]
    assert list(graph.tables["Topic"]) == ["Sport"]
    clicks = click_table(f"sqlite:///{tmp_path / 'blog.db'}", "articles")
    named = {"user_id": "section", "click_article_id": "nr", "click_timestamp": "body"}
    assert [file.source.wanted["user"] for file in with_columns_named(clicks, named)] == [("user_id", "section")]
    with pytest.raises(RecordError, match="articles has no column abstract"):
        loaded(with_columns_named(tables, {"post_id": "nr", "text": "abstract"}), options)


def test_a_name_or_a_column_that_is_not_there_is_said(tmp_path: Path, options: IngestOptions) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user,track,len\nu1,t1,3\n")
    files = track_files(events=path)
    with pytest.raises(SettingsError, match="no column 'length' to name"):
        with_columns_named(files, {"length": "len"})
    with pytest.raises(RecordError, match="no column lenght; it has user, track, len"):
        loaded(with_columns_named(files, {"duration": "lenght"}), options)
    with pytest.raises(SettingsError, match="--columns lacks len"):
        with_columns_named(files, {"duration": "len"}, ["user", "track"])
    with pytest.raises(SettingsError, match="several kinds"):
        with_columns_named(track_files(events=path, metadata=path), {}, ["user", "track"])


def test_a_column_under_another_name_is_not_taken_where_one_has_the_name_itself() -> None:
    assert our_names(REVIEWS, ["asin", "user_id", "userId", "OVERALL"]) == {"OVERALL": "overall"}
    assert our_names(REVIEWS, ["ASIN", "User ID", "Overall"]) == {
        "ASIN": "asin",
        "User ID": "user_id",
        "Overall": "overall",
    }
    assert our_names(REVIEWS, ["user,id", "a;sin"]) == {}
    two = Source(("user", "artistName", "artistname"), lambda row: Parsed(()), {"user": ("user",)})
    assert our_names(two, ["artistName"]) == {} and our_names(two, ["ARTISTNAME"]) == {"ARTISTNAME": "artistname"}


@pytest.mark.parametrize("write", [json_lines, to_csv, to_parquet])
def test_two_columns_that_may_be_one_are_named(write: Callable[[list[Row]], bytes], tmp_path: Path) -> None:
    path = tmp_path / "twofold"
    path.write_bytes(write([{"ASIN": "p", "userId": "u", "USER-ID": "v", "overall": 5}] * 3))
    with pytest.raises(
        RecordError, match=r"twofold has two columns that may be user_id: userId and USER-ID — say .*--c"
    ):
        list(read_rows(path, REVIEWS, silent))
    (named,) = with_columns_named([SourceFile(path, REVIEWS)], {"user_id": "userId"})
    (*_, last) = read_rows(path, named.source, silent)
    assert isinstance(last.value, dict) and named.source.parse(last.value).records[0].source_id == "u"


def test_a_header_of_several_lines_is_told(tmp_path: Path, options: IngestOptions) -> None:
    (tmp_path / "t.csv").write_text(",album,track,track\n,title,title,tags\ntrack_id,,,\n2,A,B,C\n")
    with pytest.raises(RecordError, match="its columns are album, track; some several times, as where a header"):
        ingest_files(DictGraph(), tag_files(tmp_path / "t.csv", (), lambda *_: None), None, options)
