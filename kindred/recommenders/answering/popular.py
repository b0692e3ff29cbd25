"""A list made of counts alone, for when no version can tell more; and whether an item is what a request asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from kindred.domain.recommendation import Candidate, Recommendation, Request, best_first
from kindred.recommenders.answering.known import Known, left_out

NodesOf = Callable[[str, str], Collection[str]]
"""The nodes of a label that an item leads to, by the item's id and the label in lower case."""


def most_popular(
    known: Known, request: Request, counts: Mapping[str, int], nodes_of: NodesOf
) -> tuple[Recommendation, ...]:
    """The k items counted most often, of those that the request asks for and that may be in its answer."""
    barred, numbers = left_out(known, request), known.numbers(request.bounds)
    suited = [
        Candidate(item, float(count))
        for item, count in counts.items()
        if item not in barred and unmet_condition(request, item, numbers, nodes_of) is None
    ]
    best = best_first(suited, request.k)
    titles = known.titles([candidate.item_id for candidate in best])
    return tuple(Recommendation(c.item_id, c.score, titles.get(c.item_id), None, "popular") for c in best)


def unmet_condition(
    request: Request, item_id: str, numbers: Mapping[str, Mapping[str, float]], nodes_of: NodesOf
) -> str | None:
    """The first condition of the request that an item does not meet, in words; None where it meets all.

    Args:
        request: with its conditions, `where` and `bounds`.
        item_id: the item.
        numbers: of the items, those that the request bounds: name → item → value.
        nodes_of: what items lead to.
    """
    for label, node in request.where.items():
        if node not in nodes_of(item_id, label):
            return f"not of {label} {node}"
    for name, bounds in request.bounds.items():
        if not bounds.admit(numbers[name].get(item_id)):
            return f"{name} is not what was asked for"
    return None
