"""Product reviews into the graph: the main system's way in."""

from __future__ import annotations

from kindred.domain.errors import SettingsError
from kindred.ingest.bytes.paths import Paths, expand
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.formats.sql_tables import sql_table
from kindred.ingest.sources import amazon


def product_files(reviews: Paths, metadata: Paths = None) -> list[SourceFile]:
    """Reviews, and the metadata of their products where there is any (layouts: `sources/amazon.py`).

    Raises:
        RecordError: a folder is empty, or a pattern matches nothing.
        SettingsError: none is given.
    """
    files = [SourceFile(path, amazon.REVIEWS) for path in expand(reviews)]
    files += [SourceFile(path, amazon.METADATA) for path in expand(metadata)]
    if not files:
        raise SettingsError("nothing to load", "give --reviews FILE, or --sql URL and --reviews-table TABLE")
    return files


def product_tables(url: str, reviews: str, metadata: str = "") -> list[SourceFile]:
    """The same from tables of a database, with the columns of one of those layouts."""
    named = ((reviews, amazon.REVIEWS), (metadata, amazon.METADATA))
    return [sql_table(url, name, source) for name, source in named if name]
