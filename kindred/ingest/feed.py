"""A feed service and a news site into the graph: who was shown which post, and who liked it."""

from __future__ import annotations

from pathlib import Path

from kindred.domain.errors import SettingsError
from kindred.ingest.paths import Paths, expand
from kindred.ingest.reading import SourceFile
from kindred.ingest.sources import news_clicks, social_feed
from kindred.ingest.sql_dump import dump_source

_TABLES = {
    "user_data": social_feed.USERS,
    "post_text_df": social_feed.POSTS,
    "feed_data": social_feed.FEED,
}


def post_files(
    users: Paths = None, posts: Paths = None, feed: Paths = None, dump: Path | None = None
) -> list[SourceFile]:
    """The tables of a feed service, each in its own files or all in a dump, whichever are given.

    Raises:
        SettingsError: none is given.
    """
    tables = ((users, social_feed.USERS), (posts, social_feed.POSTS), (feed, social_feed.FEED))
    files = [SourceFile(path, source) for given, source in tables for path in expand(given)]
    if dump:
        files += [
            SourceFile(dump, dump_source(source, table, list(_TABLES)), part=table) for table, source in _TABLES.items()
        ]
    if not files:
        raise SettingsError("nothing to load", "give --users FILE, --posts FILE, --feed FILE or --dump FILE.sql")
    return files


def click_files(clicks: Paths) -> list[SourceFile]:
    """Clicks of a news site.

    Raises:
        SettingsError: none is given.
    """
    if not clicks:
        raise SettingsError("nothing to load", "give --clicks FILE")
    return [SourceFile(path, news_clicks.CLICKS) for path in expand(clicks)]
