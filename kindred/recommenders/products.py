"""Products from reviews: the main system."""

from __future__ import annotations

from kindred.domain.rating_scale import STARS
from kindred.domain.records import InCategory, MadeBy, Reviewed
from kindred.recommenders.system import System, Words

PRODUCTS = System(
    name="products",
    target=Reviewed,
    words=Words("product", "products", "review", "reviews", "reviewed"),
    context=(MadeBy, InCategory),
    rated=True,
    scale=STARS,
    load_with="kindred ingest products --reviews FILE",
)
