"""A news site's clicks, with the columns of the public data set of Globo.com, as Parquet, CSV or JSON lines.

user_id, click_article_id, click_timestamp (in any form that `times.py` reads) and, where known,
session_id, click_deviceGroup, click_os, click_country, click_region and click_referrer_type, all of them codes. The key
of a click is its user, article and millisecond. The rest of the columns say nothing of one click.

The content vectors that come with that data set are not loaded: all vectors of the graph come from one encoder, so that
they can be compared, and these come from another.
"""

from __future__ import annotations

from kindred.domain.records import Post, User, Viewed, content_id
from kindred.ingest.cells.bad_records import checked
from kindred.ingest.cells.ids import id_of, id_text_of
from kindred.ingest.cells.numbers import whole_of
from kindred.ingest.cells.times import milliseconds_of
from kindred.ingest.cells.values import given_time, optional
from kindred.ingest.formats.impressions import HISTORY, UNTIMED, read_clicked
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.source import Parsed, Source, Values

_CODES = {
    "device": "click_deviceGroup",
    "os": "click_os",
    "country": "click_country",
    "region": "click_region",
    "referrer": "click_referrer_type",
}
_COLUMNS = {"source_id": "user_id", "target_id": "click_article_id", "at": "click_timestamp"}


def parse_click(row: Values) -> Parsed:
    """The click, its user and its article.

    Raises:
        BadRecord: the row can't be used.
    """
    notes = [UNTIMED] if row.get(HISTORY) else []
    user_id, article_id = (id_of(row.get(name), name) for name in ("user_id", "click_article_id"))
    at_ms = given_time(milliseconds_of(row.get("click_timestamp"), "click_timestamp"), "click_timestamp")
    viewed = checked(
        Viewed,
        {
            "event_id": content_id(str(user_id), str(article_id), str(at_ms)),
            "source_id": user_id,
            "target_id": article_id,
            "at": None if at_ms is None else at_ms // 1000,
            "at_ms": at_ms,
            "session": optional(id_text_of, row.get("session_id"), "session_id", notes),
            **{name: optional(whole_of, row.get(column), column, notes) for name, column in _CODES.items()},
        },
        _COLUMNS,
    )
    return Parsed((viewed, node_of(User, viewed.source_id), node_of(Post, viewed.target_id)), notes)


CLICKS = Source(
    columns=("user_id", "click_article_id", "click_timestamp", "session_id", *_CODES.values()),
    parse=parse_click,
    wanted={"user": ("user_id",), "article": ("click_article_id",), "time": ("click_timestamp",)},
    read=read_clicked,
)
