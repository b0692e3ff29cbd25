"""Listening events and the metadata of tracks, as JSON lines, CSV or Parquet.

* events: user, track, `at` or `timestamp` (seconds, milliseconds or ISO 8601), and where known `plays` (a count),
  `share` (of the track, 0 to 1) and `event_id`; an event without one gets a key of its content, so that replays change
  nothing. What follows may stand on the event as well.
* metadata: track, title, artist, album, genres (a list, or "a|b"), duration (seconds), popularity.

Ids may be numbers. An artist is known by the name, brought to one form; `artist_id`, where there is one, is the id.
Names are brought to Unicode form NFC; ids stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
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
from kindred.ingest.source import Parsed, Source, Values
from kindred.ingest.values import (
    cell_list,
    cell_number,
    count_of,
    given,
    id_of,
    name_of,
    seconds_of,
    text_of,
    texts_of,
)

_REMEMBERED = 50_000  # what is kept ready, because events name the same users and tracks again and again
_GENRE_SEPARATOR = "|"


def parse_event(row: Values) -> Parsed:
    """The event, its user and what it says of its track.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    time_field = "at" if row.get("at") is not None else "timestamp"
    listened = Listened.model_validate(
        {
            "event_id": "none" if row.get("event_id") is None else id_of(row["event_id"]),
            "source_id": id_of(row.get("user")),
            "target_id": id_of(row.get("track")),
            "at": seconds_of(given(row.get(time_field), time_field), time_field),
            "plays": count_of(row.get("plays"), "plays"),
            "share": row.get("share"),
        },
        strict=True,
    )
    if row.get("event_id") is None:
        listened = listened.model_copy(update={"event_id": _event_id(listened)})
    return Parsed((listened, _user(listened.source_id), *parse_track(row).records))


def _event_id(event: Listened) -> str:
    return content_id("listened", event.source_id, event.target_id, str(event.at), str(event.plays), str(event.share))


def parse_track(row: Values) -> Parsed:
    """The track, its artist and its genres.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    track = Track.model_validate(
        {
            "id": id_of(row.get("track")),
            "title": text_of(row.get("title"), "title") or None,
            "album": text_of(row.get("album"), "album") or None,
            "duration": count_of(row.get("duration"), "duration"),
            "popularity": row.get("popularity"),
        },
        strict=True,
    )
    name = name_of(text_of(row.get("artist"), "artist"))
    artist_id = id_of(row.get("artist_id")) if row.get("artist_id") is not None else name
    artist = Artist.model_validate({"id": artist_id, "name": name or None}, strict=True) if artist_id != "" else None
    return Parsed(_records(track, artist, _genres(row)))


def _genres(row: Values) -> tuple[str, ...]:
    texts = texts_of(row.get("genres"), "genres")
    names = (name_of(name) for text in texts for name in text.split(_GENRE_SEPARATOR))
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


_TRACK_COLUMNS: dict[str, Callable[[str], object]] = {
    "track": str,
    "title": str,
    "artist": str,
    "artist_id": str,
    "album": str,
    "genres": cell_list,
    "duration": cell_number,
    "popularity": cell_number,
}
EVENTS = Source(
    columns={
        "user": str,
        "at": str,
        "timestamp": str,
        "plays": cell_number,
        "share": cell_number,
        "event_id": str,
        **_TRACK_COLUMNS,
    },
    parse=parse_event,
)
METADATA = Source(columns=_TRACK_COLUMNS, parse=parse_track)
