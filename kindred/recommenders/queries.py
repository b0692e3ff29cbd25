"""Products from a shopper's latest search queries."""

from __future__ import annotations

from kindred.domain.records import Bought, InCategory, Judged, LedTo, MadeBy, Searched
from kindred.recommenders.system import System, Words

QUERIES = System(
    name="queries",
    target=Bought,
    words=Words("product", "products", "order", "orders", "bought"),
    context=(MadeBy, InCategory),
    reads=(Searched, LedTo, Judged),
    model="two-tower",
    load_with="kindred ingest queries --orders FILE",
    levels={"model": "from their latest searches", "inductive": "from these searches", "popular": "what is popular"},
)
