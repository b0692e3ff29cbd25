"""Searches into the graph: who typed what, where it led, and how well products answer queries."""

from __future__ import annotations

from kindred.domain.errors import SettingsError
from kindred.ingest.bytes.paths import Paths, expand
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.formats.sql_tables import sql_table
from kindred.ingest.sources.esci import Locale, judgments_source, products_source
from kindred.ingest.sources.orders import ORDERS
from kindred.ingest.sources.search_events import SEARCH_EVENTS


def search_files(
    events: Paths = None, orders: Paths = None, judgments: Paths = None, products: Paths = None, locale: str = ""
) -> list[SourceFile]:
    """Search events, orders with their searches, judgments and products, whichever are given; folders will do.

    Args:
        events: files of User Behavior Insights.
        orders: files of orders with their searches.
        judgments: files of judgments.
        products: files of products.
        locale: of judgments and products; the first that comes where it is empty.

    Raises:
        SettingsError: none is given.
        RecordError: a folder is empty, or a pattern matches nothing.
    """
    chosen = Locale(locale)
    sources = (
        (products, products_source(chosen)),
        (events, SEARCH_EVENTS),
        (orders, ORDERS),
        (judgments, judgments_source(chosen)),
    )
    files = [SourceFile(path, source) for given, source in sources for path in expand(given)]
    if not files:
        raise SettingsError("nothing to load", "give --events FILE, --orders FILE, --judgments FILE or --products FILE")
    return files


def search_tables(
    url: str, orders: str = "", products: str = "", judgments: str = "", locale: str = ""
) -> list[SourceFile]:
    """Orders with their searches, products and judgments from tables of a database, whichever are named.

    Raises:
        SettingsError: none is named.
    """
    chosen = Locale(locale)
    named = ((products, products_source(chosen)), (orders, ORDERS), (judgments, judgments_source(chosen)))
    files = [sql_table(url, name, source) for name, source in named if name]
    if not files:
        raise SettingsError("nothing to load", "name tables: --orders-table, --products-table or --judgments-table")
    return files
