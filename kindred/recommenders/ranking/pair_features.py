"""What is known of a user and an item together, as numbers.

They say how retrieval scores the two, how often the user chose or skipped what has the same artist or genre, how well
known the item is and how often it is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.groups import numbered, spans
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.recommenders.ranking.latest_events import NUM_SUMS

if TYPE_CHECKING:
    from kindred.recommenders.interaction_graph import InteractionGraph

MOST_NODES = 6
"""So many nodes of each context type are looked at of an item; those that the fewest items have come first."""
RECENT = 0.1
"""The last part of the time of all events that counts as recent."""
SKIPS_ASSUMED = 5.0
"""Plays that the share of skips of an item is brought nearer to the usual one by."""
NUMBERS_OF_USER = 3
"""How many events, what share of skips, how many events in the session that goes on."""


@dataclass(frozen=True)
class PairFeatures:
    """Statistics of the known events, from which numbers of pairs are taken.

    Attributes:
        nodes: context type, in alphabetical order → nodes of each item, `num_nodes` where it has no more,
            `[num_items, at most MOST_NODES]`.
        num_nodes: context type → number of nodes.
        items: numbers of each item, `[num_items + 1, num_item_numbers]`; the last row is of an item that is not known.
        is_timed: whether the events have times; where not, the last events of a user are their session.
    """

    nodes: dict[str, IntArray]
    num_nodes: dict[str, int]
    items: FloatArray
    is_timed: bool = True

    @classmethod
    def of(cls, graph: InteractionGraph, known: Interactions, skips: Interactions | None) -> PairFeatures:
        """The statistics of these events and skips, and of nothing later."""
        nodes, num_nodes = {}, {}
        for source, edge_type, target in sorted(graph.system.triples[1:]):
            num_nodes[edge_type] = len(graph.ids[target])
            edges = graph.data[source, edge_type, target].edge_index.numpy()
            nodes[edge_type] = _padded(edges, known.num_items, num_nodes[edge_type])
        return cls(nodes, num_nodes, _item_numbers(graph, known, skips), known.at is not None)

    def numbers(self, tastes: Tastes, candidates: IntArray, scores: FloatArray) -> FloatArray:
        """Numbers of each user's candidates, `[num_users, num_candidates, num_numbers]`.

        Args:
            tastes: what the users did.
            candidates: item positions, −1 for an item that is not known, `[num_users, num_candidates]`.
            scores: of retrieval first, then of its scorers asked of the latest events alone, each set off against those
                of the candidates (`Spread`), `[1 + NUM_SUMS, num_users, num_candidates]`.
        """
        parts = [np.moveaxis(scores, 0, -1), self.items[candidates]]
        rows, known = np.arange(len(candidates))[:, None, None], candidates >= 0
        nodes = {edge_type: table[np.where(known, candidates, 0)] for edge_type, table in self.nodes.items()}
        for kind in (tastes.chosen, tastes.recent, tastes.skipped):
            for edge_type, of_candidates in nodes.items():
                shared = kind[edge_type][rows, of_candidates].sum(axis=2) * known
                parts.append(np.log1p(shared)[:, :, None])
        of_user = np.broadcast_to(tastes.user[:, None, :], (*candidates.shape, tastes.user.shape[1]))
        return np.concatenate([*parts, of_user], axis=2).astype(np.float32)

    def tastes(self, events: Interactions, of_session: NDArray[np.bool_], skips: Interactions | None) -> Tastes:
        """What users did.

        Args:
            events: of the users.
            of_session: which of them are of the session that goes on, `[num_events]`.
            skips: of the same users, counted alike; None where there are none.
        """
        of_events = np.bincount(events.user_index, minlength=events.num_users)
        of_skips = (
            np.zeros(events.num_users) if skips is None else np.bincount(skips.user_index, minlength=len(of_events))
        )
        share = of_skips / np.maximum(of_events + of_skips, 1)
        session = events.take(of_session)
        length = np.bincount(session.user_index, minlength=events.num_users)
        user = np.stack([np.log1p(of_events), share, np.log1p(length)], axis=1).astype(np.float32)
        chosen, recent, skipped = (self._counts(part, events.num_users) for part in (events, session, skips))
        return Tastes(chosen, recent, skipped, user)

    @property
    def num_numbers(self) -> int:
        """How many numbers a pair has."""
        return 1 + NUM_SUMS + int(self.items.shape[1]) + 3 * len(self.nodes) + NUMBERS_OF_USER

    def in_time(self, events: Interactions) -> Interactions:
        """The events, without times where those that it learned from had none."""
        return events if self.is_timed else replace(events, at=None)

    def _counts(self, events: Interactions | None, num_users: int) -> dict[str, FloatArray]:
        """Context type → how many events of each user lead to each node, `[num_users, num_nodes + 1]`."""
        found = {}
        for edge_type, table in self.nodes.items():
            width = self.num_nodes[edge_type] + 1
            counts: FloatArray = np.zeros((num_users, width), dtype=np.float32)
            if events is not None:
                known = events.item_index >= 0
                users, nodes = events.user_index[known], table[events.item_index[known]]
                cells = np.ravel(users[:, None] * np.int64(width) + nodes)
                counts = np.bincount(cells, minlength=num_users * width).reshape(num_users, width).astype(np.float32)
            counts[:, -1] = 0
            found[edge_type] = counts
        return found

    def state(self) -> dict[str, NDArray[Any]]:
        """Plain arrays; `from_state` brings the same features back."""
        sizes = {f"num_nodes.{name}": np.array([size]) for name, size in self.num_nodes.items()}
        return (
            {f"nodes.{name}": table for name, table in self.nodes.items()}
            | sizes
            | {"numbers.items": self.items, "is_timed": np.array([self.is_timed])}
        )

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> PairFeatures:
        """The features whose `state` is among these arrays."""
        sizes = {n.removeprefix("num_nodes."): int(a[0]) for n, a in arrays.items() if n.startswith("num_nodes.")}
        return cls(
            {name: arrays[f"nodes.{name}"] for name in sorted(sizes)},
            sizes,
            arrays["numbers.items"],
            bool(arrays["is_timed"][0]),
        )


@dataclass(frozen=True)
class Tastes:
    """What users did, summed up.

    Attributes:
        chosen: context type → how many of a user's events lead to each node, `[num_users, num_nodes + 1]`.
        recent: the same of the session that goes on.
        skipped: the same of skips.
        user: numbers of the users alone, `[num_users, NUMBERS_OF_USER]`.
    """

    chosen: dict[str, FloatArray]
    recent: dict[str, FloatArray]
    skipped: dict[str, FloatArray]
    user: FloatArray

    def of(self, rows: IntArray) -> Tastes:
        """Those of the users at these rows."""
        chosen, recent, skipped = (
            {name: counts[rows] for name, counts in kind.items()} for kind in (self.chosen, self.recent, self.skipped)
        )
        return Tastes(chosen, recent, skipped, self.user[rows])


@dataclass(frozen=True)
class Spread:
    """Mean and deviation of scores of each user's candidates, `[num_scores, num_users, 1]` both."""

    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def of(cls, scores: FloatArray) -> Spread:
        """The spread of scores `[num_scores, num_users, num_candidates]`, `−inf` where there are fewer."""
        there = np.isfinite(scores)
        count = np.maximum(there.sum(axis=-1, keepdims=True), 1)
        mean = np.where(there, scores, 0).sum(axis=-1, keepdims=True) / count
        apart = np.where(there, scores - mean, 0)
        return cls(mean, np.sqrt((apart * apart).sum(axis=-1, keepdims=True) / count) + 1e-9)

    def apply(self, scores: FloatArray) -> FloatArray:
        """Scores in units of the deviation from the mean."""
        scaled: FloatArray = np.nan_to_num((scores - self.mean) / self.deviation, neginf=0.0)
        return np.clip(scaled, -20, 20).astype(np.float32)


def best_candidates(scores: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """The best items of each user, best first, and their scores, both `[num_users, at most count]`.

    −1 and −inf where a user has fewer items of a finite score.
    """
    count = min(count, scores.shape[1])
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    found = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    items, found = np.take_along_axis(best, order, axis=1), np.take_along_axis(found, order, axis=1)
    return np.where(np.isfinite(found), items, -1), found


def scores_at(scores: FloatArray, items: IntArray) -> FloatArray:
    """Scores of some items of each user, `−inf` at position −1, `[num_scores, num_users, num_columns]`.

    Args:
        scores: of the whole catalogue, `[num_scores, num_users, num_items]`.
        items: `[num_users, num_columns]`.
    """
    found = np.take_along_axis(scores, np.maximum(items, 0)[None], axis=2)
    kept: FloatArray = np.where(items >= 0, found, -np.inf)
    return kept


@dataclass(frozen=True)
class EventsByUser:
    """Events in the order of their users: those of a few are found without a look at all others.

    Attributes:
        events: each user's in the order in which they were given.
        rows: of each event among those given, `[num_events]`.
        offsets: user u has the events from `offsets[u]` to `offsets[u + 1]`, `[num_users + 1]`.
    """

    events: Interactions
    rows: IntArray
    offsets: IntArray

    @classmethod
    def of(cls, events: Interactions) -> EventsByUser:
        """These events."""
        counts = np.bincount(events.user_index, minlength=events.num_users)
        rows = np.argsort(events.user_index, kind="stable")
        return cls(events.take(rows), rows, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    def of_users(self, users: IntArray) -> Interactions:
        """The events of these users, counted in their order."""
        first, counts = self.offsets[users], self.offsets[users + 1] - self.offsets[users]
        found = self.events.take(spans(first, counts))
        return replace(found, user_index=np.repeat(np.arange(len(users)), counts), num_users=len(users))

    def rows_of_users(self, users: IntArray) -> IntArray:
        """The rows of the same events among those given."""
        return self.rows[spans(self.offsets[users], self.offsets[users + 1] - self.offsets[users])]


def _padded(edges: IntArray, num_items: int, num_nodes: int) -> IntArray:
    """The rarest nodes of each item, `num_nodes` where it has fewer, `[num_items, at most MOST_NODES]`."""
    items, nodes = np.unique(edges, axis=1) if edges.shape[1] else edges
    order = np.lexsort((nodes, np.bincount(nodes, minlength=num_nodes)[nodes], items))
    items, nodes = items[order], nodes[order]
    counts = np.bincount(items, minlength=num_items)
    rank = numbered(counts)
    table = np.full((num_items, min(MOST_NODES, max(1, int(counts.max(initial=0))))), num_nodes, dtype=np.int64)
    kept = rank < table.shape[1]
    table[items[kept], rank[kept]] = nodes[kept]
    return table


def _item_numbers(graph: InteractionGraph, known: Interactions, skips: Interactions | None) -> FloatArray:
    """Popularity, recent popularity, age, share of skips, and the numbers that the graph has of items."""
    num_items = known.num_items
    plays = np.bincount(known.item_index, minlength=num_items).astype(np.float64)
    skipped = np.zeros(num_items) if skips is None else np.bincount(skips.item_index, minlength=num_items)
    usual = skipped.sum() / max(plays.sum() + skipped.sum(), 1)
    share = (skipped + usual * SKIPS_ASSUMED) / (plays + skipped + SKIPS_ASSUMED)
    columns = [np.log1p(plays), share]
    if known.at is not None and len(known):
        first, last = int(known.at.min()), int(known.at.max())
        span = max(last - first, 1)
        recent = known.at > last - RECENT * span
        columns.append(np.log1p(np.bincount(known.item_index[recent], minlength=num_items)))
        begun = np.full(num_items, last, dtype=np.int64)
        np.minimum.at(begun, known.item_index, known.at)
        columns.append((last - begun) / span)
    nodes = graph.data[graph.system.item_label]
    for name, values in sorted(nodes.items()):
        if f"has_{name}" in nodes and values.dim() == 1 and not name.startswith("has_"):
            has = nodes[f"has_{name}"].numpy().astype(bool)
            if has.any():
                columns.append(np.where(has, values.numpy(), values.numpy()[has].mean()))
    table = np.stack(columns, axis=1)
    return np.concatenate([table, table.mean(axis=0, keepdims=True)]).astype(np.float32)
