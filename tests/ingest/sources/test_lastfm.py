"""The five files of Last.fm: encodings, quotes, days that are none, and the real data set counted."""

from __future__ import annotations

import random
import unicodedata
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.loading.namespace import Namespace, in_namespace
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.loading.summary import IngestSummary
from kindred.ingest.music import track_files
from kindred.ingest.sources import lastfm
from tests.ingest.conftest import DictGraph

REAL = Path(__file__).resolve().parents[4] / "shared/data/lastfm_hetrec2011"
FILES = {
    "artists.dat": [
        "id\tname\turl\tpictureURL",
        '1\t"Odd Al" Quote\thttp://a\thttp://b',
        '2\tFive Feet 9"\thttp://a\t',
        '3\tOther 9"\thttp://a\t',
        "4\tBjo\u0308rn Ünïcode\thttp://a\t",
    ],
    "tags.dat": ["tagID\ttagValue", "7\tespañol", '8\t90"s', "9\tfußball"],
    "user_artists.dat": ["userID\tartistID\tweight", "1\t1\t13883", "1\t2\t5", "2\t1\t1"],
    "user_taggedartists.dat": [
        "userID\tartistID\ttagID\tday\tmonth\tyear",
        "1\t1\t7\t1\t4\t2009",
        "2\t1\t7\t1\t4\t2009",
        "2\t99\t8\t29\t2\t2008",
        "2\t1\t8\t1\t1\t1956",
        "2\t1\t8\t31\t2\t2009",
        "2\t1\t8\t\t2\t2009",
        "2\t1\t8\tfirst\t2\t2009",
        "2\t1",
    ],
    "user_friends.dat": ["userID\tfriendID", "1\t2", "2\t1"],
}


def write(folder: Path, files: dict[str, list[str]] = FILES) -> Path:
    folder.mkdir(exist_ok=True)
    for name, lines in files.items():
        encoding = "latin-1" if name == "tags.dat" else "utf-8"
        (folder / name).write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return folder


def ingest(store: GraphStore, folder: Path, options: IngestOptions, users: str = "", items: str = "") -> IngestSummary:
    namespace = Namespace(users, items)
    files = [SourceFile(f.path, in_namespace(f.source, namespace)) for f in track_files(folder, None, None)]
    return ingest_files(store, files, None, options)


def test_names_keep_their_quotes_and_letters(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    ingest(graph, write(tmp_path / "lastfm"), options)
    artists = {key: row["name"] for key, row in graph.tables["Artist"].items()}
    assert artists == {
        "1": '"Odd Al" Quote',
        "2": 'Five Feet 9"',
        "3": 'Other 9"',
        "4": "Björn Ünïcode",
        "99": None,
    }
    assert {row["name"] for row in graph.tables["Tag"].values()} == {"español", '90"s', "fußball"}


def test_plays_have_no_time_and_are_counted(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    summary = ingest(graph, write(tmp_path / "lastfm"), options)
    plays = {(r["source_id"], r["target_id"]): (r["plays"], r["at"]) for r in graph.tables["LISTENED"].values()}
    assert plays == {("1", "1"): (13883, None), ("1", "2"): (5, None), ("2", "1"): (1, None)}
    assert {Path(f.file).name: f.notes for f in summary.files if f.notes} == {
        "user_artists.dat": {"no time": 3},
        "user_taggedartists.dat": {"no time": 1},
    }


def test_a_tagging_is_two_edges_of_one_event(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    ingest(graph, write(tmp_path / "lastfm"), options)
    used, tagged = graph.tables["USED_TAG"], graph.tables["TAGGED"]
    assert used.keys() == tagged.keys()
    taggings = {(used[e]["source_id"], tagged[e]["source_id"], tagged[e]["target_id"], tagged[e]["at"]) for e in used}
    april, leap_day = (int(datetime(*day, tzinfo=UTC).timestamp()) for day in ((2009, 4, 1), (2008, 2, 29)))
    unknown = ("2", "1", "8", None)
    assert taggings == {("1", "1", "7", april), ("2", "1", "7", april), ("2", "99", "8", leap_day), unknown}


def test_every_line_is_accepted_or_quarantined_with_its_reason(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    summary = ingest(graph, write(tmp_path / "lastfm"), options)
    for file in summary.files:
        assert file.accepted + file.duplicates + file.quarantined + file.skipped == file.lines
    reasons = {Path(f.file).name: f.reasons for f in summary.files if f.reasons}
    assert reasons == {
        "user_taggedartists.dat": {
            "time_out_of_range": 1,
            "out_of_range": 1,
            "wrong_type": 1,
            "broken_csv": 1,
        }
    }


def test_order_and_repetition_leave_the_content_hash(tmp_path: Path, options: IngestOptions) -> None:
    rng = random.Random(5)
    shuffled = {name: [head, *rng.sample(rows * 2, len(rows) * 2)] for name, (head, *rows) in FILES.items()}
    found = []
    for name, files, times in (("plain", FILES, 1), ("shuffled", shuffled, 2)):
        folder = write(tmp_path / name, files)
        with closing(open_graph(f"ladybug:{tmp_path / f'graph-{name}'}")) as store:
            for _ in range(times):
                ingest(store, folder, options)
            found.append(graph_statistics(store, graph_schema()))
    assert found[0] == found[1]
    assert found[0].edges["User-FRIEND_OF-User"] == 2


def test_namespaces_keep_users_and_items_apart(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    folder = write(tmp_path / "lastfm")
    ingest(graph, folder, options)
    ingest(graph, folder, options, users="lastfm")
    ingest(graph, folder, options, users="lastfm", items="hetrec")
    assert set(graph.tables["User"]) == {"1", "2", "lastfm:1", "lastfm:2"}
    assert len(graph.tables["Artist"]) == 2 * 5 and len(graph.tables["LISTENED"]) == 3 * 3
    assert len(graph.tables["FRIEND_OF"]) == 2 * 2


def test_any_of_the_files_will_do_and_none_of_them_will_not(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    folder = write(tmp_path / "lastfm", {"user_friends.dat": FILES["user_friends.dat"]})
    assert ingest(graph, folder, options).accepted == 2
    (tmp_path / "empty").mkdir()
    for other, message in ((tmp_path / "empty", "no file of Last.fm"), (tmp_path / "missing", "is no folder")):
        with pytest.raises(RecordError, match=message) as caught:
            track_files(other, None, None)
        assert "user_artists.dat" in caught.value.next_step
    with pytest.raises(SettingsError, match="nothing to load"):
        track_files(None, None, None)


def test_a_file_without_its_header_is_explained(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    folder = write(tmp_path / "lastfm", {"user_friends.dat": ["1\t2", "2\t1"]})
    with pytest.raises(RecordError, match="no column that is understood") as caught:
        ingest(graph, folder, options)
    assert "userID, friendID" in caught.value.next_step


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
def test_the_real_data_set_is_counted(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    for path in REAL.glob("*.dat"):  # of plays and taggings a part, for what an ingest takes
        lines = path.read_bytes().splitlines(keepends=True)
        is_long = path.name in ("user_artists.dat", "user_taggedartists.dat")
        (tmp_path / path.name).write_bytes(b"".join(lines[:20_001] if is_long else lines))
    summary = ingest(graph, tmp_path, replace(options, dry_run=True))
    assert {Path(f.file).name: (f.lines, f.accepted, f.reasons) for f in summary.files} == {
        "artists.dat": (17_632, 17_632, {}),
        "tags.dat": (11_946, 11_946, {}),
        "user_artists.dat": (20_000, 20_000, {}),
        "user_taggedartists.dat": (20_000, 19_998, {"time_out_of_range": 2}),
        "user_friends.dat": (25_434, 25_434, {}),
    }
    assert {table.name: table.records for table in summary.tables} == {
        "User": 1_892,
        "Artist": 17_632 + 56,  # that many are tagged and have no name
        "Tag": 11_946,
        "LISTENED": 20_000,
        "TAGGED": 19_998,
        "USED_TAG": 19_998,
        "FRIEND_OF": 25_434,
    }


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
def test_every_real_name_arrives_unharmed(graph: DictGraph, options: IngestOptions) -> None:
    files = [SourceFile(REAL / "artists.dat", lastfm.ARTISTS), SourceFile(REAL / "tags.dat", lastfm.TAGS)]
    ingest_files(graph, files, None, options)
    for name, label, encoding in (("artists.dat", "Artist", "utf-8"), ("tags.dat", "Tag", "latin-1")):
        lines = (REAL / name).read_bytes().decode(encoding).split("\n")[1:-1]
        expected = {cells[0]: unicodedata.normalize("NFC", cells[1]) for cells in (line.split("\t") for line in lines)}
        assert {key: row["name"] for key, row in graph.tables[label].items()} == expected
