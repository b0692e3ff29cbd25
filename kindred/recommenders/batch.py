"""Answers for every user at once, from the published version: in batches of matrix products, not one search each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.errors import SettingsError
from kindred.domain.ids import IdMap, rows_at
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.gnn.columns import edge_columns
from kindred.graph.store import GraphStore
from kindred.recommenders.diversity import at_most_of_each
from kindred.recommenders.histories import are_skipped
from kindred.recommenders.opened import Opened, Version, load_version, published_version
from kindred.recommenders.pair_features import best_candidates
from kindred.recommenders.publishing import ITEMS, USERS, telling_properties
from kindred.recommenders.ranker import RankedUsers
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


def recommend_to_all(
    system: System, opened: Opened, k: int, at_most: Mapping[str, int] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Every user of the published version, and the k best items, best first; what they chose or skipped is left out.

    What users did since the version was published counts for what is left out, not for their embedding.

    Raises:
        ArtifactError: nothing is published.
        SettingsError: the system's items have nothing that `at_most` names.
    """
    if opened.store is None:
        raise SettingsError("there is no graph to read what users did from")
    version, published = open_published(system, opened)
    ids = published.items.ids
    known, skips = _events(system, opened.store, published.users.ids, ids)
    position = version.model.users.positions(published.users.ids.ids)
    users = _ranked_users(version, published, known, skips, position)
    capped = [(_members(system, version, label), count) for label, count in (at_most or {}).items()]
    active = np.bincount(known.user_index, minlength=known.num_users) > 0
    depth = k * _FURTHER if capped else k
    for start in range(0, len(position), USERS_A_BATCH):
        batch = np.arange(start, min(start + USERS_A_BATCH, len(position)))
        best = _best(version, users, batch, active[batch], depth)
        for user, row in zip(batch.tolist(), best, strict=True):
            items = [item for item in row.tolist() if item >= 0]
            for members, count in capped:
                # of new items nothing is known
                items = at_most_of_each(items, (members[i] if i < len(members) else () for i in items), count)
            yield published.users.ids.external(user), [ids.external(item) for item in items[:k]]


def _ranked_users(
    version: Version, published: Published, known: Interactions, skips: Interactions | None, position: IntArray
) -> RankedUsers:
    rows, items = published.users.vectors, published.items.vectors
    graph: FloatArray = np.zeros((len(position), 1), dtype=np.float32)
    if version.ranker is not None:
        graph = rows_at(version.ranker.user_graph, position).astype(np.float32)
    return RankedUsers(lambda asked: _products(rows[asked], items), position, graph, known, skips)


def _products(rows: Vectors, items: Vectors) -> FloatArray:
    products: FloatArray = rows @ items.T
    return products


def _best(version: Version, users: RankedUsers, batch: IntArray, active: np.ndarray, depth: int) -> IntArray:
    """Positions of the best items of each user, best first, `[num_users, at most depth]`, −1 where there are fewer.

    The ranker orders the first of retrieval; it has nothing to say to users who did nothing.
    """
    scores = users.open_scores(batch)
    ranker = version.ranker
    if ranker is None:
        return best_candidates(scores, depth)[0]
    items, found = best_candidates(scores, max(depth, ranker.candidates))
    head = items[:, : ranker.candidates]
    of_training = np.where(head < len(version.model.items), head, -1)
    embeddings = ranker.users(users.position[batch], users.graph[batch])
    tastes = users.tastes(ranker.features, batch)
    logits = ranker.logits(embeddings, tastes, of_training, found[:, : ranker.candidates])
    order = np.argsort(-logits, axis=1, kind="stable")
    ranked = np.take_along_axis(head, order, axis=1)
    items[:, : ranker.candidates] = np.where(active[:, None], ranked, head)
    return items[:, :depth]


def _events(system: System, store: GraphStore, users: IdMap, items: IdMap) -> tuple[Interactions, Interactions | None]:
    """What users chose and what they skipped, of the items that are known."""
    names = ["source_id", "target_id", "event_id", "at", *telling_properties(system)]
    batches = [batch for batch in store.read_edges(system.edge, names, None) if len(batch)]
    order, columns = edge_columns(system.edge, batches)
    table = pa.Table.from_batches(batches)
    who = users.positions_of_column(table["source_id"])[order]
    what = items.positions_of_column(table["target_id"])[order]
    there = (who >= 0) & (what >= 0)
    skipped = are_skipped(system, columns)
    at = np.arange(len(order))
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
