"""A Qdrant server as the vector store. Needs Qdrant 1.16 or newer, which keeps metadata with a collection."""

from __future__ import annotations

import warnings
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
from qdrant_client import QdrantClient

from kindred.domain.errors import SettingsError, StoreError
from kindred.vectorstore.qdrant_system import SEPARATOR, ServerSystem, collection_names, translated

CONNECT_SECONDS = 10
"""A server that is well says sooner which collections it has; one that takes connections and never answers hangs."""
ANSWER_SECONDS = 60
WRITERS = 4
"""Requests that write at the same time: while the server stores one, the next is made ready."""


class QdrantServer:
    """A VectorStore on a server, which may hold other collections too.

    Args:
        url: of the server, for messages.
        client: connected to it.
        writers: how many requests write at the same time; the client must allow so many threads.

    Raises:
        StoreError: it does not answer, or holds versions of before systems had names.
    """

    def __init__(self, url: str, client: QdrantClient, writers: int = 1) -> None:
        self.url = url
        self._client = client
        self._writers = writers
        self._systems: dict[str, ServerSystem] = {}
        self._lock = Lock()
        self._refuse_older()

    def of(self, system: str) -> ServerSystem:
        with self._lock:
            if system not in self._systems:
                self._systems[system] = ServerSystem(system, self.url, self._client, self._writers)
            return self._systems[system]

    def systems(self) -> list[str]:
        with translated(self.url):
            return sorted({name.split(SEPARATOR)[0] for name in collection_names(self._client)})

    def close(self) -> None:
        self._client.close()

    def _refuse_older(self) -> None:
        """Collections of a Kindred that kept one system were `VERSION~KIND`, with the same metadata."""
        with translated(self.url):
            names = [collection.name for collection in self._client.get_collections().collections]
            single = [name for name in names if name.count(SEPARATOR) == 1]
            older = [n for n in single if "created_at" in (self._client.get_collection(n).config.metadata or {})]
        if older:
            raise StoreError(
                f"vector server {self.url} holds {', '.join(older)} of an older Kindred, which kept one system only",
                "delete those collections on the server, then run `kindred publish`",
            )


def connect(url: str, api_key: str) -> QdrantServer:
    """The server at `http(s)://host:port`, through gRPC on the port after it where that answers, else through REST.

    Raises:
        StoreError: it does not answer, or not with this key.
    """
    try:
        rest_port = urlsplit(url).port or 6333
    except ValueError as error:
        raise SettingsError(f"vector store URL {url!r} has no valid port", "use http://HOST:PORT") from error
    asked_first = _client(url, api_key, CONNECT_SECONDS)
    try:
        with translated(url):
            asked_first.get_collections()
    finally:
        asked_first.close()
    server = QdrantServer(url, _client(url, api_key, ANSWER_SECONDS), WRITERS)
    client = _client(url, api_key, ANSWER_SECONDS, prefer_grpc=True, grpc_port=rest_port + 1)
    try:
        client.get_collections()
    except grpc.RpcError:
        client.close()
        return server
    server.close()
    return QdrantServer(url, client, WRITERS)


def _client(url: str, api_key: str, seconds: int, **options: Any) -> QdrantClient:
    """A client that says nothing of a key sent without encryption: whoever writes http:// asks for that."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
        return QdrantClient(url=url, api_key=api_key or None, timeout=seconds, check_compatibility=False, **options)
