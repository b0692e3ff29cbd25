"""VectorStore: for each recommender system, versioned collections of vectors, one version of them published.

`store.of("products")` is what one system has there: its versions, which of them is published, and the one before. No
call on it touches another system's.

A version is a set of collections (users, products, …) made by one run: created, filled, sealed, published. Readers see
those of one version or of another, never a mixture: `publish` switches them all at once; a kill at any time leaves
one version serving whole. A reader asks for `published()` once a request and names that version in every call of it.

Rules that every implementation keeps (tests/vectorstore/test_contract.py):

* Names of systems, versions and collections are letters, digits, `.`, `_` and `-`. Raises SettingsError for others.
* Vectors that are not finite, or of another length than the collection's, are refused whole: SchemaError.
* A version that is not sealed is never published.
* A published one still takes upserts, which are appended to what was sealed: the later row of an id counts; and
  `remove`, which takes an id out until it comes again. When they return they are on the disk, and in the next search of
  every process.
* What is no longer what was written (the sealed part, or what was appended) is an ArtifactError, never an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.recommendation import Candidate

Scalar = str | int | float | bool


class VectorStore(Protocol):
    """Where the published vectors of every system are."""

    url: str

    def of(self, system: str) -> SystemVectors:
        """The versions of one system. Raises SettingsError when it can't be named so."""

    def systems(self) -> list[str]:
        """Systems that have a version here, by name."""

    def close(self) -> None:
        """Frees files, locks and connections; the store can't be used after."""


class Excluded(dict[str, str]):
    """Ids that must not come back, each with the reason, which are asked with again and again and never change.

    Attributes:
        rows: which rows of a collection they are, and of which, for the engine that asks for them next.
    """

    rows: tuple[Hashable, NDArray[np.int64]] | None = None


@dataclass(frozen=True)
class Wanted:
    """One of several searches of a collection.

    Attributes:
        vector: `[dimension]`.
        k: how many of the best.
        exclude: ids that must not come back.
    """

    vector: Vectors
    k: int
    exclude: Collection[str] = ()


class PublishedVectors(Protocol):
    """What a reader needs of one system's vectors. Scores are dot products, best first, ties by id."""

    def published(self) -> str | None:
        """The version that readers get, None before the first publish."""

    def search(
        self, version: str, collection: str, vector: Vectors, k: int, exclude: Collection[str] = ()
    ) -> list[Candidate]:
        """The k best of a collection, `exclude`d ids left out without losing recall."""

    def search_all(self, version: str, collection: str, wanted: Sequence[Wanted]) -> list[list[Candidate]]:
        """What each of several searches finds; all together cost less than one by one."""

    def fetch(self, version: str, collection: str, ids: Sequence[str]) -> Embeddings:
        """Vectors of those of the ids that are there, in the order asked."""


class SystemVectors(PublishedVectors, Protocol):
    """Vectors of one system by external id, to read and to write."""

    system: str

    def create(self, version: str, collection: str, dimension: int, num_points: int = 0) -> None:
        """An empty, unpublished collection. Raises StoreError when it is there already.

        Args:
            version: that it belongs to.
            collection: its name.
            dimension: of its vectors.
            num_points: how many it is to hold, as far as that is known: what a server divides it by.
        """

    def upsert(
        self,
        version: str,
        collection: str,
        embeddings: Embeddings,
        payloads: Sequence[Mapping[str, Scalar]] | None = None,
    ) -> None:
        """Writes vectors (and payloads, row by row) by id. Raises SchemaError for vectors of another size."""

    def remove(self, version: str, collection: str, ids: Sequence[str]) -> None:
        """Takes rows out, as durable and as soon seen as an `upsert`.

        Rows that are not there are passed over, and so is a collection that the version does not have.
        """

    def seal(self, version: str, counts: Mapping[str, int], searched: Collection[str] | None = None) -> None:
        """Declares a version whole and makes it durable, and the searched ones of its collections fast to search.

        Args:
            version: what was filled.
            counts: its collections, and so many vectors in each.
            searched: collections worth an index, None for all; others can be searched too, but are meant for `fetch`.

        Raises:
            StoreError: the version holds something else; it stays unsealed.
        """

    def publish(self, version: str) -> None:
        """Makes every collection of `version` the one that readers get, at once; the one before is kept.

        Raises:
            StoreError: the version is not sealed, or not what was sealed; the published one stays.
        """

    def rollback(self) -> str:
        """Publishes the version before the published one again; its name. Raises ArtifactError when there is none."""

    def previous(self) -> str | None:
        """The version that `rollback` would publish, None where there is none."""

    def versions(self) -> list[str]:
        """Every version, sealed or not, oldest first."""

    def drop(self, version: str) -> None:
        """Deletes a version, whole, half-built or damaged. Raises StoreError for the published one, if it is whole."""

    def is_sealed(self, version: str) -> bool:
        """Whether a version was whole once; one that is not is being built, or its building was interrupted."""

    def damage(self, version: str) -> str | None:
        """What is wrong with a sealed version, and in which file; None where all is as it was written."""

    def count(self, version: str, collection: str) -> int:
        """Vectors in a collection."""
