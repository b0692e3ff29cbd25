"""Product reviews into the graph: the main system's way in."""

from __future__ import annotations

from pathlib import Path

from kindred.ingest.pipeline import SourceFile
from kindred.ingest.sources import amazon


def product_files(reviews: Path, metadata: Path | None = None) -> list[SourceFile]:
    """Reviews, and the metadata of their products where there is any (layouts: `sources/amazon.py`)."""
    files = [SourceFile(reviews, amazon.REVIEWS)]
    if metadata:
        files.append(SourceFile(metadata, amazon.METADATA))
    return files
