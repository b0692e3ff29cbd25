"""Product reviews into the graph: the main system's way in."""

from __future__ import annotations

from kindred.ingest.paths import Paths, expand
from kindred.ingest.reading import SourceFile
from kindred.ingest.sources import amazon


def product_files(reviews: Paths, metadata: Paths = None) -> list[SourceFile]:
    """Reviews, and the metadata of their products where there is any (layouts: `sources/amazon.py`).

    Raises:
        RecordError: a folder is empty, or a pattern matches nothing.
    """
    files = [SourceFile(path, amazon.REVIEWS) for path in expand(reviews)]
    return files + [SourceFile(path, amazon.METADATA) for path in expand(metadata)]
