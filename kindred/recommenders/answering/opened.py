"""What a recommender reads: the stores it is opened on, and the published version that answers."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kindred.domain.embeddings import TextEncoder, Vectors
from kindred.domain.errors import StoreError
from kindred.domain.interactions import IntArray
from kindred.graph.store import GraphStore
from kindred.recommenders.answering.known import Known
from kindred.recommenders.evidence import Evidence, load_evidence
from kindred.recommenders.model import Model, load_model
from kindred.recommenders.releases import ITEMS, Release, load_release, run_of
from kindred.recommenders.runs import RANKER, find_run
from kindred.recommenders.system import System, Triple
from kindred.training.checkpoint import has_checkpoint
from kindred.vectorstore.store import PublishedVectors, VectorStore

if TYPE_CHECKING:  # most systems have no ranker
    from kindred.recommenders.ranking.ranker import Ranker

_VECTORS_KEPT = 10_000
MOST_RISEN = 200
LATER = "the published version knows later events than the time asked for"
UNTIMED = "no event that the published version knows has a time: all of them count, whatever time is asked for"
POPULAR_THEN = f"{LATER}: popular up to that time"
NOTHING_THEN = f"{LATER}, and nothing that fits had happened up to then"


@dataclass(frozen=True)
class Opened:
    """What a recommender reads.

    Attributes:
        store: the graph; None where `known` says all that is to be known of it.
        vectors: where versions are published.
        runs_folder: where the runs of the system are.
        encoder: opens the text encoder; called only when a text must be encoded.
        known: what users did and what items are called; None to read it from the graph.
        read: opens the graph for one reading, where no `store` is held open.
    """

    store: GraphStore | None
    vectors: VectorStore
    runs_folder: Path
    encoder: Callable[[], TextEncoder]
    known: Known | None = None
    read: Callable[[], AbstractContextManager[GraphStore]] | None = None

    @contextmanager
    def graph(self) -> Iterator[GraphStore]:
        """The graph for one reading. Raises: StoreError where there is none, or it can't be opened."""
        if self.store is not None:
            yield self.store
        elif self.read is not None:
            with self.read() as store:
                yield store
        else:
            raise StoreError("no graph is open here to read from", "open the recommender on a graph")


@dataclass(frozen=True)
class Version:
    """A published version, ready to answer from; `ranker` ranks what retrieval finds, where the run has one."""

    name: str
    release: Release
    model: Model
    evidence: Evidence
    ranker: Ranker | None = None

    def ranks_at(self, seen_at: IntArray, at: int | None) -> bool:
        """Whether its ranker ranks for somebody with events at these times, ascending, who asks then; None for now."""
        return self.ranker is not None and self.ranker.ranks_at(seen_at, int(time.time()) if at is None else at)

    def members(self, item_id: str, triple: Triple, known: Known) -> Sequence[str]:
        """What an item leads to, as the version knew it; of items that came after the training as it is known now."""
        if item_id in self.model.items:
            return self.evidence.members(item_id, triple[1])
        return known.members(item_id, triple)

    def time_note(self, at: int | None) -> str:
        """Why the time that an answer is asked for tells nothing; empty where it tells, or none is asked for."""
        return "" if at is None or self.release.as_of is not None else UNTIMED

    def risen(self, later: Mapping[str, int]) -> dict[str, float]:
        """What later events of items add to their scores for the anonymous user.

        As much as so many more fans are worth among the items that have fans, whose scores are regressed on the
        logarithm of their number; of so many items those that rose most.
        """
        per_fan, fans = self._of_fans[1], self._num_fans
        if not later or per_fan <= 0:
            return {}
        rows = {item: self.evidence.items.position(item) for item in later}
        before = {item: 0 if row is None else int(fans[row]) for item, row in rows.items()}
        risen = [(per_fan * math.log1p(count / (1 + before[item])), item) for item, count in later.items()]
        return {item: added for added, item in heapq.nlargest(MOST_RISEN, risen)}

    @property
    def score_without_fans(self) -> float:
        """Score for the anonymous user that the regression has of an item without fans."""
        return self._of_fans[0]

    @cached_property
    def _num_fans(self) -> IntArray:
        """How many users liked each item, `[num_items]`."""
        return np.diff(self.evidence.fans.starts)

    @cached_property
    def _of_fans(self) -> tuple[float, float]:
        """Score of the anonymous user without fans and per logarithm of their number.

        Items without fans tell nothing of it: where they stand was learned from users who have histories.
        """
        liked = self._num_fans > 0
        if len(np.unique(self._num_fans[liked])) < 2:
            liked[:] = True
        fans, scores = np.log1p(self._num_fans[liked]), self.model.ranking.items[liked] @ self.model.anonymous[0]
        spread = float(np.var(fans))
        per_fan = float(np.mean((fans - fans.mean()) * (scores - scores.mean()))) / spread if spread > 0 else 0.0
        return float(scores.mean() - per_fan * fans.mean()), per_fan

    def similarity_vector(self, item_id: str) -> Vectors:
        """`Model.similarity_vector`, kept for the items last asked about."""
        if item_id not in self._similarity:
            if len(self._similarity) >= _VECTORS_KEPT:
                self._similarity.clear()
            self._similarity[item_id] = self.model.similarity_vector(item_id)
        return self._similarity[item_id]

    def similarity_vectors(self, item_ids: Sequence[str], vectors: PublishedVectors) -> dict[str, Vectors]:
        """The same of each of these items that is published, those that were placed after training too."""
        later = [item for item in item_ids if item not in self.model.items]
        placed = vectors.fetch(self.name, ITEMS, later) if later else None
        found = {} if placed is None else dict(zip(placed.ids.ids, placed.vectors, strict=True))
        return {
            item: self.similarity_vector(item)
            if item in self.model.items
            else self.model.similarity_to_row(found[item])
            for item in dict.fromkeys(item_ids)
            if item in self.model.items or item in found
        }

    @cached_property
    def _similarity(self) -> dict[str, Vectors]:
        return {}


def load_version(system: System, runs_folder: Path, name: str) -> Version:
    """A published version of a system. Raises: ArtifactError where what it was made of is missing or damaged."""
    folder = find_run(runs_folder, run_of(name)).folder
    model = load_model(system, folder)
    evidence = load_evidence(folder, model.users, model.items)
    return Version(name, load_release(folder, name), model, evidence, _ranker_of(folder))


def _ranker_of(folder: Path) -> Ranker | None:
    if not has_checkpoint(folder, RANKER):
        return None
    from kindred.recommenders.ranking.ranker import load_ranker

    return load_ranker(folder)
