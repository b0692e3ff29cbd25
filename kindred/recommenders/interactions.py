"""Items of whatever kind, from tables of one's own."""

from __future__ import annotations

from kindred.domain.records import Interacted, ItemInCategory
from kindred.recommenders.system import System, Words

INTERACTIONS = System(
    name="interactions",
    target=Interacted,
    words=Words("item", "items", "interaction", "interactions", "picked"),
    context=(ItemInCategory,),
    rated=True,
    weight=("weight",),
    load_with="kindred ingest interactions FILE",
)
