"""The vectors of a version as its run holds them in memory, searched by comparing all: no file and no engine needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.errors import StoreError
from kindred.domain.ids import IdMap
from kindred.domain.recommendation import Candidate, best_first
from kindred.recommenders.answering.opened import Version
from kindred.recommenders.model import ANONYMOUS
from kindred.recommenders.releases import ITEMS, USERS
from kindred.vectorstore.store import Wanted


class VersionVectors:
    """Searches what a version's run learned; items that came after the training are not among it.

    Args:
        version: whose vectors.
    """

    def __init__(self, version: Version) -> None:
        self._version = version

    def published(self) -> str | None:
        return self._version.name

    def search(
        self, version: str, collection: str, vector: Vectors, k: int, exclude: Collection[str] = ()
    ) -> list[Candidate]:
        """The k best items of the version, `exclude`d ones left out."""
        ids, rows = self._items
        scores = np.vecdot(rows, vector)
        scores[ids.known_positions(exclude)] = -np.inf
        lowest = np.partition(scores, max(0, len(scores) - k))[max(0, len(scores) - k)]
        best = np.flatnonzero((scores >= lowest) & (scores > -np.inf))
        return best_first((Candidate(ids.external(int(place)), float(scores[place])) for place in best), k)

    def search_all(self, version: str, collection: str, wanted: Sequence[Wanted]) -> list[list[Candidate]]:
        """What each search finds."""
        return [self.search(version, collection, one.vector, one.k, one.exclude) for one in wanted]

    def fetch(self, version: str, collection: str, ids: Sequence[str]) -> Embeddings:
        """Vectors of those of the ids that the run learned."""
        known, rows = self._rows_of(collection)
        found = [item for item in dict.fromkeys(ids) if item in known]
        return Embeddings(IdMap(found), np.asarray(rows[known.positions(found)], dtype=np.float32))

    @property
    def _items(self) -> tuple[IdMap, Vectors]:
        return self._version.model.items, self._version.model.ranking.items

    @cached_property
    def _anonymous(self) -> tuple[IdMap, Vectors]:
        return IdMap([ANONYMOUS]), self._version.model.anonymous

    def _rows_of(self, collection: str) -> tuple[IdMap, Vectors]:
        if collection == ANONYMOUS:
            return self._anonymous
        if collection == ITEMS:
            return self._items
        if collection == USERS:
            return self._version.model.users, self._version.model.vectors
        raise StoreError(f"version {self._version.name} holds no {collection} in memory")
