"""Searches into the graph: who typed what, where it led, and how well products answer queries."""

from __future__ import annotations

from pathlib import Path

from kindred.domain.errors import SettingsError
from kindred.ingest.pipeline import SourceFile
from kindred.ingest.sources.esci import JUDGMENTS, PRODUCTS
from kindred.ingest.sources.orders import ORDERS
from kindred.ingest.sources.search_events import SEARCH_EVENTS


def search_files(
    events: Path | None = None,
    orders: Path | None = None,
    judgments: Path | None = None,
    products: Path | None = None,
) -> list[SourceFile]:
    """Search events, orders with their searches, judgments and products, whichever are given.

    Raises:
        SettingsError: none is given.
    """
    given = ((products, PRODUCTS), (events, SEARCH_EVENTS), (orders, ORDERS), (judgments, JUDGMENTS))
    files = [SourceFile(path, source) for path, source in given if path]
    if not files:
        raise SettingsError("nothing to load", "give --events FILE, --orders FILE, --judgments FILE or --products FILE")
    return files
