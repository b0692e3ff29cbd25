"""A Qdrant server as the vector store: a collection for each version and kind, aliases for what is published.

Collection `VERSION~KIND` is served under the alias `KIND`, and what a rollback brings back is `KIND~previous`. All
aliases switch in one request, which is atomic to searches. Needs Qdrant 1.16 or newer, which keeps metadata with a
collection: when it was made and, once its version is sealed, what the version holds.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import grpc  # type: ignore[import-untyped]
import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.errors import SchemaError, SettingsError, StoreError
from kindred.domain.ids import IdMap
from kindred.domain.recommendation import Candidate
from kindred.vectorstore.checks import checked_name, checked_payloads, checked_query, checked_vectors
from kindred.vectorstore.store import Scalar

_SEPARATOR = "~"  # in no name of a version or collection
_PREVIOUS = f"{_SEPARATOR}previous"
_ID = "external_id"
_POINT_IDS = UUID("6f1f5c3e-6a3c-5c52-9d0c-0d9f6b3b7a11")
_POINTS_PER_REQUEST = 1_000
_EXACT_POINTS = 100_000  # up to here comparing all takes some 10 ms, and an index loses what is excluded
_MIN_EF = 1_024
_EF_PER_WANTED = 8
_TIES = 16  # more than asked for, so that equal scores at the end are cut by id
_INDEXING_SECONDS = 1_800


@dataclass(frozen=True)
class _Kind:
    """What is known of a collection: asked for once."""

    dimension: int
    num_points: int


class QdrantServer:
    """A VectorStore on a server; any number of processes read and write."""

    def __init__(self, url: str, client: QdrantClient) -> None:
        self.url = url
        self._client = client
        self._kinds: dict[str, _Kind] = {}
        self._indexed: set[tuple[str, str]] = set()

    def create(self, version: str, collection: str, dimension: int) -> None:
        name = _name(version, collection)
        with self._translated():
            if self._client.collection_exists(name):
                raise StoreError(f"version {version} has {collection!r} already", f"drop version {version} first")
            if any("counts" in metadata for metadata in self._metadata(version).values()):
                raise StoreError(f"version {version} is sealed already", "publish under another version name")
            self._client.create_collection(
                name,
                vectors_config=models.VectorParams(size=dimension, distance=models.Distance.DOT),
                metadata={"created_at": time.time_ns()},
            )

    def upsert(
        self,
        version: str,
        collection: str,
        embeddings: Embeddings,
        payloads: Sequence[Mapping[str, Scalar]] | None = None,
    ) -> None:
        name = _name(version, collection)
        vectors = checked_vectors(embeddings.vectors, self._kind(name).dimension, collection)
        rows = checked_payloads(payloads, len(embeddings.ids))
        if any(_ID in row for row in rows):
            raise SchemaError(f"a payload has the key {_ID!r}, which holds the id", "give it another name")
        with self._translated():
            self._index_payloads(name, rows)
            for start in range(0, len(vectors), _POINTS_PER_REQUEST):
                block = slice(start, start + _POINTS_PER_REQUEST)
                ids = embeddings.ids.ids[block]
                points = [
                    models.PointStruct(id=_point_id(external), vector=vector, payload={**row, _ID: external})
                    for external, vector, row in zip(ids, vectors[block].tolist(), rows[block], strict=True)
                ]
                self._client.upsert(name, points, wait=True)

    def seal(self, version: str, counts: Mapping[str, int], searched: Collection[str] | None = None) -> None:
        with self._translated():
            metadata = self._metadata(version)
            if not metadata or any("counts" in values for values in metadata.values()):
                raise StoreError(f"version {version} is not being built", "create its collections first")
            found = {collection: self.count(version, collection) for collection in metadata}
            if found != dict(counts):
                raise StoreError(f"version {version} holds {found}, should hold {dict(counts)}", "drop and build again")
            for collection in counts if searched is None else searched:  # the server indexes all of them
                self._wait_for_index(_name(version, collection))
            for collection, values in metadata.items():
                self._client.update_collection(_name(version, collection), metadata={**values, "counts": dict(counts)})
        self._kinds.clear()

    def publish(self, version: str) -> None:
        with self._translated():
            collections = self._sealed_collections(version)
            now = self.published()
            if now != version:
                self._point(version, collections, now)

    def rollback(self) -> str:
        with self._translated():
            previous = self.previous()
            if previous is None:
                raise StoreError("there is no earlier version to go back to", "publish a run: see `kindred runs`")
            self._point(previous, self._sealed_collections(previous), None)
            return previous

    def published(self) -> str | None:
        return self._pointed_at("")

    def previous(self) -> str | None:
        return self._pointed_at(_PREVIOUS)

    def versions(self) -> list[str]:
        with self._translated():
            made: dict[str, int] = {}
            for name in self._names():
                version = name.split(_SEPARATOR)[0]
                created_at = int(str(self._info(name).get("created_at", 0)))
                made[version] = min(created_at, made.get(version, created_at))
            return sorted(made, key=lambda version: (made[version], version))

    def drop(self, version: str) -> None:
        with self._translated():
            names = [_name(version, collection) for collection in self._metadata(version)]
            if not names:
                raise StoreError(f"there is no version {version!r}", f"versions are {', '.join(self.versions())}")
            if self.published() == version:
                raise StoreError(f"version {version} is published", "publish another one or roll back first")
            if gone := [_forget(alias) for alias, name in self._aliases().items() if name in names]:
                self._client.update_collection_aliases(gone)
            for name in names:
                self._client.delete_collection(name)
                self._kinds.pop(name, None)
                self._indexed = {pair for pair in self._indexed if pair[0] != name}

    def count(self, version: str, collection: str) -> int:
        name = _name(version, collection)
        self._kind(name)
        with self._translated():
            return self._client.count(name, exact=True).count

    def search(
        self,
        version: str,
        collection: str,
        vector: Vectors,
        k: int,
        exclude: Collection[str] = (),
        where: Mapping[str, Scalar] | None = None,
    ) -> list[Candidate]:
        name = _name(version, collection)
        kind = self._kind(name)
        query = checked_query(vector, kind.dimension, k)
        seen = set(exclude)
        is_exact = kind.num_points <= _EXACT_POINTS
        # An index that skips seen points loses those behind them, so they are asked for in excess and removed here.
        wanted = k + _TIES + (0 if is_exact else len(seen))
        refused = models.HasIdCondition(has_id=[_point_id(external) for external in seen])
        conditions = [_condition(key, value) for key, value in (where or {}).items()]
        with self._translated():
            found = self._client.query_points(
                name,
                query=query.tolist(),
                query_filter=models.Filter(must=conditions, must_not=[refused] if is_exact and seen else None),
                search_params=models.SearchParams(exact=is_exact, hnsw_ef=max(_MIN_EF, _EF_PER_WANTED * wanted)),
                limit=wanted,
                with_payload=[_ID],
            ).points
        candidates = [Candidate(str((point.payload or {})[_ID]), float(point.score)) for point in found]
        kept = [candidate for candidate in candidates if candidate.item_id not in seen]
        return sorted(kept, key=lambda c: (-c.score, c.item_id))[:k]

    def fetch(self, version: str, collection: str, ids: Sequence[str]) -> Embeddings:
        name = _name(version, collection)
        dimension = self._kind(name).dimension
        wanted = {_point_id(external): external for external in ids}
        vectors: dict[str, list[float]] = {}
        with self._translated():
            for start in range(0, len(wanted), _POINTS_PER_REQUEST):
                block = list(wanted)[start : start + _POINTS_PER_REQUEST]
                for record in self._client.retrieve(name, block, with_payload=False, with_vectors=True):
                    vectors[wanted[str(record.id)]] = record.vector  # type: ignore[assignment]  # one unnamed vector
        found = [external for external in wanted.values() if external in vectors]
        matrix = np.array([vectors[external] for external in found], dtype=np.float32).reshape(-1, dimension)
        return Embeddings(IdMap(found), matrix)

    def close(self) -> None:
        self._client.close()

    def _kind(self, name: str) -> _Kind:
        """What a collection is. Raises StoreError when there is none."""
        if name not in self._kinds:
            with self._translated():
                if not self._client.collection_exists(name):
                    version, collection = name.split(_SEPARATOR)
                    raise StoreError(f"version {version} has no collection {collection!r}", "run `kindred publish`")
                info = self._client.get_collection(name)
                size = info.config.params.vectors.size  # type: ignore[union-attr]  # one unnamed vector
                self._kinds[name] = _Kind(size, info.points_count or 0)
        return self._kinds[name]

    def _names(self) -> list[str]:
        """Collections of this store; a server may hold others."""
        names = [collection.name for collection in self._client.get_collections().collections]
        return sorted(name for name in names if name.count(_SEPARATOR) == 1)

    def _info(self, name: str) -> dict[str, object]:
        return self._client.get_collection(name).config.metadata or {}

    def _metadata(self, version: str) -> dict[str, dict[str, object]]:
        """Metadata of each collection of a version."""
        prefix = f"{checked_name(version)}{_SEPARATOR}"
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
        """Alias to collection."""
        return {alias.alias_name: alias.collection_name for alias in self._client.get_aliases().aliases}

    def _pointed_at(self, suffix: str) -> str | None:
        """The version whose collections have their own name and `suffix` as alias."""
        with self._translated():
            for alias, name in self._aliases().items():
                version, _, collection = name.partition(_SEPARATOR)
                if collection and alias == f"{collection}{suffix}":
                    return version
        return None

    def _point(self, version: str, collections: Sequence[str], previous: str | None) -> None:
        """Points every alias at its version in one request."""
        aliases = {collection: _name(version, collection) for collection in collections}
        if previous is not None:
            aliases |= {c + _PREVIOUS: _name(previous, c) for c in self._metadata(previous)}
        ours = [alias for alias, name in self._aliases().items() if name.count(_SEPARATOR) == 1]
        operations = [_forget(alias) for alias in ours if alias not in aliases]
        self._client.update_collection_aliases([*operations, *(_alias(*pair) for pair in aliases.items())])

    def _index_payloads(self, name: str, rows: Sequence[Mapping[str, Scalar]]) -> None:
        """Declares what payloads are filtered by, before they come: later it takes a search through all of them."""
        kinds = {key: _schema(value) for row in rows for key, value in row.items()}
        for key, schema in kinds.items():
            if (name, key) not in self._indexed:
                self._client.create_payload_index(name, key, field_schema=schema)
                self._indexed.add((name, key))

    def _wait_for_index(self, name: str) -> None:
        deadline = time.monotonic() + _INDEXING_SECONDS
        while self._client.get_collection(name).status != models.CollectionStatus.GREEN:
            if time.monotonic() > deadline:
                raise StoreError(f"{name} is not indexed after {_INDEXING_SECONDS} s", "look at the server's log")
            time.sleep(0.2)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Driver errors as ours."""
        try:
            yield
        except (ApiException, grpc.RpcError) as error:
            reason = error.details() if isinstance(error, grpc.Call) else str(error)
            message = f"vector server {self.url}: {reason}"
            raise StoreError(message, "see that it runs and that KINDRED_VECTOR_API_KEY is right") from error


def connect(url: str, api_key: str) -> QdrantServer:
    """The server at `http(s)://host:port`, through gRPC on the port after it where that answers, else through REST.

    Raises:
        StoreError: it does not answer, or not with this key.
    """
    try:
        rest_port = urlsplit(url).port or 6333
    except ValueError as error:
        raise SettingsError(f"vector store URL {url!r} has no valid port", "use http://HOST:PORT") from error
    rest_only = QdrantClient(url=url, api_key=api_key or None, timeout=60, check_compatibility=False)
    server = QdrantServer(url, rest_only)
    server.versions()
    client = QdrantClient(
        url=url,
        api_key=api_key or None,
        timeout=60,
        check_compatibility=False,
        prefer_grpc=True,
        grpc_port=rest_port + 1,
    )
    try:
        client.get_collections()
    except grpc.RpcError:
        client.close()
        return server
    server.close()
    return QdrantServer(url, client)


def _name(version: str, collection: str) -> str:
    return f"{checked_name(version)}{_SEPARATOR}{checked_name(collection)}"


def _point_id(external: str) -> str:
    return str(uuid5(_POINT_IDS, external))


def _schema(value: Scalar) -> models.PayloadSchemaType:
    if isinstance(value, bool):
        return models.PayloadSchemaType.BOOL
    return models.PayloadSchemaType.KEYWORD if isinstance(value, str) else models.PayloadSchemaType.FLOAT


def _condition(key: str, value: Scalar) -> models.FieldCondition:
    """Equality; of numbers as a range, because a match takes whole ones only."""
    if isinstance(value, bool | str):
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))
    return models.FieldCondition(key=key, range=models.Range(gte=value, lte=value))


def _alias(alias: str, name: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(create_alias=models.CreateAlias(alias_name=alias, collection_name=name))


def _forget(alias: str) -> models.DeleteAliasOperation:
    return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
