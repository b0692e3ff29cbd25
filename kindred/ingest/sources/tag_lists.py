"""Lists of tags a track: `track,tags` with "5,6,9" in one quoted cell, or JSON lines with a list.

A row is about its track; the tags of rows about one track add up. The layout holds no times, so
these are unknown. A tag that is a word is its own name; a number has none.
"""

from __future__ import annotations

from functools import lru_cache

from kindred.domain.records import Edge, Node, Tag, Tagged, Track, content_id
from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.source import Parsed, Source, Values
from kindred.ingest.values import NO_TIME, cell_list, id_of, name_of, text_of

_REMEMBERED = 50_000
_SEPARATOR = ","


def parse_tag_list(row: Values) -> Parsed:
    """The track and its tags.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    track = Track.model_validate({"id": id_of(row.get("track"))}, strict=True)
    records: list[Node | Edge] = [track]
    for name in dict.fromkeys(_tags(row.get("tags"))):
        tag = _tag(name)
        event_id = content_id("tag list", track.id, tag.id)
        records += [tag, Tagged(event_id=event_id, source_id=track.id, target_id=tag.id)]
    return Parsed(records, notes=(NO_TIME,) if len(records) > 1 else ())


def _tags(value: object) -> list[str]:
    """The tags of a list, or of a text with commas between them; an empty list is a track without tags."""
    value = id_of(value)
    if value is None:
        raise BadRecord(Reason.MISSING_VALUE, "a list of tags is wanted", "tags")
    parts = value if isinstance(value, (list, tuple)) else text_of(value, "tags").split(_SEPARATOR)
    return [name for part in parts if (name := name_of(text_of(id_of(part), "tags")))]


@lru_cache(_REMEMBERED)
def _tag(name: str) -> Tag:
    return Tag(id=name, name=None if name.isdecimal() else name)


TAG_LISTS = Source(columns={"track": str, "tags": cell_list}, parse=parse_tag_list)
