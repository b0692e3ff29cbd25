"""Lists of tags a track: `track,tags` with "5,6,9" in one quoted cell, or JSON lines with a list.

Tags may also stand in cells of their own at the end of a row, or be columns with 0 and 1 (`wide_tags.py`). In a cell,
`;` and `|` part tags as commas do, and blanks do where all are numbers. What comes with a tag, such as the weights of
Last.fm (`[["rock", "100"]]`, `{"rock": 100}`, `[{"name": "rock"}]`), is left out, and a tag of weight 0 with it. The
tags of rows about one track add up, so a table may have a row a tag. The layout holds no times, so these are unknown. A
tag that is a word is its own name; a number has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

from kindred.domain.records import Edge, Node, Tag, Tagged, Track, content_id
from kindred.ingest.cells.bad_records import BadRecord, checked
from kindred.ingest.cells.ids import id_of
from kindred.ingest.cells.texts import listed, name_in, parts_of
from kindred.ingest.cells.values import NO_TIME, given, optional
from kindred.ingest.formats.json_lines import decode_json_or_literal
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.sources.wide_tags import read_wide_tags

_REMEMBERED = 50_000
_SEPARATOR = re.compile("[,;|]")
_NUMBERS = re.compile(r"\d+(\s+\d+)+")
_NUMBER = re.compile(r"\d+(\.\d+)?(e-?\d+)?")
_NOT = ("0", "0.0", "false", "False")
_TRACK, _TAGS = ("track", "track_id", "clip_id", "song_id"), ("tags", "tag")
_NAMED = ("name", "tag", "id")


def parse_tag_list(row: Values) -> Parsed:
    """The tags of a track. The row is about the first of them, or about the track where there are none.

    Raises:
        BadRecord: the row can't be used.
    """
    notes: list[str] = []
    column = next((name for name in _TRACK if name in row), _TRACK[0])
    track = checked(Track, {"id": id_of(row.get(column), column)}, {"id": column})
    mentioned: list[Node | Edge] = [track]
    tagged: list[Node | Edge] = []
    column = next((name for name in _TAGS if name in row), _TAGS[0])
    for name in dict.fromkeys(_tags(row.get(column), column, notes)):
        tag = _tag(name)
        event_id = content_id("tag list", track.id, tag.id)
        mentioned.append(tag)
        tagged.append(Tagged(event_id=event_id, source_id=track.id, target_id=tag.id))
    return Parsed([*tagged[:1], *mentioned, *tagged[1:]], [*notes, NO_TIME] if tagged else notes)


def _tags(value: object, column: str, notes: list[str]) -> list[str]:
    """The tags of a list, or of a text with separators between them; an empty list is a track without tags."""
    parts = _parts(given(value, column))
    if len(parts) == 1 and isinstance(text := parts[0], str):
        parts = list[object](text.split() if _NUMBERS.fullmatch(text.strip()) else _SEPARATOR.split(text))
    return [name for part in parts if (name := optional(_name, part, column, notes))]


def _parts(value: object) -> list[object]:
    """The tags of a value, without weights and the like that come with them."""
    value = listed(value)
    if isinstance(value, str) and value.strip()[:1] == "{":
        with suppress(BadRecord):
            value = decode_json_or_literal(value.encode())
    if isinstance(value, dict):
        return _with_weight(value.items())
    if isinstance(value, list) and value and all(map(_is_weighted, value)):
        return _with_weight(value)
    return [_named(part) for part in parts_of(value)]


def _with_weight(pairs: Iterable[tuple[object, object]]) -> list[object]:
    """The tags whose weight is not that of none."""
    return [tag for tag, weight in pairs if weight and weight not in _NOT]


def _is_weighted(entry: object) -> bool:
    """Whether it is a word and a number: nothing else is told from two tags."""
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        return False
    tag, weight = entry
    return isinstance(tag, str) and not _NUMBER.fullmatch(tag) and bool(_NUMBER.fullmatch(str(weight)))


def _named(part: object) -> object:
    """The tag of an object that says more than its name."""
    return next((part[name] for name in _NAMED if name in part), part) if isinstance(part, dict) else part


def _name(value: object, field: str) -> str:
    return name_in(id_of(value.strip() if isinstance(value, str) else value, field), field)


@lru_cache(_REMEMBERED)
def _tag(name: str) -> Tag:
    return Tag(id=name, name=None if name.isdecimal() else name)


TAG_LISTS = Source(
    (*_TRACK, *_TAGS),
    parse_tag_list,
    wanted={"track": _TRACK, "tags": _TAGS},
    takes_rest=True,
    read=read_wide_tags,
)
