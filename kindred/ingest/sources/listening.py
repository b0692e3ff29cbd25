"""Listening events and the metadata of tracks, as JSON lines, CSV or Parquet.

* events: user, track, `at` or `timestamp` (in any form that `times.py` reads; unknown where neither says it) and, where
  known, `plays` (a count), `share` (of the track, 0 to 1) and `event_id`; an event without one gets a key of its
  content, so that replays change nothing. What follows may stand on the event as well.
* as services export them: see `listening_exports.py`. A track without an id goes by artist and title, so equal titles
  of two artists stay two. Podcasts and audiobooks are skipped.
* metadata: track, title, artist, album, genres (a list, or "a|b"), duration (seconds), popularity.

Ids may be numbers. An artist is known by the name, brought to one form; `artist_id`, where there is one, is the id.
Names are brought to Unicode form NFC; ids stay as they are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

from kindred.domain.properties import EARLIEST_TIME
from kindred.domain.records import (
    Artist,
    Edge,
    Genre,
    HasGenre,
    Listened,
    Node,
    PerformedBy,
    Track,
    User,
    content_id,
)
from kindred.ingest.cells.bad_records import BadRecord, Reason, checked, shown
from kindred.ingest.cells.ids import id_of
from kindred.ingest.cells.numbers import count_of, number_of, whole_of
from kindred.ingest.cells.texts import name_in, parts_of, raw_text_of, short_text_of
from kindred.ingest.cells.time_reader import ReadTime, time_reader
from kindred.ingest.cells.times import key_of_time, milliseconds_of
from kindred.ingest.cells.values import optional, time_or_note
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.sources import listening_exports

_REMEMBERED = 50_000  # what is kept ready, because events name the same users and tracks again and again
_GENRE_SEPARATOR = "|"


def parse_event(row: Values, user: str = "", read_time: ReadTime = milliseconds_of) -> Parsed:
    """The event, its user and what it says of its track.

    Args:
        row: the event.
        user: who listened, where the row does not say it.
        read_time: reads times.

    Raises:
        BadRecord: the row can't be used.
    """
    row = listening_exports.usual_listen(row)
    if reason := listening_exports.no_listen(row):
        return Parsed((), skipped=reason)
    notes: list[str] = []
    listener = _listener(row, user)
    at_ms = time_or_note(_time(row, read_time), notes)
    values: dict[str, object] = {
        "source_id": listener,
        "target_id": id_of(row.get("track"), "track"),
        "plays": _plays(row.get("plays"), "plays"),
        "share": _share(row.get("share"), "share"),
    }
    names = [str(values[name]) for name in ("source_id", "target_id")]
    key = content_id("listened", *names, key_of_time(at_ms), str(values["plays"]), str(values["share"]))
    values["event_id"] = id_of(row.get("event_id"), "event_id") or key
    values["at"] = None if at_ms is None else at_ms // 1000
    listened = checked(Listened, values, _COLUMNS)
    track = parse_track(row)
    return Parsed((listened, node_of(User, listened.source_id), *track.records), (*notes, *track.notes))


def _listener(row: Values, user: str) -> str:
    listener = id_of(row.get("user"), "user") or user
    if not listener:
        raise BadRecord(Reason.MISSING_ID, f"the id is missing; {_ONE_USER}", "user")
    return listener


def _time(row: Values, read_time: ReadTime) -> int | None:
    """The time in milliseconds; None where the row has none."""
    for field in _TIMES:
        if (at_ms := read_time(row.get(field), field)) is not None:
            return _checked(at_ms, row[field], field, read_time)
    return None


def _checked(at_ms: int, value: object, field: str, read_time: ReadTime) -> int:
    if 0 <= at_ms < EARLIEST_TIME * 1000 and read_time is milliseconds_of:
        message = f"a time from 1990 up to now is wanted, got {shown(value)}"
        raise BadRecord(
            Reason.TIME_OUT_OF_RANGE, f"{message}; --at-format order takes what only tells the order", field
        )
    return at_ms


def _plays(value: object, field: str) -> int | None:
    count_of(value, field)
    return whole_of(value, field)


def _share(value: object, field: str) -> float | None:
    share = number_of(value, field)
    if share is not None and not 0 <= share <= 1:
        raise BadRecord(Reason.OUT_OF_RANGE, f"a share from 0 to 1 is wanted, got {shown(value)}", field)
    return None if share is None else float(share)


def parse_metadata(row: Values) -> Parsed:
    """The same of a row whose columns may be called as exports call them.

    Raises:
        BadRecord: the row can't be used.
    """
    return parse_track(listening_exports.usual(row))


def parse_track(row: Values) -> Parsed:
    """The track, its artist and its genres.

    Raises:
        BadRecord: the row can't be used.
    """
    notes: list[str] = []
    track = checked(
        Track,
        {
            "id": id_of(row.get("track"), "track"),
            "title": optional(short_text_of, row.get("title"), "title", notes),
            "album": optional(short_text_of, row.get("album"), "album", notes),
            "duration": optional(count_of, row.get("duration"), "duration", notes),
            "popularity": optional(number_of, row.get("popularity"), "popularity", notes),
        },
        _COLUMNS,
    )
    return Parsed(_records(track, _artist(row, notes), _genres(row, notes)), notes)


def _artist(row: Values, notes: list[str]) -> Artist | None:
    name = optional(name_in, row.get("artist"), "artist", notes)
    artist_id = optional(_node_id, row.get("artist_id"), "artist_id", notes) or name
    return Artist(id=artist_id, name=name or None) if artist_id else None


def _node_id(value: object, field: str) -> str:
    return name_in(id_of(value, field), field)


def _genres(row: Values, notes: list[str]) -> tuple[str, ...]:
    texts = (optional(raw_text_of, part, "genres", notes) or "" for part in parts_of(row.get("genres")))
    names = (optional(name_in, name, "genres", notes) for text in texts for name in text.split(_GENRE_SEPARATOR))
    return tuple(dict.fromkeys(name for name in names if name))


@lru_cache(_REMEMBERED)  # what is mentioned again stays one object, which staging relies on
def _records(track: Track, artist: Artist | None, genres: tuple[str, ...]) -> tuple[Node | Edge, ...]:
    records: list[Node | Edge] = [track]
    if artist:
        event_id = content_id(track.id, artist.id)
        records += [artist, PerformedBy(event_id=event_id, source_id=track.id, target_id=artist.id)]
    for genre in genres:
        records += [Genre(id=genre), has_genre(track.id, genre)]
    return tuple(records)


def has_genre(track_id: str, genre: str) -> HasGenre:
    """The one edge between this track and this genre, whichever source names it."""
    return HasGenre(event_id=content_id(track_id, genre), source_id=track_id, target_id=genre)


_COLUMNS = {"id": "track", "source_id": "user", "target_id": "track"}
_TRACK_COLUMNS = ("track", "title", "artist", "artist_id", "album", "genres", "duration", "popularity")
_TIMES = ("at", "timestamp")
_ONE_USER = "--user NAME says whose listens these are"
_WANTED = {"user": ("user", *listening_exports.WANTED["user"]), "track": ("track", *listening_exports.WANTED["track"])}
EVENTS = Source(
    columns=("user", *_TIMES, "plays", "share", "event_id", *_TRACK_COLUMNS, *listening_exports.COLUMNS),
    parse=parse_event,
    wanted=_WANTED,
    times=(*_TIMES, *listening_exports.TIMES),
    instead={"user": _ONE_USER},
    read=listening_exports.read_playlists,
)
METADATA = Source(
    columns=(*_TRACK_COLUMNS, *listening_exports.OF_TRACK, "duration_ms"),
    parse=parse_metadata,
    wanted={"track": _WANTED["track"]},
)


def events_source(user: str = "", at_format: str | None = None) -> Source:
    """Listening events.

    Args:
        user: who listened, where a row does not say it, as in what a service exports to one of its users.
        at_format: how times are written, as `time_reader` takes it; None where each tells it.

    Raises:
        SettingsError: there is no such form of times.
    """
    if not user and at_format is None:
        return EVENTS
    wanted = {"track": _WANTED["track"]} if user else _WANTED
    return replace(EVENTS, parse=partial(parse_event, user=user, read_time=time_reader(at_format)), wanted=wanted)
