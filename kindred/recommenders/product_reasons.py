"""Why a product was recommended: the user's own review that spoke for it, and a path in the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kindred.domain.recommendation import Candidate, Reason
from kindred.graph.store import GraphStore, QueryLimits

# Someone else who liked both; ties by id, so that the same question has the same answer on every engine.
_SHARED_FANS = """
MATCH (mine:Product)<-[a:REVIEWED]-(fan:User)-[b:REVIEWED]->(theirs:Product)
WHERE mine.id = $mine AND theirs.id = $theirs AND a.rating >= 4 AND b.rating >= 4 AND fan.id <> $user
RETURN fan.id AS fan_id ORDER BY fan_id LIMIT 100
"""
_SHARED_CATEGORY = """
MATCH (mine:Product)-[:IN_CATEGORY]->(shared:Category)<-[:IN_CATEGORY]-(theirs:Product)
WHERE mine.id = $mine AND theirs.id = $theirs
RETURN shared.id AS name ORDER BY name LIMIT 1
"""
_SHARED_BRAND = """
MATCH (mine:Product)-[:MADE_BY]->(shared:Brand)<-[:MADE_BY]-(theirs:Product)
WHERE mine.id = $mine AND theirs.id = $theirs
RETURN shared.id AS name ORDER BY name LIMIT 1
"""
_LIMITS = QueryLimits(rows=100, seconds=5.0)


def explain(
    store: GraphStore,
    user_id: str | None,
    candidates: Sequence[Candidate],
    spoke_for: Mapping[str, str],
    titles: Mapping[str, str],
) -> dict[str, Reason]:
    """A reason for each candidate, by its id.

    Args:
        store: the graph in which paths are looked for.
        user_id: who asked; None for someone who is not in the graph.
        candidates: what was recommended.
        spoke_for: candidate → the reviewed product that added most to its score.
        titles: product → title, where it has one.
    """
    asked = [c.item_id for c in candidates if c.item_id in spoke_for]
    return {item: _reason(store, user_id or "you", spoke_for[item], item, titles) for item in asked}


def _reason(store: GraphStore, user: str, mine: str, theirs: str, titles: Mapping[str, str]) -> Reason:
    name = f"“{titles[mine]}”" if mine in titles else mine
    start = (user, "REVIEWED", mine)
    pair = {"mine": mine, "theirs": theirs}
    fans = store.query(_SHARED_FANS, {**pair, "user": user}, _LIMITS).column("fan_id").to_pylist()
    if fans:
        others = "100 or more others" if len(fans) == 100 else f"{len(fans)} other{'s' if len(fans) > 1 else ''}"
        path = (*start, "REVIEWED", fans[0], "REVIEWED", theirs)
        return Reason(f"you reviewed {name}; {others} liked both", path)
    for question, edge, words in ((_SHARED_BRAND, "MADE_BY", "also by"), (_SHARED_CATEGORY, "IN_CATEGORY", "also in")):
        shared = store.query(question, pair, _LIMITS).column("name").to_pylist()
        if shared:
            return Reason(f"you reviewed {name}; {words} {shared[0]}", (*start, edge, shared[0], edge, theirs))
    return Reason(f"close to {name}, which you reviewed: their reviews and reviewers are alike", start)
