"""Impressions of news as MIND has them: who was shown what when, `N1-1` what was clicked and `N2-0` what was not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.lines import BUFFER_BYTES, Line, read_lines
from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.formats.json_lines import decode_utf8
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Source, Values

CLICKS = ("user_id", "news_id", "at")
"""What a click says, as tables of events call it."""
HISTORY = "history"
"""Marks the first row of an impression whose reader clicked before, at times that are not told."""
UNTIMED = "clicks of unknown times left out"
_IMPRESSIONS = re.compile(rb"\d+\t\S+\t\d+/\d+/\d{4} \d+:\d\d:\d\d [AP]M\t[^\t\n]*\t\S+-[01][ \r\n]")
_UNTOLD = re.compile(rb"\d+\t\S+\t\d+/\d+/\d{4} \d+:\d\d:\d\d [AP]M\t[^\t\n]*\t[A-Z]\d+[ \r\n]")
_NEWS = re.compile(rb"\w+\t[^\t\n]*\t[^\t\n]*\t[^\t\n]+\t[^\t\n]*\thttps?://[^\t\n]*\t\[.*\t\[")
_TIME = "%m/%d/%Y %I:%M:%S %p"


def is_impressions(head: bytes) -> bool:
    """Whether a file begins with impressions that say what was clicked.

    Raises:
        RecordError: it begins with impressions that do not, as the test part of MIND.
    """
    if _UNTOLD.match(head):
        raise RecordError(
            "these impressions do not say what was clicked, as those of MIND's test part",
            "give behaviors.tsv of the train or dev part, where each item ends in -0 or -1",
        )
    return _IMPRESSIONS.match(head) is not None


def read_clicks(lines: Iterator[Line]) -> Iterator[Row]:
    """A row for each click, of the columns above."""
    return _rows(lines, lambda seen: [{"user_id": seen.user, "news_id": seen.item, "at": seen.at}] * seen.is_clicked)


def read_clicked(content: io.BufferedReader, source: Source) -> Iterator[Row] | None:
    """The same as rows of clicks on a news site; None where these are no impressions."""
    return _rows(read_lines(content), _click) if is_impressions(content.peek(BUFFER_BYTES)) else None


def read_views(content: io.BufferedReader, source: Source) -> Iterator[Row] | None:
    """A view for each item shown and a like for each click, as rows of a feed; None where these are no impressions."""
    return _rows(read_lines(content), _view_and_like) if is_impressions(content.peek(BUFFER_BYTES)) else None


def read_news(content: io.BufferedReader, source: Source) -> Iterator[Row] | None:
    """News as posts: title and abstract are the text, the category is the topic; None where these are no such news."""
    return _posts(read_lines(content)) if _NEWS.match(content.peek(BUFFER_BYTES)) else None


def _posts(lines: Iterator[Line]) -> Iterator[Row]:
    for line in lines:
        try:
            post, topic, _, title, abstract, *_ = _cells(line, 8)
        except BadRecord as bad:
            yield Row(line.number, b"", line.length, bad)
        else:
            values = {"post_id": post, "text": "\n".join(filter(None, (title, abstract))), "topic": topic}
            yield Row(line.number, b"", line.length, values)


class _Seen(NamedTuple):
    """An item that was shown to somebody, at a time in ISO form."""

    user: str
    item: str
    at: str
    is_clicked: bool


def _click(seen: _Seen) -> list[Values]:
    return [{"user_id": seen.user, "click_article_id": seen.item, "click_timestamp": seen.at}] * seen.is_clicked


def _view_and_like(seen: _Seen) -> list[Values]:
    of_both = {"user_id": seen.user, "post_id": seen.item, "timestamp": seen.at}
    view = {**of_both, "action": "view", "target": seen.is_clicked}
    return [view, {**of_both, "action": "like", "target": None}] if seen.is_clicked else [view]


def _rows(lines: Iterator[Line], said: Callable[[_Seen], list[Values]]) -> Iterator[Row]:
    """What is said of each item that was shown."""
    for line in lines:
        if line.raw.strip():
            try:
                history, items = _seen(line)
                found = [values for seen in items for values in said(seen)]
            except BadRecord as bad:
                yield Row(line.number, b"", line.length, bad)
            else:
                if history and found:
                    found[0] = {**found[0], HISTORY: True}
                yield from (Row(line.number, b"", line.length, values) for values in found)


def _seen(line: Line) -> tuple[bool, list[_Seen]]:
    """Whether the reader clicked before, and the items of an impression. Raises: BadRecord."""
    _, user, at, history, shown_items = _cells(line, 5)
    items = [_Seen(user, item, _iso(at), is_clicked) for item, is_clicked in map(_item, shown_items.split())]
    return bool(history.strip()), items


def _cells(line: Line, number: int) -> list[str]:
    """The cells of a line. Raises: BadRecord where it holds another number of them."""
    cells = decode_utf8(line.raw).removesuffix("\r").split("\t")
    if len(cells) != number:
        raise BadRecord(Reason.BROKEN_CSV, f"{len(cells)} cells, {number} are wanted")
    return cells


@lru_cache(1 << 14)
def _iso(text: str) -> str:
    try:
        return datetime.strptime(text, _TIME).isoformat()
    except ValueError as error:
        raise BadRecord(Reason.WRONG_TYPE, f"a time like {_TIME} is wanted, got {shown(text)}", "time") from error


def _item(part: str) -> tuple[str, bool]:
    item, _, clicked = part.rpartition("-")
    if clicked not in ("0", "1") or not item:
        raise BadRecord(Reason.WRONG_TYPE, f"an item with -0 or -1 is wanted, got {shown(part)}", "impressions")
    return item, clicked == "1"
