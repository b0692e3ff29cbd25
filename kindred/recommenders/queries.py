"""Products from a shopper's latest search queries."""

from __future__ import annotations

from kindred.domain.records import Bought, InCategory, MadeBy
from kindred.recommenders.system import System, Words

QUERIES = System(
    name="queries",
    target=Bought,
    words=Words("product", "products", "order", "orders", "bought"),
    context=(MadeBy, InCategory),
    model="two-tower",
    load_with="kindred ingest queries --orders FILE",
    levels={"model": "from their latest searches", "inductive": "from these searches", "popular": "what is popular"},
)
