"""What a run was trained on that can stand as a reason: who liked which items, and what items have in common.

It is kept beside the model, so that a reason cites what the published version knows and nothing that came after, and
is found in memory without a query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray
from kindred.domain.rating_scale import RatingScale
from kindred.recommenders.system import System
from kindred.training.checkpoint import read_arrays, write_arrays

if TYPE_CHECKING:
    from kindred.recommenders.interaction_graph import InteractionGraph

EVIDENCE = "evidence"
LEAST_LIKELY = 0.5


@dataclass(frozen=True)
class Lists:
    """For each item a sorted list of positions, as one array and where each list begins.

    Attributes:
        starts: `[num_items + 1]`.
        members: `[num_pairs]`.
    """

    starts: IntArray
    members: IntArray

    def of(self, item: int) -> IntArray:
        """The list of one item."""
        return self.members[self.starts[item] : self.starts[item + 1]]

    @classmethod
    def group(cls, items: IntArray, members: IntArray, num_items: int) -> Lists:
        """The lists of these pairs, each member once."""
        pairs = np.unique(np.stack([items, members]), axis=1) if len(items) else np.zeros((2, 0), dtype=np.int64)
        counts = np.bincount(pairs[0], minlength=num_items)
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), pairs[1].astype(np.int64))


@dataclass(frozen=True)
class Evidence:
    """Who liked what, and what items have in common.

    Attributes:
        users: user ids by position.
        items: item ids by position.
        fans: of each item the users who liked it.
        context: edge type → of each item the nodes that its edges of that type lead to, and the ids of such nodes.
        names: edge type → id → what people call the node, where that is not its id.
    """

    users: IdMap
    items: IdMap
    fans: Lists
    context: dict[str, tuple[Lists, IdMap]]
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def common_fans(self, first: str, second: str, besides: str | None = None) -> list[str]:
        """Users who liked both items, by id, without `besides`."""
        return [user for user in self._common(self.fans, self.users, first, second) if user != besides]

    def overlaps(self, item_ids: Sequence[str]) -> IntArray:
        """How many of these items each user liked, `[num_users]`."""
        fans = [self.fans.of(int(item)) for item in self.items.known_positions(item_ids)]
        return np.bincount(np.concatenate([np.empty(0, np.int64), *fans]).astype(np.int64), minlength=len(self.users))

    def in_common(self, first: str, second: str) -> Iterator[tuple[str, str]]:
        """Edge type and node of what two items have in common, in the order that the system declares."""
        for edge_type, (lists, ids) in self.context.items():
            for node in self._common(lists, ids, first, second):
                yield edge_type, node

    def name_of(self, edge_type: str, node: str) -> str:
        """What people call a node that edges of this type lead to."""
        return self.names.get(edge_type, {}).get(node, node)

    def members(self, item_id: str, edge_type: str) -> list[str]:
        """The nodes that an item's edges of one type lead to; none for an unknown item."""
        position = self.items.position(item_id)
        if position is None or edge_type not in self.context:
            return []
        lists, ids = self.context[edge_type]
        return [ids.external(node) for node in lists.of(position)]

    def _common(self, lists: Lists, ids: IdMap, first: str, second: str) -> list[str]:
        positions = self.items.positions([first, second])
        if (positions < 0).any():
            return []
        both = np.intersect1d(lists.of(int(positions[0])), lists.of(int(positions[1])), assume_unique=True)
        return [ids.external(int(member)) for member in both]

    def save(self, folder: Path) -> None:
        """Writes it into the folder; `load_evidence` brings it back."""
        arrays = {"fans.starts": self.fans.starts, "fans.members": self.fans.members}
        for edge_type, (lists, _) in self.context.items():
            arrays |= {f"{edge_type}.starts": lists.starts, f"{edge_type}.members": lists.members}
        ids = {name: list(ids) for name, (_, ids) in self.context.items()}
        write_arrays(folder, EVIDENCE, arrays, {"context": ids, "names": {k: dict(v) for k, v in self.names.items()}})


def load_evidence(folder: Path, users: IdMap, items: IdMap) -> Evidence:
    """What was saved into the folder, for these ids. Raises: ArtifactError where there is nothing whole."""
    arrays, manifest = read_arrays(folder, EVIDENCE)

    def lists(name: str) -> Lists:
        return Lists(arrays[f"{name}.starts"], arrays[f"{name}.members"])

    context = {name: (lists(name), IdMap(ids)) for name, ids in manifest["context"].items()}
    return Evidence(users, items, lists("fans"), context, manifest.get("names", {}))


def evidence_of(graph: InteractionGraph) -> Evidence:
    """The evidence that a graph holds for its system."""
    events = graph.interactions
    liked = are_liked(graph.system, events.user_index, graph.histories().columns, graph.scale)
    fans = Lists.group(events.item_index[liked], events.user_index[liked], events.num_items)
    context: dict[str, tuple[Lists, IdMap]] = {}
    for source, edge_type, target in graph.system.triples[1:]:
        items, nodes, likely = graph.context_edges((source, edge_type, target))
        told = are_told(likely, len(items))
        context[edge_type] = (Lists.group(items[told], nodes[told], events.num_items), graph.ids[target])
    names = {
        edge_type: graph.names[target] for _, edge_type, target in graph.system.triples[1:] if target in graph.names
    }
    return Evidence(graph.users, graph.items, fans, context, names)


def are_told(likely: FloatArray | None, num_edges: int) -> NDArray[np.bool_]:
    """Which edges people are told of: all but those that a model predicted and holds for less likely than not.

    Args:
        likely: probability of the predicted ones, NaN of others, `[num_edges]`; None where none is predicted.
        num_edges: how many there are.
    """
    return np.ones(num_edges, dtype=np.bool_) if likely is None else ~(likely < LEAST_LIKELY)


def are_liked(
    system: System, user_index: IntArray, columns: dict[str, NDArray[np.generic]], scale: RatingScale | None
) -> NDArray[np.bool_]:
    """Which events say that the user liked the item, `[num_events]`.

    Without ratings every event does. With ratings those from `RatingScale.liked` on do, and those above the user's own
    mean, unless they are in the lower half of the scale; an event without a rating among rated ones says nothing.
    """
    if system.rating is None or scale is None or system.rating not in columns:
        return np.ones(len(user_index), dtype=np.bool_)
    rating: FloatArray = columns[system.rating].astype(np.float32)
    known = columns.get(f"has_{system.rating}", np.ones(len(rating), dtype=np.bool_)).astype(np.bool_)
    counts = np.bincount(user_index[known], minlength=int(user_index.max(initial=-1)) + 1)
    totals = np.bincount(user_index[known], rating[known], minlength=len(counts))
    means = totals / np.maximum(counts, 1)
    above = (rating > means[user_index]) & (rating > scale.middle)
    return known & ((rating >= scale.liked) | above)
