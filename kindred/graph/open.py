"""Opens the graph that a URL names; the engine's driver is imported only then."""

from __future__ import annotations

from collections.abc import Hashable

from kindred.domain.errors import SettingsError
from kindred.domain.schema import GraphSchema
from kindred.files import at_home
from kindred.graph.server import SCHEMES, GraphServer
from kindred.graph.store import GraphStore, with_schema

_EXAMPLES = "for example ladybug:data/graph or neo4j://localhost:7687"


def open_graph(url: str, *, read_only: bool = False, server: GraphServer | None = None) -> GraphStore:
    """The graph store at `ladybug:FOLDER` or at a server's `neo4j://HOST:PORT`.

    Args:
        url: where the graph is.
        read_only: opens an embedded graph beside other readers, and refuses to write; servers let many write anyway.
        server: user, password and database of a server.

    Raises:
        SettingsError: no engine for that URL, or its package is not installed.
        StoreError: it is locked by another process, unreachable, or made by another version.
    """
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "ladybug":
        if not rest:
            raise SettingsError(f"graph URL {url!r} names no folder", _EXAMPLES)
        from kindred.graph.ladybug.store import EmbeddedGraph

        return EmbeddedGraph(at_home(rest), read_only=read_only)
    if colon and scheme in SCHEMES:
        from kindred.graph.neo4j.store import Neo4jStore

        return Neo4jStore(url, server or GraphServer())
    raise SettingsError(f"no graph engine for URL {url!r}", _EXAMPLES)


def is_server(url: str) -> bool:
    """Whether the graph at a URL is a server's, which takes readers and writers at once."""
    return url.partition(":")[0] in SCHEMES


def graph_identity(url: str) -> Hashable:
    """What tells the embedded graph at a URL from one that takes its place; None where there is none, or of a server.

    It is quick and opens nothing.
    """
    if is_server(url):
        return None
    try:
        found = at_home(url.partition(":")[2]).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_to_read(url: str, schema: GraphSchema, server: GraphServer | None = None) -> GraphStore:
    """The graph store at a URL, opened only to be read, with every table of the schema there.

    Raises:
        SettingsError: no engine for that URL, or its package is not installed.
        StoreError: another process writes it, or it is damaged, unreachable or made by another version.
    """
    if url.startswith("ladybug:") and url != "ladybug:":
        from kindred.graph.ladybug.readers import open_reader

        return open_reader(at_home(url.removeprefix("ladybug:")), schema)
    return with_schema(open_graph(url, server=server), schema)
