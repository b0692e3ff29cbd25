"""What the ranker learns from: what users chose later, asked of a retrieval that knows their earlier events only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.models.pairwise_ranker import Lists, Pairs, Pool, RankerConfig, Sides
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.model import Model
from kindred.recommenders.ranking.latest_events import LatestEvents
from kindred.recommenders.ranking.pair_features import PairFeatures, Spread, best_candidates, scores_at
from kindred.recommenders.ranking.ranker import USERS_A_BATCH, RankedUsers
from kindred.training.sampling import KnownPairs

POOL_OF_RETRIEVAL, POOL_OF_POPULAR = 100, 10
POPULARITY_EXPONENT = 0.75
VALIDATION_NEGATIVES = 20
CATEGORY_ITEMS, MOST_CATEGORIES = 20, 256
"""A node of so many items is a category, the commonest ones of each context type."""


@dataclass(frozen=True)
class Queries:
    """What users were after at some times, each asked at the time of it, as they were known just before.

    Attributes:
        target: what they chose, `[num_queries]`.
        users: the askers, ranked by row: position, graph embedding, history and skips of each.
        skipped: what they skipped instead, by row; None where skips have no times.
    """

    target: IntArray
    users: RankedUsers
    skipped: Interactions | None

    @classmethod
    def of(cls, base: Model, graph: InteractionGraph, targets: IntArray, earlier: IntArray, known: IntArray) -> Queries:
        """Queries for events of a graph, each with the events of the same user before it.

        Args:
            base: retrieval that knows none of the targets.
            graph: what the rows are rows of.
            targets: rows of what was chosen.
            earlier: rows that may be known; those that come before a target in time, or any where times are unknown.
            known: rows that the base knows; what a user skipped after them is skipped instead of a target.
        """
        events = graph.interactions
        rows = _rows_before(events, targets, earlier)
        histories = graph.histories().as_users(rows)
        vectors = base.encode(histories)
        graph_rows: FloatArray = np.zeros((len(targets), 1), dtype=np.float32)
        if base.learned is not None:
            graph_rows = base.learned.encode(histories)
        asked_at = None if events.at is None else events.at[targets]
        before, instead = _skips_of(graph.skips, events.take(targets), events.take(known))
        users = RankedUsers(
            lambda asked: vectors[asked] @ base.ranking.items.T,
            events.user_index[targets],
            graph_rows,
            histories.events,
            before,
            LatestEvents.of(base, histories.events, asked_at),
        )
        return cls(events.item_index[targets], users, instead)

    @property
    def chosen(self) -> Interactions:
        """What was chosen, by row."""
        return Interactions(np.arange(len(self.target)), self.target, len(self.target), self.users.known.num_items)


def _rows_before(events: Interactions, targets: IntArray, earlier: IntArray) -> list[IntArray]:
    """Of each target the rows among `earlier` of its user, only those before it where times are known."""
    at = np.zeros(len(events), dtype=np.int64) if events.at is None else events.at
    order = earlier[np.lexsort((earlier, at[earlier], events.user_index[earlier]))]
    users = events.user_index[order]
    starts = np.searchsorted(users, events.user_index[targets])
    ends = np.searchsorted(users, events.user_index[targets], side="right")
    if events.at is None:
        return [order[start:end] for start, end in zip(starts, ends, strict=True)]
    times = at[order]
    return [
        order[start : start + np.searchsorted(times[start:end], at[target])]
        for start, end, target in zip(starts, ends, targets, strict=True)
    ]


def _skips_of(
    skips: Interactions | None, targets: Interactions, known: Interactions
) -> tuple[Interactions | None, Interactions | None]:
    """By row of `targets`: the skips up to the user's last known event, and those after it up to the target."""
    if skips is None:
        return None, None
    order = np.argsort(skips.user_index, kind="stable")
    users = skips.user_index[order]
    starts, ends = np.searchsorted(users, targets.user_index), np.searchsorted(users, targets.user_index, side="right")
    rows = np.repeat(np.arange(len(targets)), ends - starts)
    found = skips.take(order[np.concatenate([np.arange(a, b) for a, b in zip(starts, ends, strict=True)])])
    of_rows = Interactions(rows, found.item_index, len(targets), skips.num_items, at=found.at)
    if of_rows.at is None or targets.at is None or known.at is None:
        return of_rows, None
    last = np.full(known.num_users, np.iinfo(np.int64).min)
    np.maximum.at(last, known.user_index, known.at)
    old = of_rows.at <= last[targets.user_index[rows]]
    return of_rows.take(old), of_rows.take(~old & (of_rows.at <= targets.at[rows]))


def sides_of(graph: InteractionGraph, model: Model) -> Sides:
    """What the ranker reads of users and items; a column of zeros stands for what there is not."""
    num_users, num_items = len(graph.users), len(graph.items)
    users, items = np.zeros((num_users, 1), np.float32), np.zeros((num_items, 1), np.float32)
    if model.learned is not None:
        users, items = model.learned.vectors.source_ranking, model.learned.vectors.target_ranking
    text = np.zeros((num_items, 1), np.float32) if graph.item_text is None else graph.item_text
    return Sides(num_users, np.arange(num_users), users, items, text, _categories(graph))


def _categories(graph: InteractionGraph) -> FloatArray:
    """Which of the common nodes of its context each item leads to, `[num_items, num_categories]`."""
    columns = [np.zeros((len(graph.items), 1), dtype=np.float32)]
    for source, edge_type, target in graph.system.triples[1:]:
        items, nodes = np.unique(graph.data[source, edge_type, target].edge_index.numpy(), axis=1)
        counts = np.bincount(nodes, minlength=len(graph.ids[target]))
        common = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
        common = common[counts[common] >= CATEGORY_ITEMS]
        column = np.full(len(counts), -1)
        column[common] = np.arange(len(common))
        table = np.zeros((len(graph.items), len(common)), dtype=np.float32)
        kept = column[nodes] >= 0
        table[items[kept], column[nodes[kept]]] = 1
        columns.append(table)
    return np.concatenate(columns, axis=1)


class PairSampler:
    """Makes pairs with their numbers of queries: what was chosen, skipped, and neither."""

    def __init__(self, features: PairFeatures, events: Interactions, config: RankerConfig, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self._features = features
        self._config = config
        self._chosen = KnownPairs.of(events.user_index, events.item_index, events.num_users, events.num_items)
        weights = (np.bincount(events.item_index, minlength=events.num_items) + 1.0) ** POPULARITY_EXPONENT
        self._popular = np.cumsum(weights) / weights.sum()

    def learning(self, queries: Queries) -> tuple[Pairs, Pool]:
        """Chosen and skipped pairs, and a pool of negatives: of retrieval's candidates and of popular items."""
        pairs, pool = [], []
        for batch, scores, spread, candidates in self._batches(queries.users):
            pairs.append(self._pairs(queries.users, queries.chosen, batch, scores, spread, 1.0))
            if queries.skipped is not None:
                pairs.append(self._pairs(queries.users, queries.skipped, batch, scores, spread, 0.0))
            picked = self._rng.permutation(candidates.shape[1])[:POOL_OF_RETRIEVAL]
            items = np.concatenate([candidates[:, picked], self._popular_items(len(batch), POOL_OF_POPULAR)], axis=1)
            pool.append(self._numbered(queries.users, batch, items, scores, spread))
        return _joined(pairs), Pool(*(np.concatenate(parts) for parts in zip(*pool, strict=True)))

    def validation(self, queries: Queries) -> Pairs:
        """Chosen pairs, and as many negatives for each, matched to them in popularity."""
        pairs = []
        for batch, scores, spread, _ in self._batches(queries.users):
            pairs.append(self._pairs(queries.users, queries.chosen, batch, scores, spread, 1.0))
            popular = self._popular_items(len(batch), VALIDATION_NEGATIVES)
            items, numbers = self._numbered(queries.users, batch, popular, scores, spread)
            rows, columns = np.nonzero(items >= 0)
            label = np.zeros(len(rows), dtype=np.float32)
            pairs.append(Pairs(batch[rows], items[rows, columns], numbers[rows, columns], label))
        return _joined(pairs)

    def lists(self, queries: Queries) -> Lists:
        """The candidates of retrieval."""
        parts = [
            (batch, *self._numbered(queries.users, batch, candidates, scores, spread, negative=False))
            for batch, scores, spread, candidates in self._batches(queries.users)
        ]
        rows, items, numbers = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Lists(rows, items, numbers, queries.target)

    def _batches(self, users: RankedUsers) -> Iterator[tuple[IntArray, FloatArray, Spread, IntArray]]:
        """Rows in batches: retrieval's scores, the spread of the candidates', the candidates."""
        rows = np.arange(len(users.position))
        for start in range(0, len(rows), USERS_A_BATCH):
            batch = rows[start : start + USERS_A_BATCH]
            retrieved = users.open_scores(batch)
            candidates, _ = best_candidates(retrieved, self._config.candidates)
            scores = users.all_scores(batch, retrieved)
            yield batch, scores, Spread.of(scores_at(scores, candidates)), candidates

    def _pairs(
        self,
        users: RankedUsers,
        events: Interactions,
        batch: IntArray,
        scores: FloatArray,
        spread: Spread,
        label: float,
    ) -> Pairs:
        """The pairs of these events that are of the batch and open, with their numbers."""
        mine = np.flatnonzero((events.user_index >= batch[0]) & (events.user_index <= batch[-1]))
        rows, items = events.user_index[mine] - batch[0], events.item_index[mine]
        is_open = np.isfinite(scores[0, rows, items])
        rows, items = rows[is_open], items[is_open]
        scaled = Spread(spread.mean[:, rows], spread.deviation[:, rows]).apply(scores[:, rows, items][:, :, None])
        tastes = users.tastes(self._features, batch).of(rows)
        numbers = self._features.numbers(tastes, items[:, None], scaled)[:, 0]
        return Pairs(batch[rows], items, numbers, np.full(len(rows), label, dtype=np.float32))

    def _numbered(
        self,
        users: RankedUsers,
        batch: IntArray,
        items: IntArray,
        scores: FloatArray,
        spread: Spread,
        *,
        negative: bool = True,
    ) -> tuple[IntArray, FloatArray]:
        """The items that are open to each user, the others −1, and numbers of the pairs.

        As negatives those are left out too that a user is known to have chosen at any time.
        """
        open_scores = scores_at(scores, items)
        barred = ~np.isfinite(open_scores[0])
        if negative:
            barred |= self._is_chosen(users.position[batch], items)
        items = np.where(barred, -1, items)
        numbers = self._features.numbers(users.tastes(self._features, batch), items, spread.apply(open_scores))
        return items, numbers

    def _is_chosen(self, users: IntArray, items: IntArray) -> NDArray[np.bool_]:
        """Whether each user chose each item, then or later, `[num_users, num_columns]`."""
        distinct, column = np.unique(np.maximum(items, 0), return_inverse=True)
        known = self._chosen.among(users, distinct)
        chosen: NDArray[np.bool_] = known[np.arange(len(users))[:, None], column.reshape(items.shape)]
        return chosen & (items >= 0)

    def _popular_items(self, num_users: int, count: int) -> IntArray:
        found: IntArray = np.searchsorted(self._popular, self._rng.random((num_users, count))).astype(np.int64)
        return np.minimum(found, len(self._popular) - 1)


def _joined(pairs: list[Pairs]) -> Pairs:
    names = ("user_index", "item_index", "numbers", "label")
    return Pairs(*(np.concatenate([getattr(part, name) for part in pairs]) for name in names))
