"""What services and public data sets call the columns of listening events, and playlists read as events.

* ListenBrainz, Spotify, Last.fm, Yambda and others name columns otherwise: see `_ALSO_CALLED`. What stands within
  another column (ListenBrainz' `track_metadata`) goes by its own name.
* `ms_played` below 30 seconds is a skip, `played_ratio_pct` a share in per cent, a `dislike` (`event_type`) a skip.
* One JSON document of playlists (the Million Playlist data set) is a row for each track of a playlist: the playlist is
  the user, and the time is that of its last change.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import orjson

from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.cells.numbers import count_of
from kindred.ingest.cells.texts import text_of
from kindred.ingest.cells.values import is_missing
from kindred.ingest.formats.json_lines import is_document, read_document
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Source, Values

_ALSO_CALLED = {
    "user": ("user_id", "user_name", "username", "uid"),
    "track": ("track_id", "recording_mbid", "spotify_track_uri", "track_uri", "item_id", "song_id"),
    "timestamp": ("listened_at", "ts", "uts", "utc_time", "endTime", "played_at", "event_end_timestamp"),
    "title": ("track_name", "master_metadata_track_name", "trackName", "trackname", "recording_name", "song_name"),
    "artist": ("artist_name", "master_metadata_album_artist_name", "artistName", "artistname"),
    "album": ("release_name", "master_metadata_album_album_name", "album_name", "albumName"),
    "ms_played": ("msPlayed", "play_duration_milliseconds"),
}
TIMES = _ALSO_CALLED["timestamp"]
OF_TRACK = tuple(name for ours in ("track", "title", "artist", "album") for name in _ALSO_CALLED[ours])
_PLAYED, _RATIO, _KIND, _MILLISECONDS = "ms_played", "played_ratio_pct", "event_type", "duration_ms"
_WITHIN = ("track_metadata", "additional_info")
_OF_NAMED = "track_mbid"
"""Beside it `track` is a name, as in tables of scrobbles."""
_ID = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\w+(?::\w+)+|[0-9A-Za-z]{22}|TR[A-Z]{5}\w{11}"
)
"""Ids of tracks as MusicBrainz, Spotify and the Million Song data set write them."""
_LEAST_PLAYED = 30_000
"""Milliseconds from which a listen counts, as streaming services count."""
_SPOKEN = {
    "spotify_episode_uri": "a podcast episode",
    "episode_name": "a podcast episode",
    "audiobook_uri": "a chapter of an audiobook",
}
_HEARD = {"listen", "listened", "play", "played", "play_end", "stream", "scrobble", "like", "liked"}
_LEFT = {"dislike", "disliked", "skip", "skipped"}
_MOST_KIND_CHARACTERS = 40
COLUMNS = (
    *dict.fromkeys(name for names in _ALSO_CALLED.values() for name in names),
    *(_PLAYED, _RATIO, _KIND, _MILLISECONDS, _OF_NAMED, *_WITHIN, *_SPOKEN),
)
WANTED = {
    "user": _ALSO_CALLED["user"],
    "track": (*_ALSO_CALLED["track"], "title", *_ALSO_CALLED["title"], *_WITHIN),
}
_PLAYLISTS = "playlists"


def usual_listen(row: Values) -> dict[str, object]:
    """The usual row of a listen; `track` beside an artist and an album, without a title, is a name (of scrobbles).

    Two artists' tracks of one name would be one track else. Numbers beside numbers, and what is written as ids are,
    stay ids.
    """
    found = usual(row)
    names = [str(found.get(name) or "").strip() for name in ("track", "artist", "album")]
    titles = ("title", *_ALSO_CALLED["title"], *_ALSO_CALLED["track"])
    is_named = all(names[:2]) and "album" in found and all(found.get(name) is None for name in titles)
    if not is_named or _ID.fullmatch(names[0]) or all(name.isdecimal() for name in names[:2]):
        return found
    return usual({**found, "title": found["track"], "track": None})


def usual(row: Values) -> dict[str, object]:
    """The row with the usual names of its columns; a track without an id goes by artist and title."""
    found = dict(row)
    for within in _WITHIN:
        if isinstance(inner := found.get(within), dict):
            found = {**inner, **found}
    if _OF_NAMED in found:
        found = {"title": found.get("track"), **found, "track": found[_OF_NAMED]}
    for name, others in _ALSO_CALLED.items():
        if (also := next((other for other in (name, *others) if not is_missing(found.get(other))), None)) is not None:
            found[name] = found[also]
    artist, title = (" ".join(str(found.get(name) or "").split()) for name in ("artist", "title"))
    if is_missing(found.get("track")) and artist and title:
        found["track"] = f"{artist} – {title}"
    if is_missing(found.get("duration")) and not is_missing(found.get(_MILLISECONDS)):
        milliseconds = count_of(found[_MILLISECONDS], _MILLISECONDS)
        found["duration"] = None if milliseconds is None else milliseconds / 1000
    if is_missing(found.get("share")):
        found |= _listened_to(found)
    return found


def _listened_to(row: Values) -> dict[str, object]:
    """The share or the plays that an export says in its own way."""
    if text_of(row.get(_KIND), _KIND).strip().lower() in _LEFT:
        return {"share": 0.0}
    if not is_missing(row.get(_RATIO)):
        ratio = count_of(row[_RATIO], _RATIO)
        return {"share": None if ratio is None else min(ratio / 100, 1.0)}
    if is_missing(row.get(_PLAYED)):
        return {}
    played = count_of(row[_PLAYED], _PLAYED)
    return {"share": 0.0} if played is not None and played < _LEAST_PLAYED else {"plays": 1}


def no_listen(row: Values) -> str:
    """Why a usual row is no listen to a track, in few words; empty where it is one."""
    if is_missing(row.get("track")):
        return next((spoken for name, spoken in _SPOKEN.items() if not is_missing(row.get(name))), "")
    kind = text_of(row.get(_KIND), _KIND).strip().lower()
    return f"{kind[:_MOST_KIND_CHARACTERS]} event" if kind and kind not in _HEARD | _LEFT else ""


def read_playlists(content: io.BufferedReader, _: Source) -> Iterator[Row] | None:
    """The tracks of all playlists of one JSON document, numbered from 1; None where the content is no such document.

    Raises:
        RecordError: the document can't be read.
    """
    if not is_document(content, _PLAYLISTS, "info"):
        return None
    playlists = read_document(content, _PLAYLISTS, "playlists", "split it into slices")
    return _tracks_of(playlists if isinstance(playlists, list) else [playlists])


def _tracks_of(playlists: list[object]) -> Iterator[Row]:
    number = 0
    for playlist in playlists:
        tracks = playlist.get("tracks") if isinstance(playlist, dict) else None
        for track in tracks if isinstance(tracks, list) else [None]:
            number += 1
            if not isinstance(playlist, dict) or not isinstance(track, dict):
                raw = orjson.dumps(playlist)
                yield Row(number, b"", len(raw), BadRecord(Reason.MISSING_VALUE, "a playlist without tracks", "tracks"))
                continue
            row = {**track, "user": playlist.get("pid"), "timestamp": playlist.get("modified_at")}
            yield Row(number, b"", len(orjson.dumps(track)), row)
