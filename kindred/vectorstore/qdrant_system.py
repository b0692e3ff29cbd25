"""One system's vectors on a Qdrant server: a collection for each version and kind, aliases for what is published.

Collection `SYSTEM~VERSION~KIND` is served under the alias `SYSTEM~KIND`, and what a rollback brings back is
`SYSTEM~KIND~~previous`. All aliases of a system switch in one request, which is atomic to searches. A collection's
metadata say when it was made and, once its version is sealed, what the version holds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, uuid5

import grpc  # type: ignore[import-untyped]
import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.errors import ArtifactError, SchemaError, StoreError
from kindred.domain.ids import IdMap
from kindred.domain.recommendation import Candidate, best_first
from kindred.vectorstore.checks import checked_name, checked_payloads, checked_query, checked_vectors
from kindred.vectorstore.store import Scalar, Wanted

SEPARATOR = "~"  # in no name of a system, version or collection
_PREVIOUS = f"{SEPARATOR}{SEPARATOR}previous"
_ID = "external_id"
_POINT_IDS = UUID("6f1f5c3e-6a3c-5c52-9d0c-0d9f6b3b7a11")
_POINTS_PER_REQUEST = 1_000
_POINTS_PER_SHARD = 1_000_000  # a cluster spreads shards over its machines
_EXACT_POINTS = 100_000  # up to here comparing all takes some 10 ms, and an index loses what is excluded
_MIN_EF = 1_024
_EF_PER_WANTED = 8
_TIES = 16  # more than asked for, so that equal scores at the end are decided by id
_INDEXING_SECONDS = 1_800
_MOST_SHOWN = 300  # letters of an error
_REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_UNREACHED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True)
class _Kind:
    """What is known of a collection: asked for once."""

    dimension: int
    num_points: int


class ServerSystem:
    """One system's vectors on a server; any number of processes read and write."""

    def __init__(self, system: str, url: str, client: QdrantClient, writers: int = 1) -> None:
        self.system = checked_name(system)
        self._url = url
        self._client = client
        self._writers = writers
        self._kinds: dict[str, _Kind] = {}

    def create(self, version: str, collection: str, dimension: int, num_points: int = 0) -> None:
        name = self._name(version, collection)
        with translated(self._url):
            if self._client.collection_exists(name):
                raise StoreError(f"version {version} has {collection!r} already", f"drop version {version} first")
            if any("counts" in metadata for metadata in self._metadata(version).values()):
                raise StoreError(f"version {version} is sealed already", "publish under another version name")
            self._client.create_collection(
                name,
                vectors_config=models.VectorParams(size=dimension, distance=models.Distance.DOT),
                shard_number=max(1, -(-num_points // _POINTS_PER_SHARD)),
                metadata={"created_at": time.time_ns()},
            )

    def upsert(
        self,
        version: str,
        collection: str,
        embeddings: Embeddings,
        payloads: Sequence[Mapping[str, Scalar]] | None = None,
    ) -> None:
        name = self._name(version, collection)
        vectors = checked_vectors(embeddings.vectors, self._kind(name).dimension, collection)
        rows = checked_payloads(payloads, len(embeddings.ids))
        if any(_ID in row for row in rows):
            raise SchemaError(f"a payload has the key {_ID!r}, which holds the id", "give it another name")

        def write(start: int) -> None:
            batch = slice(start, start + _POINTS_PER_REQUEST)
            ids = embeddings.ids.ids[batch]
            points = [
                models.PointStruct(id=_point_id(external), vector=vector, payload={**row, _ID: external})
                for external, vector, row in zip(ids, vectors[batch].tolist(), rows[batch], strict=True)
            ]
            self._client.upsert(name, points, wait=True)

        starts = range(0, len(vectors), _POINTS_PER_REQUEST)
        with translated(self._url):
            if min(self._writers, len(starts)) <= 1:
                for start in starts:
                    write(start)
                return
            with ThreadPoolExecutor(self._writers) as writers:
                for _ in writers.map(write, starts):
                    pass

    def remove(self, version: str, collection: str, ids: Sequence[str]) -> None:
        name = self._name(version, collection)
        points = [_point_id(external) for external in ids]  # a server refuses a request without any
        with translated(self._url):
            if points and self._client.collection_exists(name):
                for start in range(0, len(points), _POINTS_PER_REQUEST):
                    self._client.delete(name, points[start : start + _POINTS_PER_REQUEST], wait=True)

    def seal(self, version: str, counts: Mapping[str, int], searched: Collection[str] | None = None) -> None:
        with translated(self._url):
            metadata = self._metadata(version)
            if not metadata or any("counts" in values for values in metadata.values()):
                raise StoreError(f"version {version} is not being built", "create its collections first")
            found = {collection: self.count(version, collection) for collection in metadata}
            if found != dict(counts):
                raise StoreError(f"version {version} holds {found}, should hold {dict(counts)}", "drop and build again")
            for collection in counts if searched is None else searched:  # the server indexes all of them
                self._wait_for_index(self._name(version, collection))
            for collection, values in metadata.items():
                self._client.update_collection(
                    self._name(version, collection), metadata={**values, "counts": dict(counts)}
                )
        self._kinds.clear()

    def publish(self, version: str) -> None:
        with translated(self._url):
            collections = self._sealed_collections(version)
            now = self.published()
            if now != version:
                self._point(version, collections, now)

    def rollback(self) -> str:
        with translated(self._url):
            previous = self.previous()
            if previous is None:
                raise ArtifactError("there is no earlier version to go back to", "publish a run: see `kindred runs`")
            self._point(previous, self._sealed_collections(previous), None)
            return previous

    def published(self) -> str | None:
        return self._pointed_at("")

    def previous(self) -> str | None:
        return self._pointed_at(_PREVIOUS)

    def versions(self) -> list[str]:
        with translated(self._url):
            made: dict[str, int] = {}
            for name in self._names():
                version = name.split(SEPARATOR)[1]
                created_at = int(str(self._info(name).get("created_at", 0)))
                made[version] = min(created_at, made.get(version, created_at))
            return sorted(made, key=lambda version: (made[version], version))

    def drop(self, version: str) -> None:
        with translated(self._url):
            names = [self._name(version, collection) for collection in self._metadata(version)]
            if not names:
                raise StoreError(f"there is no version {version!r}", f"versions are {', '.join(self.versions())}")
            if self.published() == version and self.damage(version) is None:
                raise StoreError(f"version {version} is published", "publish another one or roll back first")
            if gone := [_forget(alias) for alias, name in self._aliases().items() if name in names]:
                self._client.update_collection_aliases(gone)
            for name in names:
                self._client.delete_collection(name)
                self._kinds.pop(name, None)

    def is_sealed(self, version: str) -> bool:
        with translated(self._url):
            return any("counts" in values for values in self._metadata(version).values())

    def damage(self, version: str) -> str | None:
        try:
            self._sealed_collections(version)
        except StoreError as error:
            return error.message
        return None

    def count(self, version: str, collection: str) -> int:
        name = self._name(version, collection)
        self._kind(name)
        with translated(self._url):
            return self._client.count(name, exact=True).count

    def search(
        self, version: str, collection: str, vector: Vectors, k: int, exclude: Collection[str] = ()
    ) -> list[Candidate]:
        return self.search_all(version, collection, [Wanted(vector, k, exclude)])[0]

    def search_all(self, version: str, collection: str, wanted: Sequence[Wanted]) -> list[list[Candidate]]:
        name = self._name(version, collection)
        kind = self._kind(name)
        requests = [_query(kind, one) for one in wanted]
        with translated(self._url):
            answers = self._client.query_batch_points(name, requests)
        return [_kept(answer.points, one) for answer, one in zip(answers, wanted, strict=True)]

    def fetch(self, version: str, collection: str, ids: Sequence[str]) -> Embeddings:
        name = self._name(version, collection)
        dimension = self._kind(name).dimension
        wanted = {_point_id(external): external for external in ids}
        vectors: dict[str, list[float]] = {}
        with translated(self._url):
            for start in range(0, len(wanted), _POINTS_PER_REQUEST):
                batch = list(wanted)[start : start + _POINTS_PER_REQUEST]
                for record in self._client.retrieve(name, batch, with_payload=False, with_vectors=True):
                    vectors[wanted[str(record.id)]] = record.vector  # type: ignore[assignment]  # one unnamed vector
        found = [external for external in wanted.values() if external in vectors]
        matrix = np.array([vectors[external] for external in found], dtype=np.float32).reshape(-1, dimension)
        return Embeddings(IdMap(found), matrix)

    def _kind(self, name: str) -> _Kind:
        """What a collection is. Raises StoreError when there is none."""
        if name not in self._kinds:
            with translated(self._url):
                if not self._client.collection_exists(name):
                    _, version, collection = name.split(SEPARATOR)
                    raise StoreError(f"version {version} has no collection {collection!r}", "run `kindred publish`")
                info = self._client.get_collection(name)
                size = info.config.params.vectors.size  # type: ignore[union-attr]  # one unnamed vector
                self._kinds[name] = _Kind(size, info.points_count or 0)
        return self._kinds[name]

    def _name(self, version: str, collection: str) -> str:
        return SEPARATOR.join((self.system, checked_name(version), checked_name(collection)))

    def _names(self) -> list[str]:
        """Collections of this system; a server may hold others."""
        return [name for name in collection_names(self._client) if name.startswith(f"{self.system}{SEPARATOR}")]

    def _info(self, name: str) -> dict[str, object]:
        return self._client.get_collection(name).config.metadata or {}

    def _metadata(self, version: str) -> dict[str, dict[str, object]]:
        """Metadata of each collection of a version."""
        prefix = SEPARATOR.join((self.system, checked_name(version), ""))
        return {name.removeprefix(prefix): self._info(name) for name in self._names() if name.startswith(prefix)}

    def _sealed_collections(self, version: str) -> list[str]:
        """Collections of a version that is whole. Raises StoreError for any other."""
        metadata = self._metadata(version)
        if not metadata:
            raise StoreError(f"version {version} is not there", "publish the run again")
        for values in metadata.values():
            counts = values.get("counts")
            if not isinstance(counts, dict) or set(counts) != set(metadata):
                raise StoreError(f"version {version} is not sealed or not whole", "drop it and publish the run again")
        return list(metadata)

    def _aliases(self) -> dict[str, str]:
        """Alias to collection, of this system."""
        aliases = {alias.alias_name: alias.collection_name for alias in self._client.get_aliases().aliases}
        prefix = f"{self.system}{SEPARATOR}"
        return {alias: name for alias, name in aliases.items() if alias.startswith(prefix) and name.startswith(prefix)}

    def _pointed_at(self, suffix: str) -> str | None:
        """The version whose collections have their own name and `suffix` as alias."""
        with translated(self._url):
            for alias, name in self._aliases().items():
                _, version, collection = name.split(SEPARATOR)
                if alias == self._alias(collection, suffix):
                    return version
        return None

    def _point(self, version: str, collections: Sequence[str], previous: str | None) -> None:
        """Points every alias at its version in one request."""
        aliases = {self._alias(collection): self._name(version, collection) for collection in collections}
        if previous is not None:
            aliases |= {self._alias(c, _PREVIOUS): self._name(previous, c) for c in self._metadata(previous)}
        operations = [_forget(alias) for alias in self._aliases() if alias not in aliases]
        self._client.update_collection_aliases([*operations, *(_assign(*pair) for pair in aliases.items())])

    def _alias(self, collection: str, suffix: str = "") -> str:
        return f"{self.system}{SEPARATOR}{collection}{suffix}"

    def _wait_for_index(self, name: str) -> None:
        deadline = time.monotonic() + _INDEXING_SECONDS
        while self._client.get_collection(name).status != models.CollectionStatus.GREEN:
            if time.monotonic() > deadline:
                raise StoreError(f"{name} is not indexed after {_INDEXING_SECONDS} s", "look at the server's log")
            time.sleep(0.2)


def collection_names(client: QdrantClient) -> list[str]:
    """Collections that are named `SYSTEM~VERSION~KIND`, by name."""
    names = [collection.name for collection in client.get_collections().collections]
    return sorted(name for name in names if name.count(SEPARATOR) == 2)


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Driver errors as ours."""
    try:
        yield
    except (ApiException, grpc.RpcError) as error:
        reason, next_step = _reason_and_next_step(error)
        raise StoreError(f"vector server {url}: {reason}", next_step) from error


def _reason_and_next_step(error: Exception) -> tuple[str, str]:
    """What a server or the way to it says against a request, and what to do about it."""
    if isinstance(error, UnexpectedResponse):
        reason, is_refused, is_told = _words_of(error), error.status_code in (401, 403), True
    elif isinstance(error, grpc.Call):
        reason, is_refused = error.details() or error.code().name, error.code() in _REFUSED
        is_told = error.code() not in _UNREACHED
    else:
        reason, is_refused, is_told = str(error) or type(error).__name__, False, False
    if is_refused:
        return reason, "see that KINDRED_VECTOR_API_KEY is right; to publish, the key must let write"
    return reason, "look at the server's log" if is_told else "see that it runs there"


def _words_of(response: UnexpectedResponse) -> str:
    """The error of a reply: of Qdrant's own JSON, else the text as it is."""
    content = response.content.decode("utf-8", errors="replace").strip()
    with suppress(ValueError, KeyError, TypeError):
        content = str(json.loads(content)["status"]["error"])
    return f"{response.status_code} {content[:_MOST_SHOWN] or response.reason_phrase}"


def _point_id(external: str) -> str:
    return str(uuid5(_POINT_IDS, external))


def _query(kind: _Kind, wanted: Wanted) -> models.QueryRequest:
    """A search as the server takes it. Raises: SchemaError where it can't be asked."""
    query = checked_query(wanted.vector, kind.dimension, wanted.k)
    is_exact = kind.num_points <= _EXACT_POINTS
    # An index that skips seen points loses those behind them, so they are asked for in excess and removed here.
    limit = wanted.k + _TIES + (0 if is_exact else len(wanted.exclude))
    refused = models.HasIdCondition(has_id=[_point_id(external) for external in dict.fromkeys(wanted.exclude)])
    return models.QueryRequest(
        query=query.tolist(),
        filter=models.Filter(must_not=[refused]) if is_exact and wanted.exclude else None,
        params=models.SearchParams(exact=is_exact, hnsw_ef=max(_MIN_EF, _EF_PER_WANTED * limit)),
        limit=limit,
        with_payload=[_ID],
    )


def _kept(points: Sequence[models.ScoredPoint], wanted: Wanted) -> list[Candidate]:
    """The best of what the server found."""
    candidates = [Candidate(str((point.payload or {})[_ID]), float(point.score)) for point in points]
    excluded = set(wanted.exclude)
    return best_first((candidate for candidate in candidates if candidate.item_id not in excluded), wanted.k)


def _assign(alias: str, name: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(create_alias=models.CreateAlias(alias_name=alias, collection_name=name))


def _forget(alias: str) -> models.DeleteAliasOperation:
    return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
