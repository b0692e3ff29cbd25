"""Listening sessions and tracks as JSON lines, with planted structure to find.

`docs/generator.md` says what is planted and where it shows. Equal seeds give equal bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindred.domain.errors import SettingsError
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.domain.progress import Progress, silent
from kindred.ingest.generate.choices import Choices
from kindred.ingest.generate.music import (
    END,
    GENRES,
    MOODS,
    START,
    Listeners,
    Sessions,
    Tracks,
    begin_sessions,
    build_listeners,
    build_tracks,
    goes_on,
    shares_of,
)
from kindred.ingest.generate.sampler import Sampler, apportion
from kindred.ingest.generate.sizes import check_least
from kindred.ingest.generate.write import write_json_lines

LISTENERS_A_CHUNK = 2000
PAUSE = 5
"""Seconds from the end of a track to the next one of its session."""
NOUNS = (
    *("Harbour", "River", "Letter", "Window", "Station", "Garden", "Mirror", "Engine", "Horses", "Summer", "Winter"),
    *("Avenue", "Lantern", "Feather", "Mountain", "Signal", "Carousel", "Island", "Thread", "Orchard", "Bridge"),
    *("Weather", "Telephone", "Holiday"),
)
SYLLABLES = (
    *("ka", "lo", "mi", "ren", "sol", "ta", "vel", "dor", "is"),
    *("mar", "no", "pha", "qui", "ber", "sto", "lin", "gar", "eve"),
)
CALLED_BY_MOOD = 0.6  # share of titles whose first word tells the mood

_COUNTS, _CHUNK, _METADATA = range(11, 14)  # what the second part of a key of the sampler stands for
Row = dict[str, object]


@dataclass(frozen=True)
class TrackSample:
    """How much to generate; every user has at least one event.

    Raises:
        SettingsError: a size is below 1, the seed is negative, or there are fewer events than users.
    """

    users: int = 3000
    tracks: int = 4000
    events: int = 120_000
    seed: int = 7

    def __post_init__(self) -> None:
        check_least(self, users=1, tracks=1, events=1, seed=0)
        if self.events < self.users:
            raise SettingsError(
                f"{self.events} events of {self.users} users: each has at least one", "ask for fewer users"
            )


@dataclass(frozen=True)
class TrackFiles:
    """Where the sample was written."""

    events: Path
    metadata: Path


@dataclass
class _Heard:
    """Where the listeners of a chunk stand, `[num_listeners]` each; `artists` counts those of the session."""

    at: IntArray
    last: IntArray
    artists: list[dict[int, int]]


def generate_tracks(sample: TrackSample, folder: Path, progress: Progress = silent) -> TrackFiles:
    """Writes `events.jsonl` and `metadata.jsonl` to `folder`; equal samples give equal bytes.

    Raises:
        SettingsError: the folder can't be written.
    """
    tracks = build_tracks(sample.tracks, sample.seed)
    files = TrackFiles(folder / "events.jsonl", folder / "metadata.jsonl")
    write_json_lines(files.metadata, _metadata_rows(tracks, Sampler(sample.seed, _METADATA)))
    write_json_lines(files.events, _event_rows(sample, tracks, progress))
    return files


def listener_id(number: int) -> str:
    """The id of the listener at that position, from 0."""
    return f"L{number + 1:05d}"


def track_id(number: int) -> str:
    """The id of the track at that position, from 0."""
    return f"T{number + 1:05d}"


def _event_rows(sample: TrackSample, tracks: Tracks, progress: Progress) -> Iterator[Row]:
    listeners = build_listeners(sample.users, sample.seed)
    counts = _event_counts(sample)
    choices = Choices.of(tracks)
    done = 0
    for chunk, begin in enumerate(range(0, sample.users, LISTENERS_A_CHUNK)):
        who = np.arange(begin, min(begin + LISTENERS_A_CHUNK, sample.users))
        user, track, at, share = _listen(choices, listeners, who, counts[who], Sampler(sample.seed, _CHUNK, chunk))
        for row in zip(user.tolist(), track.tolist(), at.tolist(), share.tolist(), strict=True):
            yield {"user": listener_id(row[0]), "track": track_id(row[1]), "timestamp": row[2], "share": row[3]}
        done += len(user)
        progress("write events", done, sample.events)


def _event_counts(sample: TrackSample) -> IntArray:
    """Events of each listener, heavy-tailed, summing to the number asked for."""
    pareto = 1.0 / (1.0 - Sampler(sample.seed, _COUNTS).uniform(sample.users) * 0.97)
    caps = np.full(sample.users, sample.events)
    return 1 + apportion(sample.events - sample.users, 0.7 + pareto, caps)


def _listen(
    choices: Choices, listeners: Listeners, who: IntArray, counts: IntArray, sampler: Sampler
) -> tuple[IntArray, IntArray, IntArray, DoubleArray]:
    """User, track, time and share of every event of these listeners, by user and time."""
    tracks = choices.tracks
    since = START + (0.6 * sampler.uniform(len(who)) * (END - START)).astype(np.int64)
    stay = (0.97 * (END - since)).astype(np.int64)
    heard = _Heard(since.copy(), np.full(len(who), -1), [{} for _ in who])
    sessions = begin_sessions(listeners, who, heard.at, sampler)
    parts: list[tuple[IntArray, ...]] = []
    begins = np.ones(len(who), dtype=np.bool_)
    for step in range(int(counts.max())):
        active = np.flatnonzero(counts > step)
        planned = since[active] + (stay[active] * (step / counts[active])).astype(np.int64)
        fresh = begins[active]
        heard.at[active] = np.where(fresh, np.maximum(planned, heard.at[active] + 1800), heard.at[active])
        new = begin_sessions(listeners, who[active], heard.at[active], sampler)
        sessions = _replaced(sessions, new, active, fresh)
        for row in active[fresh].tolist():
            heard.artists[row], heard.last[row] = {}, -1
        here = sessions.at(active)
        track = choices.next(listeners, here, heard.at[active], heard.last[active], sampler)
        artist = tracks.artist[track].tolist()
        repetitions = np.array([heard.artists[row].get(a, 0) for row, a in zip(active.tolist(), artist, strict=True)])
        share = shares_of(tracks, listeners, here, track, repetitions, sampler)
        for row, a in zip(active.tolist(), artist, strict=True):
            heard.artists[row][a] = heard.artists[row].get(a, 0) + 1
        rounded = (share * 100.0 + 0.5).astype(np.int64)
        parts.append((who[active], track, heard.at[active].copy(), rounded))
        heard.at[active] += PAUSE + (tracks.duration[track] * rounded) // 100
        heard.last[active] = track
        begins[active] = ~goes_on(share, sampler)
    user, track, at, rounded = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(user, kind="stable")
    return user[order], track[order], at[order], rounded[order] / 100.0


def _replaced(sessions: Sessions, new: Sessions, active: IntArray, fresh: np.ndarray) -> Sessions:
    """The sessions, with new ones at those active rows that begin one."""
    moods, mood, energy = sessions.moods.copy(), sessions.mood.copy(), sessions.energy.copy()
    rows = active[fresh]
    moods[rows], mood[rows], energy[rows] = new.moods[fresh], new.mood[fresh], new.energy[fresh]
    return Sessions(sessions.listener, moods, mood, energy)


def _metadata_rows(tracks: Tracks, sampler: Sampler) -> Iterator[Row]:
    words = [line.split() for line in MOODS.values()]
    num, num_artists = len(tracks), int(tracks.artist.max()) + 1
    telling, any_mood = sampler.chance(CALLED_BY_MOOD, num), sampler.below(np.full(num, len(MOODS)))
    mood = np.where(telling, tracks.mood, any_mood).tolist()
    word, noun = sampler.below(np.full(num, 4)).tolist(), sampler.below(np.full(num, len(NOUNS))).tolist()
    album, second = sampler.below(np.full(num, 4)).tolist(), sampler.below(np.full(num, len(GENRES))).tolist()
    has_second = sampler.chance(0.2, num).tolist()
    syllables = sampler.below(np.full((num_artists, 4), len(SYLLABLES))).tolist()
    names = ["".join(SYLLABLES[s] for s in row).capitalize() for row in syllables]
    rank = np.empty(num, dtype=np.int64)
    rank[np.argsort(tracks.fame, kind="stable")] = np.arange(num)
    for track in range(num):
        artist, genre = int(tracks.artist[track]), int(tracks.genre[track])
        genres = [GENRES[genre], *([GENRES[second[track]]] if has_second[track] and second[track] != genre else [])]
        yield {
            "track": track_id(track),
            "title": f"{words[mood[track]][word[track]]} {NOUNS[noun[track]]}",
            "artist": names[artist],
            "artist_id": f"A{artist + 1:05d}",
            "album": f"{NOUNS[(artist * 7 + album[track]) % len(NOUNS)]} {album[track] + 1}",
            "genres": genres,
            "duration": int(tracks.duration[track]),
            "popularity": round(float(rank[track]) / num, 2),
        }
