"""A news site's clicks, with the columns of the public data set of Globo.com, as Parquet, CSV or JSON lines.

user_id, click_article_id, click_timestamp (milliseconds; seconds and ISO 8601 are understood too) and, where known,
session_id, click_deviceGroup, click_os, click_country, click_region and click_referrer_type, all of them codes. The key
of a click is its user, article and millisecond. The rest of the columns say nothing of one click.

The content vectors that come with that data set are not loaded: all vectors of the graph come from one encoder, so that
they can be compared, and these come from another.
"""

from __future__ import annotations

from functools import lru_cache

from kindred.domain.records import Post, User, Viewed, content_id
from kindred.ingest.source import Parsed, Source, Values
from kindred.ingest.values import cell_number, given, id_of, milliseconds_of, whole

_REMEMBERED = 50_000  # nodes that are kept ready, because clicks name the same users and articles again and again


def parse_click(row: Values) -> Parsed:
    """The click, its user and its article.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    user_id, article_id = id_of(row.get("user_id")), id_of(row.get("click_article_id"))
    at_ms = milliseconds_of(given(row.get("click_timestamp"), "click_timestamp"), "click_timestamp")
    viewed = Viewed.model_validate(
        {
            "event_id": content_id(str(user_id), str(article_id), str(at_ms)),
            "source_id": user_id,
            "target_id": article_id,
            "at": None if at_ms is None else at_ms // 1000,
            "at_ms": at_ms,
            "session": id_of(row.get("session_id")),
            "device": whole(row.get("click_deviceGroup")),
            "os": whole(row.get("click_os")),
            "country": whole(row.get("click_country")),
            "region": whole(row.get("click_region")),
            "referrer": whole(row.get("click_referrer_type")),
        },
        strict=True,
    )
    return Parsed((viewed, _user(viewed.source_id), _article(viewed.target_id)))


@lru_cache(_REMEMBERED)
def _user(user_id: str) -> User:
    return User(id=user_id)


@lru_cache(_REMEMBERED)
def _article(article_id: str) -> Post:
    return Post(id=article_id)


CLICKS = Source(
    columns={
        "user_id": str,
        "click_article_id": str,
        "click_timestamp": str,
        "session_id": str,
        "click_deviceGroup": cell_number,
        "click_os": cell_number,
        "click_country": cell_number,
        "click_region": cell_number,
        "click_referrer_type": cell_number,
    },
    parse=parse_click,
)
