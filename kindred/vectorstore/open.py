"""From a URL to a vector store."""

from __future__ import annotations

from importlib.util import find_spec

from kindred.domain.errors import SettingsError, install_hint
from kindred.files import at_home
from kindred.vectorstore.store import VectorStore

_KNOWN = "use qdrant-edge:FOLDER, exact:FOLDER or http://HOST:PORT"


def open_vectors(url: str, api_key: str = "") -> VectorStore:
    """The vector store at `url`, created if it is a folder that is not there yet.

    Args:
        url: `qdrant-edge:FOLDER` (embedded), `exact:FOLDER` (no index, however large), `http(s)://HOST:PORT` (server).
        api_key: of a server.

    Raises:
        SettingsError: no such scheme, or the package it needs is missing.
        StoreError: the folder can't be used, or the server does not answer.
    """
    scheme, _, place = url.partition(":")
    if not place:
        raise SettingsError(f"vector store URL {url!r} names no place", _KNOWN)
    if scheme == "exact":
        from kindred.vectorstore.exact import ExactSearch
        from kindred.vectorstore.folder_store import FolderVectors

        return FolderVectors(url, at_home(place), ExactSearch())
    if scheme == "qdrant-edge":
        _need("qdrant_edge", "pip install qdrant-edge-py==0.9.0")
        from kindred.vectorstore.folder_store import FolderVectors
        from kindred.vectorstore.qdrant_edge import EdgeSearch, IndexLimits

        return FolderVectors(url, at_home(place), EdgeSearch(IndexLimits()))
    if scheme in ("http", "https"):
        _need("qdrant_client", install_hint("qdrant"))
        from kindred.vectorstore.qdrant_server import connect

        return connect(url, api_key)
    raise SettingsError(f"no vector store is known by {scheme + ':'!r}", _KNOWN)


def _need(package: str, command: str) -> None:
    if find_spec(package) is None:
        raise SettingsError(f"the package {package} is missing", f"run `{command}`")
