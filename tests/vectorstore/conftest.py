from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from kindred.domain.embeddings import Embeddings
from kindred.domain.ids import IdMap
from kindred.vectorstore.edge_index import build
from kindred.vectorstore.exact import ExactSearch
from kindred.vectorstore.folder_store import FolderVectors
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.qdrant_edge import EdgeSearch, IndexLimits
from kindred.vectorstore.qdrant_server import QdrantServer
from kindred.vectorstore.store import SystemVectors, VectorStore
from tests.vectorstore.stand_in import StandIn

Opener = Callable[[Path], VectorStore]
SYSTEM = "products"
ALWAYS_INDEXED = IndexLimits(exact_bytes=0, rows_per_ef=0)
ALWAYS_INTEGERS = IndexLimits(codes_bytes=0)


def open_exact(folder: Path) -> VectorStore:
    return FolderVectors("exact:", folder, ExactSearch())


def open_edge(folder: Path) -> VectorStore:
    return FolderVectors("qdrant-edge:", folder, EdgeSearch(IndexLimits()))


def open_edge_integers(folder: Path) -> VectorStore:
    return FolderVectors("qdrant-edge:", folder, EdgeSearch(ALWAYS_INTEGERS))


def open_edge_indexed(folder: Path) -> VectorStore:
    return FolderVectors("qdrant-edge:", folder, EdgeSearch(ALWAYS_INDEXED, build))


def open_server_double(folder: Path) -> VectorStore:
    """A stand-in for a server, which keeps its collections in a folder."""
    return QdrantServer("http://stand-in", StandIn(path=str(folder)))


@cache
def clean_live_server(folder: Path) -> str:
    """The server of QDRANT_URL, emptied of what tests left there, once for each test."""
    url = os.environ["QDRANT_URL"]
    client = QdrantClient(url=url, api_key=os.environ.get("QDRANT_API_KEY"))
    for collection in client.get_collections().collections:
        if "~" in collection.name:
            client.delete_collection(collection.name)
    client.close()
    return url


def open_live_server(folder: Path) -> VectorStore:
    return open_vectors(clean_live_server(folder), os.environ.get("QDRANT_API_KEY", ""))


OPENERS: dict[str, Opener] = {
    "server": open_server_double,
    "exact": open_exact,
    "edge": open_edge,
    "edge-integers": open_edge_integers,
    "edge-indexed": open_edge_indexed,
}

if "QDRANT_URL" in os.environ:  # a server kept for tests: its versions are deleted
    OPENERS["live-server"] = open_live_server


@pytest.fixture(params=list(OPENERS))
def opener(request: pytest.FixtureRequest) -> Opener:
    return OPENERS[request.param]


@pytest.fixture
def store(opener: Opener, tmp_path: Path) -> Iterator[SystemVectors]:
    opened = opener(tmp_path / "vectors")
    yield opened.of(SYSTEM)
    opened.close()


@pytest.fixture(scope="session")
def openers() -> dict[str, Opener]:
    return OPENERS


@pytest.fixture(scope="session")
def embeddings_of() -> Callable[..., Embeddings]:
    return make_embeddings


@pytest.fixture(scope="session")
def sealed() -> Callable[[SystemVectors, str, dict[str, Embeddings]], None]:
    """Fills and seals a version."""
    return fill_and_seal


def make_embeddings(num: int, dimension: int = 8, seed: int = 0, prefix: str = "item") -> Embeddings:
    """Clustered vectors whose lengths differ, as ranking embeddings do."""
    centres = np.random.default_rng(dimension).normal(size=(12, dimension))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, 12, num)] + 0.5 * rng.normal(size=(num, dimension))
    vectors *= rng.lognormal(0, 0.3, (num, 1))
    return Embeddings(IdMap(f"{prefix}-{row:05d}" for row in range(num)), vectors.astype(np.float32))


def fill_and_seal(store: SystemVectors, version: str, collections: dict[str, Embeddings]) -> None:
    for name, embeddings in collections.items():
        store.create(version, name, embeddings.dimension)
        store.upsert(version, name, embeddings)
    store.seal(version, {name: len(embeddings.ids) for name, embeddings in collections.items()})
