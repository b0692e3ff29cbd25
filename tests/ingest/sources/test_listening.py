"""Listening events and metadata of tracks: one meaning in every format and unit of time."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from kindred.domain.errors import RecordError
from kindred.domain.records import Artist, Genre, HasGenre, Listened, PerformedBy, Track
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.renaming import with_columns_named
from kindred.ingest.loading.namespace import Namespace, in_namespace
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.loading.summary import IngestSummary
from kindred.ingest.music import track_files
from kindred.ingest.sources.listening import parse_event, parse_track
from tests.ingest.conftest import DictGraph, json_lines
from tests.ingest.formats.test_files import FORMATS

MOMENT = 1_400_000_000
EVENTS: list[dict[str, Any]] = [
    {"user": "u1", "track": "t1", "at": MOMENT, "plays": 3},
    {"user": "u1", "track": "t1", "at": MOMENT + 60, "share": 0.25},
    {"user": "u2", "track": "t2", "timestamp": MOMENT, "artist": "The  Band", "genres": "rock|folk", "title": "Weight"},
]
TRACKS: list[dict[str, Any]] = [
    {"track": "t1", "title": "Caf\u0065\u0301", "artist": "The Band", "album": "One", "genres": ["rock", "rock"]},
    {"track": "t3", "title": "Unheard", "duration": 181.5, "popularity": 7},
]


def listened(**changes: object) -> Listened:
    event = parse_event({"user": "u", "track": "t", "at": MOMENT, **changes}).records[0]
    assert isinstance(event, Listened)
    return event


def ingest(graph: DictGraph, options: IngestOptions, events: Path, metadata: Path | None = None) -> IngestSummary:
    return ingest_files(graph, track_files(None, events, metadata), None, options)


@pytest.mark.parametrize(
    "moment",
    [
        {"at": MOMENT},
        {"at": float(MOMENT)},
        {"at": MOMENT * 1000},
        {"at": str(MOMENT)},
        {"at": "2014-05-13T16:53:20Z"},
        {"at": "2014-05-13 16:53:20.0"},
        {"at": "2014-05-13T18:53:20+02:00"},
        {"at": None, "timestamp": MOMENT * 1000},
        {"at": 0, "timestamp": MOMENT * 1000},
    ],
)
def test_moments_in_every_unit_are_one_event(moment: dict[str, object]) -> None:
    assert listened(**moment) == listened()


def test_events_differ_by_all_of_their_content_and_a_given_key_is_kept() -> None:
    variants = [
        {},
        {"user": "v"},
        {"track": "v"},
        {"at": MOMENT + 1},
        {"plays": 1},
        {"share": 1.0},
        {"event_id": "e"},
    ]
    variants += [{"at": MOMENT + 0.8}]  # less than a second later
    assert len({listened(**variant).event_id for variant in variants}) == len(variants)
    assert listened(share=1).event_id == listened(share=1.0).event_id
    assert (listened(event_id="e").event_id, listened(event_id=5).event_id) == ("e", "5")


def test_a_track_brings_its_artist_and_genres() -> None:
    records = parse_track({**TRACKS[0], "artist": " The  Band ", "genres": "rock | folk|"}).records
    assert records[0] == Track(id="t1", title="Café", album="One")
    assert Artist(id="The Band", name="The Band") in records
    assert [r.id for r in records if isinstance(r, Genre)] == ["rock", "folk"]
    assert sum(isinstance(r, (HasGenre, PerformedBy)) for r in records) == 3


def test_every_format_gives_the_same_graph(tmp_path: Path, options: IngestOptions) -> None:
    in_parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(EVENTS, schema=_ARROW), in_parquet)
    cells = [["" if (value := row.get(name)) is None else str(value) for name in _ARROW.names] for row in EVENTS]
    in_csv = "\n".join(map(",".join, [_ARROW.names, *cells]))
    found = []
    for content in (json_lines(EVENTS), in_csv.encode(), in_parquet.getvalue()):
        (tmp_path / "events").write_bytes(content)
        graph = DictGraph()
        ingest(graph, options, tmp_path / "events")
        found.append(graph.tables)
    assert found[0] == found[1] == found[2]
    assert len(found[0]["LISTENED"]) == 3 and set(found[0]["Genre"]) == {"rock", "folk"}


_ARROW = pa.schema(
    [
        *((name, pa.string()) for name in ("user", "track", "artist", "genres", "title")),
        *((name, pa.int64()) for name in ("at", "timestamp", "plays")),
        ("share", pa.float64()),
    ]
)


def test_bad_events_are_quarantined_and_every_line_counts_once(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    bad: list[dict[str, object]] = [
        {"track": "t1", "at": MOMENT},
        {"user": "u", "track": "t1", "at": "yesterday"},
        {"user": "u", "track": "t1", "at": 5},
        {"user": "u", "track": "t1", "at": MOMENT, "share": 1.5},
        {"user": "u", "track": "t1", "at": MOMENT, "plays": -1},
        {"user": "u", "track": "t1", "at": MOMENT, "plays": 1.5},
        {"user": "u", "track": "t1", "at": MOMENT, "genres": [5]},
    ]
    (tmp_path / "events").write_bytes(json_lines([*EVENTS, *bad, EVENTS[0]]))
    summary = ingest(graph, options, tmp_path / "events")
    assert (summary.lines, summary.accepted, summary.duplicates, summary.quarantined) == (11, 4, 1, 6)
    assert summary.files[0].reasons == {
        "missing_id": 1,
        "time_out_of_range": 1,
        "out_of_range": 2,
        "wrong_type": 2,
    }


def test_a_time_that_is_missing_is_unknown_whatever_other_rows_have(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    rows = "user,track,at\nu,t1,2014-03-01\nu,t2,\nu,t3,NaT\nu,t4,0\n"
    (tmp_path / "events").write_text(rows)
    file = ingest(graph, replace(options, max_bad=0.0), tmp_path / "events").files[0]
    assert (file.accepted, file.notes) == (4, {"no time": 3})
    assert [row["at"] for row in graph.tables["LISTENED"].values()].count(None) == 3


def test_order_and_repetition_leave_the_graph(tmp_path: Path, options: IngestOptions) -> None:
    graphs = [DictGraph(), DictGraph()]
    for graph, times in zip(graphs, (1, 2), strict=True):
        for name, rows in (("events", EVENTS), ("metadata", TRACKS)):
            (tmp_path / name).write_bytes(json_lines(random.Random(times).sample(rows * times, len(rows) * times)))
        for _ in range(times):
            ingest(graph, options, tmp_path / "events", tmp_path / "metadata")
    assert graphs[0].tables == graphs[1].tables
    assert graphs[0].tables["Track"]["t1"]["title"] == "Café" and set(graphs[0].tables["Artist"]) == {"The Band"}


def test_users_of_another_namespace_are_others_while_genres_stay_one(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    (tmp_path / "events").write_bytes(json_lines(EVENTS))
    for namespace in (Namespace(), Namespace(users="music")):
        files = [
            f.__class__(f.path, in_namespace(f.source, namespace)) for f in track_files(None, tmp_path / "events", None)
        ]
        ingest_files(graph, files, None, options)
    assert set(graph.tables["User"]) == {"u1", "u2", "music:u1", "music:u2"}
    assert len(graph.tables["LISTENED"]) == 6 and len(graph.tables["HAS_GENRE"]) == 2


LISTENBRAINZ = {
    "user_name": "u",
    "listened_at": MOMENT,
    "track_metadata": {
        "artist_name": "The  Band",
        "track_name": "Weight",
        "release_name": "One",
        "additional_info": {"recording_mbid": None, "duration_ms": 1},
    },
}
SPOTIFY = {
    "username": "u",
    "ts": "2014-05-13T16:53:20Z",
    "spotify_track_uri": "spotify:track:1",
    "master_metadata_track_name": "Weight",
    "master_metadata_album_artist_name": "The Band",
    "skipped": None,
}


@pytest.mark.parametrize(
    ("row", "track", "plays", "share"),
    [
        (LISTENBRAINZ, "The Band – Weight", None, None),
        ({**SPOTIFY, "ms_played": 200_000}, "spotify:track:1", 1, None),
        ({**SPOTIFY, "ms_played": 1_500}, "spotify:track:1", None, 0.0),
        ({"uid": 7, "item_id": 9, "timestamp": MOMENT, "played_ratio_pct": 31}, "9", None, 0.31),
        ({"uid": 7, "item_id": 9, "timestamp": MOMENT, "event_type": "dislike"}, "9", None, 0.0),
        ({"uid": 7, "item_id": 9, "timestamp": MOMENT, "event_type": "like"}, "9", None, None),
        (
            {"user": "u", "endTime": "2014-05-13 16:53:20", "artistName": "A", "trackName": "T", "msPlayed": 40_000},
            "A – T",
            1,
            None,
        ),
        ({"user": "u", "uts": MOMENT, "artist": "A", "track": "T", "track_mbid": ""}, "A – T", None, None),
        ({"user": "u", "uts": MOMENT, "artist": "A", "track": "T", "track_mbid": "m1"}, "m1", None, None),
        ({"user": "u", "uts": MOMENT, "artist": "A", "track": "T", "album": "R"}, "A – T", None, None),
        ({"user": "u", "uts": MOMENT, "artist": "A", "track": "1999", "album": None}, "A – 1999", None, None),
        ({"user": "u", "uts": MOMENT, "artist": "7", "track": "9", "album": "8"}, "9", None, None),
        (
            {"user": "u", "uts": MOMENT, "artist": "A", "track": "spotify:track:1", "album": "R"},
            "spotify:track:1",
            None,
            None,
        ),
        ({"user": "u", "uts": MOMENT, "artist": "A", "track": "t1", "album": "R", "title": "T"}, "t1", None, None),
        (
            {"user_id": "u", "timestamp": MOMENT, "artist_name": "A", "track_id": "", "track_name": "T"},
            "A – T",
            None,
            None,
        ),
    ],
)
def test_exports_of_services_are_understood(
    row: dict[str, object], track: str, plays: int | None, share: float | None
) -> None:
    event = parse_event(row).records[0]
    assert isinstance(event, Listened)
    assert (event.target_id, event.at, event.plays, event.share) == (track, MOMENT, plays, share)


def test_the_end_of_a_play_is_a_listen_and_its_beginning_is_none(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    """As the play activity of Apple Music has it."""
    head = "Artist Name,Event End Timestamp,Event Type,Play Duration Milliseconds,Song Name\n"
    rows = "A,2014-05-13T16:53:20.12Z,PLAY_END,180000,T\nA,2014-05-13T16:50:20Z,PLAY_START,,T\nA,,LYRIC_DISPLAY,,T\n"
    (tmp_path / "plays.csv").write_text(head + rows)
    files = track_files(events=tmp_path / "plays.csv", user="u")
    (file,) = ingest_files(graph, files, None, options).files  # type: ignore[arg-type]
    assert (file.accepted, file.skipped, file.remarks) == (1, 2, ())
    (heard,) = graph.tables["LISTENED"].values()
    assert (heard["target_id"], heard["at"], heard["plays"]) == ("A – T", MOMENT, 1)


def test_equal_titles_of_two_artists_stay_two_tracks(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    rows = [
        {**LISTENBRAINZ, "track_metadata": {"artist_name": artist, "track_name": "Home"}} for artist in ("A", "B", "A")
    ]
    (tmp_path / "listens.jsonl").write_bytes(json_lines(rows))
    summary = ingest(graph, options, tmp_path / "listens.jsonl")
    assert (summary.accepted, summary.duplicates) == (2, 1)
    assert set(graph.tables["Track"]) == {"A – Home", "B – Home"} and set(graph.tables["Artist"]) == {"A", "B"}
    assert graph.tables["Track"]["A – Home"]["title"] == "Home"


def test_what_is_no_listen_is_skipped_and_said() -> None:
    spoken = {**SPOTIFY, "spotify_track_uri": None, "master_metadata_track_name": None, "episode_name": "One"}
    assert parse_event(spoken).skipped == "a podcast episode"
    withdrawn = {"uid": 7, "item_id": 9, "timestamp": MOMENT, "event_type": "unlike"}
    assert parse_event(withdrawn).skipped == "unlike event"


@pytest.mark.parametrize("name", ["scrobbles.csv", "scrobbles.parquet"])
def test_a_table_without_a_column_of_users_is_told_what_names_the_one(
    tmp_path: Path, graph: DictGraph, options: IngestOptions, name: str
) -> None:
    table = pa.table({"uts": [MOMENT], "artist": ["Band"], "track": ["Song"]})
    (pq.write_table if name.endswith("parquet") else csv.write_csv)(table, tmp_path / name)
    with pytest.raises(RecordError, match=r"no column for the user .*; --user NAME says whose listens these are"):
        ingest_files(graph, track_files(events=tmp_path / name), None, options)
    loaded = ingest_files(graph, track_files(events=tmp_path / name, user="me"), None, options)
    assert [file.accepted for file in loaded.files] == [1]


def test_an_export_that_does_not_say_who_listened_and_times_that_only_tell_the_order(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    rows = [{"endTime": str(second), "artistName": "A", "trackName": "T", "msPlayed": 40_000} for second in (5, 60)]
    (tmp_path / "history.json").write_bytes(json_lines(rows))
    with pytest.raises(BadRecord, match="--user NAME says whose listens"):
        parse_event(rows[0])
    with pytest.raises(BadRecord, match="--at-format order"):
        parse_event({**rows[0], "user": "me"})
    files = track_files(events=tmp_path / "history.json", user="me", at_format="order")
    ingest_files(graph, files, None, options)
    first, second = sorted(graph.tables["LISTENED"].values(), key=lambda event: event["at"])
    assert (first["source_id"], second["at"] - first["at"]) == ("me", 55)


def test_playlists_of_one_document_are_events_and_tables_of_tracks_may_name_columns_so_too(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    tracks = [{"pos": 0, "track_uri": "spotify:track:1", "artist_name": "A", "track_name": "T", "duration_ms": 181_500}]
    playlists = [{"pid": 3, "modified_at": MOMENT, "tracks": tracks}]
    (tmp_path / "slice.json").write_text(json.dumps({"info": {"slice": "0-0"}, "playlists": playlists}, indent=4))
    (tmp_path / "tracks.tsv").write_text("track_id\tartist_name\ttrack_name\nspotify:track:2\tA\tB side\n")
    ingest(graph, options, tmp_path / "slice.json", tmp_path / "tracks.tsv")
    (event,) = graph.tables["LISTENED"].values()
    assert (event["source_id"], event["target_id"], event["at"]) == ("3", "spotify:track:1", MOMENT)
    assert graph.tables["Track"]["spotify:track:1"]["duration"] == 181.5
    assert graph.tables["Track"]["spotify:track:2"]["title"] == "B side"


@pytest.mark.parametrize("form", ["json lines", "csv", "parquet"])
def test_a_time_in_a_column_of_another_name_is_missed(form: str, tmp_path: Path, options: IngestOptions) -> None:
    days = [{"user": "u", "track": "t", "datePlayed": f"2024-03-0{day}", "rating": "5"} for day in (1, 2)]
    (tmp_path / "events").write_bytes(FORMATS[form](days))
    (file,) = ingest(DictGraph(), options, tmp_path / "events").files
    assert (file.accepted, file.duplicates) == (1, 1)
    assert file.remarks == ("no column is read as the time; if datePlayed holds it, say so: --column at=datePlayed",)
    files = with_columns_named(track_files(None, [tmp_path / "events"], None, "", None), {"at": "datePlayed"})
    (file,) = ingest_files(DictGraph(), files, None, options).files
    assert (file.accepted, file.duplicates, file.remarks) == (2, 0, ())
