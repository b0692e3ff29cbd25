"""Product reviews into the graph: the main system's way in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kindred.domain.embeddings import TextEncoder
from kindred.domain.progress import Progress, silent
from kindred.graph.store import GraphStore
from kindred.ingest.pipeline import IngestOptions, SourceFile, ingest_files
from kindred.ingest.sources import amazon
from kindred.ingest.summary import IngestSummary


@dataclass(frozen=True)
class ProductFiles:
    """Reviews, and the metadata of their products where there is any."""

    reviews: Path
    metadata: Path | None = None


def ingest_products(
    store: GraphStore,
    files: ProductFiles,
    encoder: TextEncoder | None,
    options: IngestOptions,
    progress: Progress = silent,
) -> IngestSummary:
    """Loads reviews and metadata (layouts: `sources/amazon.py`; formats: `files.py`) into the graph.

    Raises:
        RecordError, SchemaError, StoreError: as `ingest_files`.
    """
    sources = [SourceFile(files.reviews, amazon.REVIEWS)]
    if files.metadata:
        sources.append(SourceFile(files.metadata, amazon.METADATA))
    return ingest_files(store, sources, encoder, options, progress)
