"""Why an item was recommended: an event of the user that spoke for it, and a path that the published version knows.

A reason is true or absent. It cites an event only where the user liked the item and the event raised the score, and
says only what the evidence holds: people who liked both, or something that both items have in common.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray
from kindred.domain.recommendation import Reason
from kindred.domain.shown import counted
from kindred.recommenders.evidence import Evidence
from kindred.recommenders.system import System


@dataclass(frozen=True)
class Told:
    """What the user of an answer did.

    Attributes:
        user_id: whose events they are; None for someone who is not in the graph.
        item_ids: the item of each event.
        liked: which events say that the user liked the item, `[num_events]`.
        shares: what each event adds to the score of each recommended item, `[num_events, num_recommended]`.
        rated: whether events have ratings, so that it is known who liked an item and who only had to do with it.
        still_there: gives those of users who were not deleted since.
    """

    user_id: str | None
    item_ids: Sequence[str]
    liked: NDArray[np.bool_]
    shares: FloatArray
    rated: bool = True
    still_there: Callable[[Sequence[str]], Sequence[str]] = list


def explain(
    system: System, evidence: Evidence, told: Told, recommended: Sequence[str], titles: Mapping[str, str]
) -> dict[str, Reason]:
    """A reason for each recommended item that has one, by its id.

    Args:
        system: whose items they are.
        evidence: what the published version knows.
        told: what the user did.
        recommended: ids of the recommended items, in the order of `told.shares`.
        titles: item → title, where it has one.
    """
    found = {}
    for column, item in enumerate(recommended):
        shares = np.where(told.liked, told.shares[:, column], -np.inf)
        for row in np.argsort(-shares, kind="stable"):
            if not shares[row] > 0:
                break
            reason = _reason(system, evidence, told, told.item_ids[row], item, titles)
            if reason is not None:
                found[item] = reason
                break
    return found


def _reason(
    system: System, evidence: Evidence, told: Told, mine: str, theirs: str, titles: Mapping[str, str]
) -> Reason | None:
    """What speaks for `theirs` from `mine`, None where the evidence holds nothing."""
    name = f"“{titles[mine]}”" if mine in titles else mine
    did, event = system.words.did, system.edge.type
    start = (told.user_id or "you", event, mine)
    fans = told.still_there(evidence.common_fans(mine, theirs, besides=told.user_id))
    if fans:
        others = counted(len(fans), "other", "others")
        they = "liked" if told.rated else did
        return Reason(f"you {did} {name}; {others} {they} both", (*start, event, fans[0], event, theirs))
    for edge_type, node in evidence.in_common(mine, theirs):
        shared = both_lead_to(edge_type, evidence.name_of(edge_type, node))
        return Reason(f"you {did} {name}; {shared}", (*start, edge_type, node, edge_type, theirs))
    return None


def both_lead_to(edge_type: str, name: str) -> str:
    """What two items have in common that an edge of this type leads to, in words: `both in category Kitchen`."""
    words = re.sub("^has ", "have ", edge_type.lower().replace("_", " "))
    return f"both {words} {name}"
