"""The Last.fm data set of HetRec 2011: who listens to which artists, who tagged them with what, who is whose friend.

Five files of tab-parted cells without quoting, each with a header; any of them may be missing:

* user_artists.dat (userID, artistID, weight): how often a user played an artist; when is not known.
* artists.dat (id, name, url, pictureURL), in UTF-8. Addresses are left out: nothing here needs them.
* tags.dat (tagID, tagValue), in Latin-1.
* user_taggedartists.dat (userID, artistID, tagID, day, month, year): a row is about the artist's tag; the edge that
  tells who put it there has the same `event_id`. A day counts from midnight UTC; one of which a part is missing is
  unknown.
* user_friends.dat (userID, friendID): each friendship is there in both directions.

Names are brought to Unicode form NFC; ids stay as they are.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kindred.domain.errors import RecordError
from kindred.domain.records import Artist, FriendOf, ListenedToArtist, Tag, TaggedArtist, UsedTag, User, content_id
from kindred.ingest.bytes.addresses import shown
from kindred.ingest.bytes.paths import Given, is_elsewhere, path_of
from kindred.ingest.bytes.remote import Location, find_remote
from kindred.ingest.cells.bad_records import BadRecord, Reason, checked
from kindred.ingest.cells.ids import id_of
from kindred.ingest.cells.numbers import count_of, whole_of
from kindred.ingest.cells.texts import short_text_of
from kindred.ingest.cells.values import NO_TIME, optional, time_or_note
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.source import Parsed, Source, Values


def parse_plays(row: Values) -> Parsed:
    """How often a user listened to an artist: one edge for each pair, since the source had added up.

    Raises:
        BadRecord: the row can't be used.
    """
    user_id, artist_id = id_of(row.get("userID"), "userID"), id_of(row.get("artistID"), "artistID")
    count_of(row.get("weight"), "weight")
    listened = checked(
        ListenedToArtist,
        {
            "event_id": _key("plays", user_id, artist_id),
            "source_id": user_id,
            "target_id": artist_id,
            "plays": whole_of(row.get("weight"), "weight"),
        },
        {"source_id": "userID", "target_id": "artistID"},
    )
    return Parsed((listened, node_of(User, listened.source_id), node_of(Artist, listened.target_id)), notes=(NO_TIME,))


def parse_artist(row: Values) -> Parsed:
    """An artist and its name."""
    notes: list[str] = []
    name = optional(short_text_of, row.get("name"), "name", notes)
    return Parsed((checked(Artist, {"id": id_of(row.get("id"), "id"), "name": name}, {}),), notes)


def parse_tag(row: Values) -> Parsed:
    """A tag and its name."""
    notes: list[str] = []
    name = optional(short_text_of, row.get("tagValue"), "tagValue", notes)
    return Parsed((checked(Tag, {"id": id_of(row.get("tagID"), "tagID"), "name": name}, {"id": "tagID"}),), notes)


def parse_tagging(row: Values) -> Parsed:
    """An artist's tag, and who put it there.

    Raises:
        BadRecord: the row can't be used.
    """
    user_id, artist_id, tag_id = (id_of(row.get(name), name) for name in ("userID", "artistID", "tagID"))
    notes: list[str] = []
    at = time_or_note(_midnight(row), notes)
    event = {"event_id": _key("tagged", user_id, artist_id, tag_id, at), "target_id": tag_id, "at": at}
    ends = {"target_id": "tagID", "at": "year"}
    tagged = checked(TaggedArtist, {"source_id": artist_id, **event}, {"source_id": "artistID", **ends})
    used = checked(UsedTag, {"source_id": user_id, **event}, {"source_id": "userID", **ends})
    nodes = (node_of(Artist, tagged.source_id), node_of(Tag, tagged.target_id), node_of(User, used.source_id))
    return Parsed((tagged, used, *nodes), notes)


def parse_friend(row: Values) -> Parsed:
    """A user names another as a friend."""
    user_id, friend_id = id_of(row.get("userID"), "userID"), id_of(row.get("friendID"), "friendID")
    edge = {"event_id": _key("friend", user_id, friend_id), "source_id": user_id, "target_id": friend_id}
    friend = checked(FriendOf, edge, {"source_id": "userID", "target_id": "friendID"})
    return Parsed((friend, node_of(User, friend.source_id), node_of(User, friend.target_id)))


def _midnight(row: Values) -> int | None:
    """The start of the row's day, seconds UTC; None where a part of it is missing."""
    year, month, day = (whole_of(row.get(name), name) for name in ("year", "month", "day"))
    if year is None or month is None or day is None:
        return None
    try:
        return int(datetime(year, month, day, tzinfo=UTC).timestamp())
    except (ValueError, OverflowError) as error:
        raise BadRecord(Reason.OUT_OF_RANGE, f"there is no day {year}-{month}-{day}"[:100], "day") from error


def _key(kind: str, *parts: object) -> str:
    """The key of an edge of this kind; parts that are no ids are refused by the record class, whatever the key."""
    return content_id(kind, *map(str, parts))


PLAYS = Source(("userID", "artistID", "weight"), parse_plays, quoted=False)
ARTISTS = Source(("id", "name"), parse_artist, quoted=False)
TAGS = Source(("tagID", "tagValue"), parse_tag, encoding="latin-1", quoted=False)
TAGGINGS = Source(("userID", "artistID", "tagID", "day", "month", "year"), parse_tagging, quoted=False)
FRIENDS = Source(("userID", "friendID"), parse_friend, quoted=False)

_SOURCE_OF = {
    "artists.dat": ARTISTS,
    "tags.dat": TAGS,
    "user_artists.dat": PLAYS,
    "user_taggedartists.dat": TAGGINGS,
    "user_friends.dat": FRIENDS,
}


def sources_in(folder: Given) -> dict[Location, Source]:
    """The files of the data set that are in the folder, here or at an address, and how each is read.

    Raises:
        RecordError: there is no such folder, or none of them is in it.
    """
    there: dict[str, Location]
    if is_elsewhere(folder):
        there = {file.name: file for file in find_remote(str(folder))}
    elif not (path := path_of(folder)).is_dir():
        raise RecordError(f"{folder} is no folder", "give the folder that holds user_artists.dat")
    else:
        there = {file.name: file for file in path.iterdir() if file.is_file()}
    found = {there[name]: source for name, source in _SOURCE_OF.items() if name in there}
    if not found:
        raise RecordError(
            f"{shown(str(folder))} holds no file of Last.fm", f"at least one is wanted of {', '.join(_SOURCE_OF)}"
        )
    return found
