"""Lists of tags a track: `track,tags` with "5,6,9" in one quoted cell, or JSON lines with a list.

Tags may also stand in cells of their own at the end of a row, or be columns with 0 and 1 (`wide_tags.py`). In a cell,
`;` and `|` part tags as commas do, and blanks do where all are numbers. A row is about its track; the tags of rows
about one track add up. The layout holds no times, so these are unknown. A tag that is a word is its own name; a
number has none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kindred.domain.records import Edge, Node, Tag, Tagged, Track, content_id
from kindred.ingest.cells.bad_records import checked
from kindred.ingest.cells.ids import id_of
from kindred.ingest.cells.texts import name_in, parts_of
from kindred.ingest.cells.values import NO_TIME, given, optional
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.sources.wide_tags import read_wide_tags

_REMEMBERED = 50_000
_SEPARATOR = re.compile("[,;|]")
_NUMBERS = re.compile(r"\d+(\s+\d+)+")


def parse_tag_list(row: Values) -> Parsed:
    """The track and its tags.

    Raises:
        BadRecord: the row can't be used.
    """
    notes: list[str] = []
    track = checked(Track, {"id": id_of(row.get("track"), "track")}, {"id": "track"})
    records: list[Node | Edge] = [track]
    for name in dict.fromkeys(_tags(row.get("tags"), notes)):
        tag = _tag(name)
        event_id = content_id("tag list", track.id, tag.id)
        records += [tag, Tagged(event_id=event_id, source_id=track.id, target_id=tag.id)]
    return Parsed(records, [*notes, NO_TIME] if len(records) > 1 else notes)


def _tags(value: object, notes: list[str]) -> list[str]:
    """The tags of a list, or of a text with separators between them; an empty list is a track without tags."""
    parts = parts_of(given(value, "tags"))
    if len(parts) == 1 and isinstance(text := parts[0], str):
        parts = list[object](text.split() if _NUMBERS.fullmatch(text.strip()) else _SEPARATOR.split(text))
    return [name for part in parts if (name := optional(_name, part, "tags", notes))]


def _name(value: object, field: str) -> str:
    return name_in(id_of(value.strip() if isinstance(value, str) else value, field), field)


@lru_cache(_REMEMBERED)
def _tag(name: str) -> Tag:
    return Tag(id=name, name=None if name.isdecimal() else name)


TAG_LISTS = Source(
    ("track", "tags"),
    parse_tag_list,
    wanted={"track": ("track",), "tags": ("tags",)},
    takes_rest=True,
    read=read_wide_tags,
)
