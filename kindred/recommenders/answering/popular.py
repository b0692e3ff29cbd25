"""A list made of counts alone, for when no version can tell more; and whether an item is what a request asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kindred.domain.recommendation import Candidate, Recommendation, Request, best_first
from kindred.recommenders.answering.asked import boosted
from kindred.recommenders.answering.known import Known, left_out, pinned_items
from kindred.recommenders.diversity import at_most_of_each

NodesOf = Callable[[str, str], Sequence[str]]
"""The nodes of a label that an item leads to, by the item's id and the label in lower case."""


def most_popular(
    known: Known, request: Request, counts: Mapping[str, int], nodes_of: NodesOf, is_item: Callable[[str], bool]
) -> tuple[Recommendation, ...]:
    """The k items counted most often that may be in the answer, pinned ones first.

    Conditions, exclusions, boosts and most of one node count as in any answer; `not_looked_at` says what does not.

    Args:
        known: what is known of users and items.
        request: what is asked.
        counts: item → how often it counts.
        nodes_of: what items lead to.
        is_item: whether there is such an item, for those that are pinned or boosted.
    """
    barred, numbers = left_out(known, request), known.numbers(request.bounds)
    raised = dict.fromkeys((item for item in request.boosts if item not in counts and is_item(item)), 0)
    suited = [
        Candidate(item, float(count))
        for item, count in {**counts, **raised}.items()
        if item not in barred and unmet_condition(request, item, numbers, nodes_of) is None
    ]
    scores = boosted([candidate.score for candidate in suited], suited, request.boosts)
    pinned = [item for item in pinned_items(known, request) if is_item(item)]
    scored = (Candidate(candidate.item_id, score) for candidate, score in zip(suited, scores, strict=True))
    ordered = best_first(scored, None if request.at_most else request.k + len(pinned))
    for label, most in request.at_most.items():
        ordered = at_most_of_each(ordered, [nodes_of(candidate.item_id, label) for candidate in ordered], most)
    first = [Candidate(item, float(counts.get(item, 0))) for item in pinned]
    best = [*first, *(candidate for candidate in ordered if candidate.item_id not in pinned)][: request.k]
    titles, rules = known.titles([candidate.item_id for candidate in best]), set(pinned)
    return tuple(
        Recommendation(item, score, titles.get(item), None, "rule" if item in rules else "popular")
        for item, score in best
    )


def not_looked_at(request: Request) -> str:
    """What a request asks that a list made of counts can't look at, in words; empty where it asks nothing of the kind.

    Args:
        request: what is asked.
    """
    asked = {
        "diversity": request.diversity,
        "what is viewed": request.viewed,
        "the text": request.text,
        "the queries": request.queries,
        "the events": request.events,
    }
    parts = [name for name, given in asked.items() if given]
    return f"counts do not look at {', '.join(parts)}" if parts else ""


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
