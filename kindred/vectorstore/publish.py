"""Publishing: new collections checked against what was meant before any reader sees them, and old ones cleared away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.ids import IdMap
from kindred.vectorstore.store import Scalar, SystemVectors

Payloads = Sequence[Mapping[str, Scalar]]

_ROWS_PER_UPSERT = 10_000
_SAMPLE = 16
_K = 10
_MIN_RECALL = 0.9
_SCORE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class PublishOptions:
    """How a version is published.

    Attributes:
        keep: versions that stay; at least the published one and the one before it always do.
        in_use: further versions that stay, such as those of arms of A/B tests.
        searched: collections worth an index, None for all; the others are only fetched from.
        gone: ids by collection that were deleted while the version was made; asked for when it is whole.
    """

    keep: int = 2
    in_use: Collection[str] = ()
    searched: Collection[str] | None = None
    gone: Callable[[], Mapping[str, Sequence[str]]] = dict


def publish_collections(
    store: SystemVectors,
    version: str,
    collections: Mapping[str, Embeddings],
    payloads: Mapping[str, Payloads] | None = None,
    options: PublishOptions = PublishOptions(),
) -> None:
    """Makes `collections` the published version, after checking counts, vectors and a sample of searches.

    Whatever fails, the version published before stays so, and so does the one that a rollback brings back. What is
    published, what a rollback would publish and what is in use are never built anew while they are whole: they are
    published as they are. Another version of the same name, such as the rest of a build that was interrupted, is
    replaced.

    Args:
        store: the versions of the system it belongs to.
        version: name of the version, usually the run's.
        collections: vectors by collection name.
        payloads: by collection name, one a vector.
        options: what else is known of it.

    Raises:
        SchemaError: a collection is empty.
        StoreError: what the store holds or finds is not what was given.
    """
    if empty := [name for name, embeddings in collections.items() if not len(embeddings.ids)]:
        raise SchemaError(f"collection {', '.join(empty)} is empty", "train on data that has some")
    needed = version in {store.published(), store.previous(), *options.in_use}
    if not needed or not store.is_sealed(version) or store.damage(version):
        if version in store.versions():
            store.drop(version)
        for name, embeddings in collections.items():
            _fill(store, version, name, embeddings, (payloads or {}).get(name))
        counts = {name: len(embeddings.ids) for name, embeddings in collections.items()}
        store.seal(version, counts, options.searched)
    for name, embeddings in collections.items():
        _check(store, version, name, embeddings)
    for name, deleted in options.gone().items():
        store.remove(version, name, deleted)
    store.publish(version)
    _clear(store, options)


def holds_collections(store: SystemVectors, version: str, collections: Mapping[str, Embeddings]) -> bool:
    """Whether a version is whole and holds these vectors, all of them and no others."""
    if not store.is_sealed(version) or store.damage(version):
        return False
    try:
        return all(
            store.count(version, name) == len(embeddings.ids)
            and all(_same(store.fetch(version, name, rows.ids.ids), rows) for rows, _ in _batches(embeddings))
            for name, embeddings in collections.items()
        )
    except StoreError:  # it has no such collection
        return False


def _same(stored: Embeddings, given: Embeddings) -> bool:
    return list(stored.ids) == list(given.ids) and np.allclose(stored.vectors, given.vectors, rtol=1e-5, atol=1e-6)


def _batches(embeddings: Embeddings) -> Iterator[tuple[Embeddings, slice]]:
    """The rows of a collection, some at a time, and which they are."""
    for start in range(0, len(embeddings.ids), _ROWS_PER_UPSERT):
        batch = slice(start, start + _ROWS_PER_UPSERT)
        yield Embeddings(IdMap(embeddings.ids.ids[batch]), embeddings.vectors[batch]), batch


def _fill(store: SystemVectors, version: str, name: str, embeddings: Embeddings, payloads: Payloads | None) -> None:
    store.create(version, name, embeddings.dimension, len(embeddings.ids))
    for some, batch in _batches(embeddings):
        store.upsert(version, name, some, None if payloads is None else payloads[batch])


def _check(store: SystemVectors, version: str, name: str, embeddings: Embeddings) -> None:
    """Compares a sample of what the store holds and finds with the vectors themselves."""
    rows = np.unique(np.linspace(0, len(embeddings.ids) - 1, _SAMPLE).astype(np.int64))
    sample = Embeddings(IdMap(embeddings.ids.external(row) for row in rows), embeddings.vectors[rows])
    if not _same(store.fetch(version, name, sample.ids.ids), sample):
        raise StoreError(
            f"version {version} holds other {name} vectors than it was given", "publish under another name"
        )
    recalls = []
    k = min(_K, len(embeddings.ids))
    for row in rows:
        scores = embeddings.vectors @ embeddings.vectors[row]
        last_score = np.partition(scores, -k)[-k]
        found = store.search(version, name, embeddings.vectors[row], k)
        tolerance = _SCORE_TOLERANCE * max(1.0, abs(float(scores.max())))
        recalls.append(sum(candidate.score >= last_score - tolerance for candidate in found) / k)
    if np.mean(recalls) < _MIN_RECALL:
        raise StoreError(
            f"searching {name} of version {version} finds {np.mean(recalls):.0%} of what is there",
            "publish it again; if it stays so, use an exact: vector store",
        )


def _clear(store: SystemVectors, options: PublishOptions) -> None:
    """Drops the oldest versions beyond `keep`, never one in use, published, or the one that a rollback brings back."""
    needed = {store.published(), store.previous()}
    spare = [version for version in store.versions() if version not in {*needed, *options.in_use}]
    excess = len(spare) + len(needed - {None}) - max(options.keep, 2)
    for version in spare[: max(0, excess)]:
        store.drop(version)
