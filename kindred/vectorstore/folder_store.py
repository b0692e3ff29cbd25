"""FolderVectors: a VectorStore in a folder, one folder in it for each system, with a search handed to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.errors import StoreError
from kindred.domain.recommendation import Candidate
from kindred.vectorstore.checks import checked_name, checked_query
from kindred.vectorstore.folders import VersionFolders, system_folders
from kindred.vectorstore.rows import Rows, View
from kindred.vectorstore.store import Scalar, Wanted


@dataclass(frozen=True)
class Question:
    """What to look for in a view.

    Attributes:
        vector: `[dimension]`, finite.
        refused: rows that must not come back, `[num_refused]`.
    """

    vector: Vectors
    k: int
    refused: NDArray[np.int64]


class Search(Protocol):
    """How the best rows of a collection are found."""

    def prepare(self, rows: Rows) -> None:
        """Called once, when the collection is about to be sealed."""

    def best(self, rows: Rows, view: View, questions: Sequence[Question]) -> list[list[Candidate]]:
        """The best k rows for each question, best first, ties by id."""

    def close(self) -> None:
        """Frees what it holds."""


class FolderVectors:
    """A VectorStore in a folder: any number of processes read, each collection has one writer at a time."""

    def __init__(self, url: str, folder: Path, search: Search) -> None:
        self.url = url
        self._folder = folder
        self._search = search
        self._systems: dict[str, FolderSystem] = {}
        self._lock = Lock()
        system_folders(folder)

    def of(self, system: str) -> FolderSystem:
        with self._lock:
            if system not in self._systems:
                self._systems[system] = FolderSystem(system, self._folder / checked_name(system), self._search)
            return self._systems[system]

    def systems(self) -> list[str]:
        return [name for name in system_folders(self._folder) if self.of(name).versions()]

    def close(self) -> None:
        self._search.close()
        self._systems.clear()


class FolderSystem:
    """One system's vectors in its folder."""

    def __init__(self, system: str, folder: Path, search: Search) -> None:
        self.system = system
        self._folders = VersionFolders(folder)
        self._search = search
        self._open: dict[tuple[str, str], Rows] = {}
        self._lock = Lock()

    def create(self, version: str, collection: str, dimension: int, num_points: int = 0) -> None:
        self._folders.create(version, collection, dimension)

    def upsert(
        self,
        version: str,
        collection: str,
        embeddings: Embeddings,
        payloads: Sequence[Mapping[str, Scalar]] | None = None,
    ) -> None:
        self._rows(version, collection).append(embeddings, payloads)

    def remove(self, version: str, collection: str, ids: Sequence[str]) -> None:
        if collection in self._folders.collections(version):
            self._rows(version, collection).remove(ids)

    def seal(self, version: str, counts: Mapping[str, int], searched: Collection[str] | None = None) -> None:
        self._folders.require(version, counts)
        for collection in counts if searched is None else searched:
            self._search.prepare(self._rows(version, collection))
        self._folders.seal(version)

    def publish(self, version: str) -> None:
        self._folders.publish(version)

    def rollback(self) -> str:
        return self._folders.rollback()

    def published(self) -> str | None:
        return self._folders.pointer().published

    def previous(self) -> str | None:
        return self._folders.pointer().previous

    def versions(self) -> list[str]:
        return self._folders.versions()

    def drop(self, version: str) -> None:
        self._folders.drop(version)

    def is_sealed(self, version: str) -> bool:
        return self._folders.is_sealed(version)

    def damage(self, version: str) -> str | None:
        return self._folders.damage(version)

    def count(self, version: str, collection: str) -> int:
        return self._rows(version, collection).count()

    def search(
        self, version: str, collection: str, vector: Vectors, k: int, exclude: Collection[str] = ()
    ) -> list[Candidate]:
        return self.search_all(version, collection, [Wanted(vector, k, exclude)])[0]

    def search_all(self, version: str, collection: str, wanted: Sequence[Wanted]) -> list[list[Candidate]]:
        rows = self._rows(version, collection)
        view = rows.view()
        return self._search.best(rows, view, [_question(rows, view, one) for one in wanted])

    def fetch(self, version: str, collection: str, ids: Sequence[str]) -> Embeddings:
        return self._rows(version, collection).fetch(ids)

    def _rows(self, version: str, collection: str) -> Rows:
        """The collection, opened once and opened again when its version was dropped and built anew."""
        key = (version, collection)
        with self._lock:
            rows = self._open.get(key)
            if rows is None or not rows.is_current():
                # Dropped versions are let go here: their files keep their disk space while they are mapped.
                self._open = {kept: others for kept, others in self._open.items() if others.is_current()}
                rows = self._open[key] = self._opened(version, collection)
            return rows

    def _opened(self, version: str, collection: str) -> Rows:
        folder = self._folders.collection(version, collection)
        try:
            return Rows(folder, self._folders.sealed_bytes(version, collection))
        except FileNotFoundError as error:
            raise StoreError(f"version {version} was dropped or sealed just now", "ask again") from error


def _question(rows: Rows, view: View, wanted: Wanted) -> Question:
    """A search as rows of the view. Raises: SchemaError where it can't be asked."""
    query = checked_query(wanted.vector, rows.dimension, wanted.k)
    refused = rows.rows_of(wanted.exclude, view)
    if len(view.superseded):
        refused = np.concatenate([refused, view.superseded])
    return Question(query, wanted.k, refused)
