"""A feed service and a news site into the graph: who was shown which post, and who liked it."""

from __future__ import annotations

from kindred.domain.errors import SettingsError
from kindred.ingest.bytes.paths import Given, Paths, expand, one_file
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.formats.sql_dump import dump_source
from kindred.ingest.formats.sql_tables import sql_table
from kindred.ingest.sources import news_clicks, social_feed

_TABLES = {
    "user_data": social_feed.USERS,
    "post_text_df": social_feed.POSTS,
    "feed_data": social_feed.FEED,
}


def post_files(
    users: Paths = None, posts: Paths = None, feed: Paths = None, dump: Given | None = None
) -> list[SourceFile]:
    """The tables of a feed service, each in its own files or all in a dump, whichever are given.

    Raises:
        SettingsError: none is given.
    """
    tables = ((users, social_feed.USERS), (posts, social_feed.POSTS), (feed, social_feed.FEED))
    files = [SourceFile(path, source) for given, source in tables for path in expand(given)]
    if dump:
        path = one_file(dump)
        files += [
            SourceFile(path, dump_source(source, table, list(_TABLES)), part=table) for table, source in _TABLES.items()
        ]
    if not files:
        hint = "give --users FILE, --posts FILE, --feed FILE, --dump FILE.sql or --sql URL"
        raise SettingsError("nothing to load", hint)
    return files


def post_tables(url: str, users: str = "", posts: str = "", feed: str = "") -> list[SourceFile]:
    """The same from tables of a database; those not named are called as in the dump, unless any is named."""
    usual = dict(zip(("users", "posts", "feed"), _TABLES, strict=True)) if not (users or posts or feed) else {}
    named = (
        (users or usual.get("users"), social_feed.USERS),
        (posts or usual.get("posts"), social_feed.POSTS),
        (feed or usual.get("feed"), social_feed.FEED),
    )
    return [sql_table(url, name, source) for name, source in named if name]


def click_files(clicks: Paths) -> list[SourceFile]:
    """Clicks of a news site.

    Raises:
        SettingsError: none is given.
    """
    if not clicks:
        raise SettingsError("nothing to load", "give --clicks FILE")
    return [SourceFile(path, news_clicks.CLICKS) for path in expand(clicks)]


def click_table(url: str, clicks: str) -> list[SourceFile]:
    """The same from a table of a database."""
    return [sql_table(url, clicks, news_clicks.CLICKS)]
