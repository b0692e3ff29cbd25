"""Whether the graph is the one that a published version was made from: an empty or another one makes poor answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kindred.domain.errors import KindredError
from kindred.recommenders.releases import ITEMS
from kindred.recommenders.systems import SystemModule
from kindred.serving.state.past import Past
from kindred.vectorstore.store import PublishedVectors

LEAST_SHARE = 0.5
"""A graph that holds less of what the version was made from is another one, or has lost much."""
_SAMPLE = 200


def misfit(
    module: SystemModule, version: str, made_of: Mapping[str, Any], past: Past, vectors: PublishedVectors
) -> str | None:
    """Why the graph can't be the one that a version was made from, in words; None where nothing speaks against it.

    Args:
        module: the system.
        version: its version that answers.
        made_of: the manifest of its run, which knows how many users, items and events there were.
        past: what the graph holds.
        vectors: of the system.
    """
    words = module.system.words
    counts = [(words.users, len(past.users), "users"), (words.items, len(past.items), "items")]
    if module.takes == "events":  # other systems learn from more than one kind of event
        counts.append((words.events, len(past.item_index), "events"))
    for name, here, noted in counts:
        before = int(made_of.get(noted, 0))
        if here < before * LEAST_SHARE:
            return f"it holds {here:,} {name}, version {version} was made from {before:,}"
    if not module.publishes_edges and len(past.items) and _knows_none(version, past.items.ids, vectors):
        return f"version {version} knows none of its {words.items}"
    return None


def _knows_none(version: str, items: Sequence[str], vectors: PublishedVectors) -> bool:
    """Whether a version has a vector for none of some of the items, taken from all over them."""
    some = items[:: max(1, len(items) // _SAMPLE)]
    try:
        return not len(vectors.fetch(version, ITEMS, some).ids)
    except (KindredError, OSError):
        return False  # of the vectors, which are told of elsewhere
