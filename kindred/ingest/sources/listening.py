"""Listening events and the metadata of tracks, as JSON lines, CSV or Parquet.

* events: user, track, `at` or `timestamp` (in any form that `times.py` reads; unknown where the file has neither) and,
  where known, `plays` (a count), `share` (of the track, 0 to 1) and `event_id`; an event without one gets a key of its
  content, so that replays change nothing. What follows may stand on the event as well.
* as they are exported, columns may be called otherwise: see `_ALSO_CALLED`, and what stands within another column
  (ListenBrainz' `track_metadata`) goes by its own name. `ms_played` below 30 seconds is a skip, `played_ratio_pct` a
  share in per cent. A track without an id goes by artist and title, so equal titles of two artists stay two.
* metadata: track, title, artist, album, genres (a list, or "a|b"), duration (seconds), popularity.

Ids may be numbers. An artist is known by the name, brought to one form; `artist_id`, where there is one, is the id.
Names are brought to Unicode form NFC; ids stay as they are.
"""

from __future__ import annotations

from functools import lru_cache

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
from kindred.ingest.bad_records import BadRecord, Reason, checked, shown
from kindred.ingest.source import Parsed, Source, Values
from kindred.ingest.times import key_of_time, milliseconds_of
from kindred.ingest.values import (
    NO_TIME,
    count_of,
    given,
    id_of,
    is_missing,
    name_in,
    number_of,
    optional,
    parts_of,
    raw_text_of,
    short_text_of,
    whole_of,
)

_ALSO_CALLED = {
    "user": ("user_id", "user_name", "username", "uid"),
    "track": ("track_id", "recording_mbid", "spotify_track_uri", "item_id"),
    "timestamp": ("listened_at", "ts"),
    "title": ("track_name", "master_metadata_track_name"),
    "artist": ("artist_name", "master_metadata_album_artist_name"),
    "album": ("release_name", "master_metadata_album_album_name"),
}
"""What exports of ListenBrainz, Spotify and Last.fm call columns."""
_PLAYED, _RATIO = "ms_played", "played_ratio_pct"
_WITHIN = ("track_metadata", "additional_info")
_LEAST_PLAYED = 30_000
"""Milliseconds from which a listen counts, as streaming services count."""
_REMEMBERED = 50_000  # what is kept ready, because events name the same users and tracks again and again
_GENRE_SEPARATOR = "|"


def parse_event(row: Values) -> Parsed:
    """The event, its user and what it says of its track.

    Raises:
        BadRecord: the row can't be used.
    """
    row = _usual(row)
    notes: list[str] = []
    at_ms = _time(row, notes)
    values: dict[str, object] = {
        "source_id": id_of(row.get("user"), "user"),
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
    return Parsed((listened, _user(listened.source_id), *track.records), (*notes, *track.notes))


def _usual(row: Values) -> Values:
    """The row with the usual names of its columns."""
    found = dict(row)
    for within in _WITHIN:
        if isinstance(inner := found.get(within), dict):
            found = {**inner, **found}
    for name, others in _ALSO_CALLED.items():
        if (also := next((other for other in (name, *others) if not is_missing(found.get(other))), None)) is not None:
            found[name] = found[also]
        elif any(other in found for other in others):
            found.setdefault(name, None)
    artist, title = (" ".join(str(found.get(name) or "").split()) for name in ("artist", "title"))
    if is_missing(found.get("track")) and artist and title:
        found["track"] = f"{artist} – {title}"
    if is_missing(found.get("share")):
        found |= _listened_to(found)
    return found


def _listened_to(row: Values) -> dict[str, object]:
    """The share or the plays that an export says in its own way."""
    if not is_missing(row.get(_RATIO)):
        ratio = count_of(row[_RATIO], _RATIO)
        return {"share": None if ratio is None else min(ratio / 100, 1.0)}
    if is_missing(row.get(_PLAYED)):
        return {}
    played = count_of(row[_PLAYED], _PLAYED)
    return {"share": 0.0} if played is not None and played < _LEAST_PLAYED else {"plays": 1}


def _time(row: Values, notes: list[str]) -> int | None:
    """The time in milliseconds; None where the file has none."""
    if "at" not in row and "timestamp" not in row:
        notes.append(NO_TIME)
        return None
    field = "timestamp" if is_missing(row.get("at")) and "timestamp" in row else "at"
    return given(milliseconds_of(row[field], field), field)


def _plays(value: object, field: str) -> int | None:
    count_of(value, field)
    return whole_of(value, field)


def _share(value: object, field: str) -> float | None:
    share = number_of(value, field)
    if share is not None and not 0 <= share <= 1:
        raise BadRecord(Reason.OUT_OF_RANGE, f"a share from 0 to 1 is wanted, got {shown(value)}", field)
    return None if share is None else float(share)


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


@lru_cache(_REMEMBERED)
def _user(user_id: str) -> User:
    return User(id=user_id)


_COLUMNS = {"id": "track", "source_id": "user", "target_id": "track"}
_TRACK_COLUMNS = ("track", "title", "artist", "artist_id", "album", "genres", "duration", "popularity")
_TIMES = ("at", "timestamp")
_OTHERS = tuple(name for names in _ALSO_CALLED.values() for name in names)
_OF_EXPORTS = frozenset((*_OTHERS, _PLAYED, _RATIO, *_WITHIN))
EVENTS = Source(
    columns=("user", *_TIMES, "plays", "share", "event_id", *_TRACK_COLUMNS, *sorted(_OF_EXPORTS)),
    parse=parse_event,
    wanted={
        "user": ("user", *_ALSO_CALLED["user"]),
        "track": ("track", *_ALSO_CALLED["track"], "title", *_ALSO_CALLED["title"], *_WITHIN),
    },
    optional=(*_TIMES, *_ALSO_CALLED["timestamp"]),
)
METADATA = Source(columns=_TRACK_COLUMNS, parse=parse_track, wanted={"track": ("track",)})
