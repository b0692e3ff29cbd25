"""Answers for every user at once, from the published version: in batches of matrix products, not one search each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import SettingsError
from kindred.domain.ids import IdMap, rows_at
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.gnn.columns import edge_columns
from kindred.graph.store import GraphStore
from kindred.graph.tables import edge_table
from kindred.linear.inputs.known_items import dot_scores
from kindred.recommenders.answering.held_versions import published_version
from kindred.recommenders.answering.opened import Opened, Version, load_version
from kindred.recommenders.diversity import at_most_of_each
from kindred.recommenders.histories import UNKNOWN_ITEM, are_skipped, telling_properties, times_of
from kindred.recommenders.ranking.latest_events import LatestEvents
from kindred.recommenders.ranking.pair_features import best_candidates
from kindred.recommenders.ranking.ranker import RankedUsers, Ranker
from kindred.recommenders.releases import ITEMS, USERS
from kindred.recommenders.system import System
from kindred.vectorstore.store import SystemVectors

USERS_A_BATCH = 256
_FURTHER = 5
"""Where only so many items of one node may stay, so many times as many are looked at."""


@dataclass(frozen=True)
class Published:
    """Embeddings of a published version, whose dot product is retrieval's score."""

    users: Embeddings
    items: Embeddings


def published_embeddings(version: Version, vectors: SystemVectors) -> Published:
    """Every user's and item's embedding, items that came after the training last."""
    users, items = IdMap(version.release.users), version.model.items
    new = vectors.fetch(version.name, ITEMS, version.release.new_items)
    rows = [vectors.fetch(version.name, USERS, users.ids[s : s + 1000]) for s in range(0, len(users), 1000)]
    found = IdMap([user for part in rows for user in part.ids])
    of_users = np.concatenate([part.vectors for part in rows]).astype(np.float32)
    of_items = np.concatenate([version.model.ranking.items, new.vectors]).astype(np.float32)
    return Published(Embeddings(found, of_users), Embeddings(IdMap((*items, *new.ids)), of_items))


def open_published(system: System, opened: Opened) -> tuple[Version, Published]:
    """The published version of a system, and its embeddings. Raises: ArtifactError where nothing is published."""
    vectors = opened.vectors.of(system.name)
    version = load_version(system, opened.runs_folder, published_version(system, vectors))
    return version, published_embeddings(version, vectors)


@dataclass(frozen=True)
class BestItems:
    """What the best items of every user are worked out from: plain arrays, which another process can be sent.

    Attributes:
        k: length of an answer.
        users: what retrieval says to each of them.
        ranker: the second stage, None where there is none.
        num_trained: the first so many items are those of the training.
        active: which users did something, `[num_users]`.
        capped: of which nodes an answer may hold how many items: the nodes of each trained item, and the number.
    """

    k: int
    users: RankedUsers
    ranker: Ranker | None
    num_trained: int
    active: NDArray[np.bool_]
    capped: Sequence[tuple[Sequence[Sequence[str]], int]]

    def of(self, start: int, stop: int) -> IntArray:
        """Positions of the best items of these users, best first, −1 where there are fewer, `[stop − start, k]`."""
        found = np.full((stop - start, self.k), -1, dtype=np.int64)
        depth = self.k * _FURTHER if self.capped else self.k
        for begin in range(start, stop, USERS_A_BATCH):
            batch = np.arange(begin, min(begin + USERS_A_BATCH, stop))
            for row, items in zip(batch - start, self._ordered(batch, depth), strict=True):
                kept = self._allowed(items[items >= 0]) if self.capped else items[: self.k]
                found[row, : len(kept)] = kept
        return found

    def _allowed(self, items: IntArray) -> list[int]:
        kept: list[int] = items.tolist()
        for members, count in self.capped:
            # of new items nothing is known
            kept = at_most_of_each(kept, (members[i] if i < len(members) else () for i in kept), count)
        return kept[: self.k]

    def _ordered(self, batch: IntArray, depth: int) -> IntArray:
        """Positions of the best items of each user, best first, `[num_users, at most depth]`, −1 where there are fewer.

        The ranker orders the first of retrieval; it has nothing to say to users who did nothing.
        """
        scores, ranker = self.users.open_scores(batch), self.ranker
        if ranker is None:
            return best_candidates(scores, depth)[0]
        items, found = best_candidates(scores, max(depth, ranker.candidates))
        head = items[:, : ranker.candidates]
        of_training = np.where(head < self.num_trained, head, -1)
        logits = self.users.logits(ranker, batch, of_training, found[:, : ranker.candidates], scores)
        order = np.argsort(-logits, axis=1, kind="stable")
        ranked = np.take_along_axis(head, order, axis=1)
        items[:, : ranker.candidates] = np.where(self.active[batch][:, None], ranked, head)
        return items[:, :depth]


@dataclass(frozen=True)
class Everyone:
    """Every user of a version, and what their answers are worked out from.

    Attributes:
        user_ids: the users, in the order of their answers.
        item_ids: the items, by the positions that answers hold.
        best: see there.
    """

    user_ids: IdMap
    item_ids: IdMap
    best: BestItems

    def __len__(self) -> int:
        return len(self.user_ids)

    def lists(self, start: int, found: IntArray) -> Iterator[tuple[str, list[str]]]:
        """The users from `start` on, and the ids of the items that were found for them, `[num_users, k]`."""
        for user, items in enumerate(found, start):
            yield self.user_ids.external(user), [self.item_ids.external(item) for item in items[items >= 0].tolist()]


def recommend_to_all(
    system: System, opened: Opened, k: int, at_most: Mapping[str, int] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Every user of the published version, and the k best items; for the rest see `open_everyone`."""
    everyone = open_everyone(system, opened, k, at_most)
    for start in range(0, len(everyone), USERS_A_BATCH):
        yield from everyone.lists(start, everyone.best.of(start, min(start + USERS_A_BATCH, len(everyone))))


def open_everyone(system: System, opened: Opened, k: int, at_most: Mapping[str, int] | None = None) -> Everyone:
    """Every user of the published version; what they chose or skipped is left out of their answers.

    What users did since the version was published counts for what is left out, not for their embedding.

    Raises:
        ArtifactError: nothing is published.
        SettingsError: the system's items have nothing that `at_most` names.
    """
    if opened.store is None:
        raise SettingsError("there is no graph to read what users did from")
    version, published = open_published(system, opened)
    known, skips = _events(system, opened.store, published.users.ids, published.items.ids)
    position = version.model.users.positions(published.users.ids.ids)
    best = BestItems(
        k,
        _ranked_users(version, published, known, skips, position),
        version.ranker,
        len(version.model.items),
        known.are_active,
        [(_members(system, version, label), count) for label, count in (at_most or {}).items()],
    )
    return Everyone(published.users.ids, published.items.ids, best)


def _ranked_users(
    version: Version, published: Published, known: Interactions, skips: Interactions | None, position: IntArray
) -> RankedUsers:
    graph: FloatArray = np.zeros((len(position), 1), dtype=np.float32)
    latest = None
    items = published.items.vectors
    if version.ranker is not None:
        graph = rows_at(version.ranker.user_graph, position).astype(np.float32)
        trained = np.where(known.item_index < len(version.model.items), known.item_index, UNKNOWN_ITEM)
        events = version.ranker.features.in_time(replace(known, item_index=trained))
        latest = LatestEvents.of(version.model, events, np.full(len(position), int(time.time())), items)
    scores = partial(dot_scores, published.users.vectors, items)
    return RankedUsers(scores, position, graph, known, skips, latest)


def _events(system: System, store: GraphStore, users: IdMap, items: IdMap) -> tuple[Interactions, Interactions | None]:
    """What users chose and what they skipped, of the items that are known."""
    names = ["source_id", "target_id", "event_id", "at", *telling_properties(system)]
    table = edge_table(store, system.edge, names)
    if table is None:
        raise system.no_events()
    order, columns = edge_columns(system.edge, table.to_batches())
    who = users.positions_of_column(table["source_id"])[order]
    what = items.positions_of_column(table["target_id"])[order]
    there = (who >= 0) & (what >= 0)
    skipped = are_skipped(system, columns)
    at = times_of(columns, len(order))
    events = Interactions(who[there], what[there], len(users), len(items), at=at[there])
    if skipped is None:
        return events, None
    return events.take(~skipped[there]), events.take(skipped[there])


def _members(system: System, version: Version, label: str) -> list[Sequence[str]]:
    """The nodes of this label that each item leads to, in the order of the model's items."""
    edges = system.context_triples(label)
    return [
        [node for edge in edges for node in version.evidence.members(item, edge[1])] for item in version.model.items
    ]
