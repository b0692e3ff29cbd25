from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kindred.domain.errors import SettingsError
from kindred.ingest.generate.music import MOODS, build_listeners, build_tracks, logistic
from kindred.ingest.generate.tracks import TrackFiles, TrackSample, generate_tracks
from kindred.ingest.sources.listening import EVENTS, METADATA

SAMPLE = TrackSample(users=300, tracks=400, events=9000, seed=7)
SMALL = TrackSample(users=20, tracks=30, events=200, seed=7)
SMALL_SHA256 = "bdb31aac3b105daaf986a86db4185060a2ceee8e097d79d652429f16185ac4d3"

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TrackFiles:
    return generate_tracks(SAMPLE, tmp_path_factory.mktemp("music"))


@pytest.fixture(scope="module")
def events(files: TrackFiles) -> list[Row]:
    return read_rows(files.events)


def position(row: Row, column: str) -> int:
    return int(row[column][1:]) - 1


def test_equal_seeds_give_equal_bytes_and_the_size_asked_for(tmp_path: Path) -> None:
    files = generate_tracks(SMALL, tmp_path)
    written = files.events.read_bytes() + files.metadata.read_bytes()
    assert hashlib.sha256(written).hexdigest() == SMALL_SHA256
    rows = read_rows(files.events)
    assert len(rows) == 200 and len({row["user"] for row in rows}) == 20
    assert [row["track"] for row in read_rows(files.metadata)] == [f"T{n:05d}" for n in range(1, 31)]


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 1, 40), (1, 50, 60)])
def test_one_listener_or_one_track_is_enough(sizes: tuple[int, int, int], tmp_path: Path) -> None:
    users, tracks, num_events = sizes
    files = generate_tracks(TrackSample(users, tracks, num_events), tmp_path)
    assert len(read_rows(files.events)) == num_events


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (5, 5, 4), (1, 1, 1, -1)])
def test_a_size_that_can_not_be_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError):
        TrackSample(*sizes)


def test_ingest_takes_every_line(files: TrackFiles, events: list[Row]) -> None:
    assert all(EVENTS.parse(row).records for row in events[:500])
    assert all(METADATA.parse(row).records for row in read_rows(files.metadata))


def test_sessions_follow_in_time_and_no_track_is_heard_before_its_release(events: list[Row]) -> None:
    released = build_tracks(SAMPLE.tracks, SAMPLE.seed).released
    by_user: dict[str, list[Row]] = defaultdict(list)
    for row in events:
        assert released[position(row, "track")] <= row["timestamp"]
        by_user[row["user"]].append(row)
    assert all(a["timestamp"] < b["timestamp"] for rows in by_user.values() for a, b in pairwise(rows))
    gaps = np.concatenate([np.diff([row["timestamp"] for row in rows]) for rows in by_user.values()])
    assert 0.1 < float((gaps > 1800).mean()) < 0.6


def test_moods_decide_what_is_listened_to_the_end_and_no_column_names_them(
    files: TrackFiles, events: list[Row]
) -> None:
    tracks, listeners = build_tracks(SAMPLE.tracks, SAMPLE.seed), build_listeners(SAMPLE.users, SAMPLE.seed)
    user = np.array([position(row, "user") for row in events])
    track = np.array([position(row, "track") for row in events])
    at, share = np.array([row["timestamp"] for row in events]), np.array([row["share"] for row in events])
    liked = (listeners.moods_at(user, at) == tracks.mood[track][:, None]).any(axis=1)
    assert share[liked].mean() > share[~liked].mean() + 0.25
    assert 0.15 < float((share < 0.3).mean()) < 0.5
    of_artist: dict[int, set[int]] = defaultdict(set)
    for artist, mood in zip(tracks.artist.tolist(), tracks.mood.tolist(), strict=True):
        of_artist[artist].add(mood)
    assert np.mean([len(moods) for moods in of_artist.values()]) > 2  # the same artist is no guide to the mood
    assert not {*read_rows(files.metadata)[0]} & {"mood", "energy", "quality"} and len(MOODS) == 12


def test_a_repeated_artist_tires(events: list[Row], files: TrackFiles) -> None:
    artist = {row["track"]: row["artist_id"] for row in read_rows(files.metadata)}
    first, later = [], []
    seen: set[str] = set()
    before: Row = {"user": "", "timestamp": 0}
    for row in events:
        if row["user"] != before["user"] or row["timestamp"] - before["timestamp"] > 1800:
            seen = set()
        (later if artist[row["track"]] in seen else first).append(row["share"])
        seen.add(artist[row["track"]])
        before = row
    assert len(later) > 500 and np.mean(later) < np.mean(first) - 0.05


def test_the_logistic_function_is_near_the_true_one() -> None:
    x = np.linspace(-25, 25, 501)
    assert np.abs(logistic(x) - 1 / (1 + np.exp(-x))).max() < 1e-3
