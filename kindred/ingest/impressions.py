"""Impressions of news as MIND has them: who was shown what when, `N1-1` what was clicked and `N2-0` what was not."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from kindred.domain.errors import RecordError
from kindred.ingest.bad_records import BadRecord, Reason, shown
from kindred.ingest.json_lines import decode_utf8
from kindred.ingest.lines import BUFFER_BYTES, Line, read_lines
from kindred.ingest.rows import Row
from kindred.ingest.source import Source

CLICKS = ("user_id", "news_id", "at")
"""What a click says, as tables of events call it."""
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
    for line, user, at, shown_items in _impressions(lines):
        if isinstance(user, BadRecord):
            yield Row(line.number, b"", line.length, user)
            continue
        for item, is_clicked in shown_items:
            if is_clicked:
                yield Row(line.number, b"", line.length, {"user_id": user, "news_id": item, "at": at})


def read_clicked(content: io.BufferedReader, source: Source) -> Iterator[Row] | None:
    """The same as rows of clicks on a news site; None where these are no impressions."""
    return _clicked(read_lines(content)) if is_impressions(content.peek(BUFFER_BYTES)) else None


def _clicked(lines: Iterator[Line]) -> Iterator[Row]:
    names = dict(zip(CLICKS, ("user_id", "click_article_id", "click_timestamp"), strict=True))
    for row in read_clicks(lines):
        if isinstance(row.value, BadRecord):
            yield row
        else:
            yield row._replace(value={names[name]: value for name, value in row.value.items()})


def read_views(content: io.BufferedReader, source: Source) -> Iterator[Row] | None:
    """A view for each item shown and a like for each click, as rows of a feed; None where these are no impressions."""
    return _views(read_lines(content)) if is_impressions(content.peek(BUFFER_BYTES)) else None


def _views(lines: Iterator[Line]) -> Iterator[Row]:
    for line, user, at, shown_items in _impressions(lines):
        if isinstance(user, BadRecord):
            yield Row(line.number, b"", line.length, user)
            continue
        for item, is_clicked in shown_items:
            view = {"user_id": user, "post_id": item, "timestamp": at, "action": "view", "target": is_clicked}
            yield Row(line.number, b"", line.length, view)
            if is_clicked:
                yield Row(line.number, b"", line.length, {**view, "action": "like", "target": None})


def read_news(content: io.BufferedReader, source: Source) -> Iterator[Row] | None:
    """News as posts: title and abstract are the text, the category is the topic; None where these are no such news."""
    return _posts(read_lines(content)) if _NEWS.match(content.peek(BUFFER_BYTES)) else None


def _posts(lines: Iterator[Line]) -> Iterator[Row]:
    for line in lines:
        cells = _cells(line, 8)
        if not isinstance(cells, BadRecord):
            cells_by = {"post_id": cells[0], "text": "\n".join(filter(None, cells[3:5])), "topic": cells[1]}
        yield Row(line.number, b"", line.length, cells if isinstance(cells, BadRecord) else cells_by)


def _impressions(lines: Iterator[Line]) -> Iterator[tuple[Line, str | BadRecord, str, list[tuple[str, bool]]]]:
    """The line, the user, the time in ISO form and what was shown, each with whether it was clicked."""
    for line in lines:
        if line.raw.strip():
            cells = _cells(line, 5)
            try:
                if isinstance(cells, BadRecord):
                    raise cells
                yield line, cells[1], _iso(cells[2]), [_item(part) for part in cells[4].split()]
            except BadRecord as bad:
                yield line, bad, "", []


def _cells(line: Line, number: int) -> list[str] | BadRecord:
    try:
        cells = decode_utf8(line.raw).removesuffix("\r").split("\t")
    except BadRecord as bad:
        return bad
    return cells if len(cells) == number else BadRecord(Reason.BROKEN_CSV, f"{len(cells)} cells, {number} are wanted")


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
