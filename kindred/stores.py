"""Opens what the settings name: the graph, the vectors, the text encoder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kindred.domain.parts import PartMap, Together, in_turn
from kindred.domain.progress import Progress, silent

if TYPE_CHECKING:
    import pyarrow as pa

    from kindred.domain.embeddings import TextEncoder
    from kindred.graph.server import GraphServer
    from kindred.graph.store import GraphStore
    from kindred.settings import Settings
    from kindred.vectorstore.store import VectorStore

TURN_SECONDS = 0.05
"""Between looks whether another process still has the graph."""


def open_graph_writer(settings: Settings, retry_seconds: float | None = None) -> GraphStore:
    """The graph store in force, open for writing, its schema created; whoever asks closes it.

    Args:
        settings: in force.
        retry_seconds: how long a server that is gone is asked again; None for as long as commands do, which wait as
            long for another process to let an embedded graph go.
    """
    from kindred.domain.schema import graph_schema
    from kindred.graph.open import open_graph
    from kindred.graph.store import with_schema

    url = settings.effective_graph_url
    store = _once_free(settings, retry_seconds, lambda server: open_graph(url, server=server))
    return with_schema(store, graph_schema())


def _once_free(
    settings: Settings, retry_seconds: float | None, opens: Callable[[GraphServer], GraphStore]
) -> GraphStore:
    """What opens once no other process has the graph, which a service has but for seconds. Raises: LockedError."""
    from kindred.graph.store import LockedError

    server = graph_server_of(settings, retry_seconds)
    until = time.monotonic() + (server.retry_seconds if retry_seconds is None else 0.0)
    while True:
        try:
            return opens(server)
        except LockedError:
            if time.monotonic() >= until:
                raise
            time.sleep(TURN_SECONDS)


def open_graph_reader(settings: Settings, retry_seconds: float | None = None) -> GraphStore:
    """The graph store in force, open for reading beside other readers; whoever asks closes it.

    Args:
        settings: in force.
        retry_seconds: how long a server that is gone is asked again; None for as long as commands do, which wait as
            long for another process to let an embedded graph go.
    """
    from kindred.domain.schema import graph_schema
    from kindred.graph.open import open_to_read

    url, schema = settings.effective_graph_url, graph_schema()
    return _once_free(settings, retry_seconds, lambda server: open_to_read(url, schema, server))


@contextmanager
def graph_of(settings: Settings) -> Iterator[GraphStore]:
    """The graph store in force, open for writing, its schema created, closed at the end."""
    with closing(open_graph_writer(settings)) as store:
        yield store


@contextmanager
def graph_to_read(settings: Settings) -> Iterator[GraphStore]:
    """The graph store in force, open for reading beside other readers, closed at the end."""
    with closing(open_graph_reader(settings)) as store:
        yield store


@contextmanager
def graph_as_it_is(settings: Settings) -> Iterator[GraphStore | None]:
    """The graph store in force to look into, closed at the end; nothing is made or mended for it.

    None where there is none yet, one that needs mending first, or one that another process writes now.
    """
    from kindred.graph.open import open_graph
    from kindred.graph.store import LockedError, UnfinishedError

    try:
        store = open_graph(settings.effective_graph_url, read_only=True, server=graph_server_of(settings))
    except (LockedError, UnfinishedError):
        yield None
        return
    with closing(store):
        yield store


def query_graph(
    settings: Settings, cypher: str, parameters: Mapping[str, object], rows: int, seconds: float | None = None
) -> pa.Table:
    """Answer of the graph in force to a user's own query, in a process of its own with the memory and time allowed.

    Raises:
        SchemaError: it would write, does not parse, or takes more than it may.
        StoreError: the graph can't be opened.
    """
    from kindred.graph.bounded import bounded_query
    from kindred.graph.store import QueryLimits

    limits = QueryLimits(rows, settings.query_seconds if seconds is None else seconds, settings.query_memory_mb << 20)
    return bounded_query(settings.effective_graph_url, graph_server_of(settings), cypher, parameters, limits)


def graph_server_of(settings: Settings, retry_seconds: float | None = None) -> GraphServer:
    """Who asks a graph server, for which database, and how patiently; None for as patiently as commands."""
    from kindred.graph.server import GraphServer

    who = GraphServer(
        user=settings.graph_user,
        password=settings.graph_password.get_secret_value(),
        database=settings.graph_database,
    )
    return who if retry_seconds is None else replace(who, retry_seconds=retry_seconds)


@contextmanager
def vectors_of(settings: Settings) -> Iterator[VectorStore]:
    """The vector store in force, closed at the end."""
    from kindred.vectorstore.open import open_vectors

    store = open_vectors(settings.effective_vector_url, settings.vector_api_key.get_secret_value())
    try:
        yield store
    finally:
        store.close()


def encoder_of(settings: Settings, progress: Progress = silent, parts: PartMap = in_turn) -> TextEncoder:
    """The text encoder in force, with its cache in the data folder."""
    from kindred.features.text import open_text_encoder

    cache = settings.data_dir / "cache" / "text"
    return open_text_encoder(settings.encoder, settings.device, cache, progress, parts)


def check_encoder_setting(settings: Settings) -> None:
    """What can be seen of the encoder without loading it. Raises: SettingsError where it can't be had."""
    from kindred.features.weights import check_named

    check_named(settings.encoder)


@contextmanager
def parts_of(settings: Settings) -> Iterator[PartMap]:
    """Who does the parts of the work: the cluster that the settings name, or this process."""
    if settings.engine:
        from kindred.cluster import ray_parts

        with ray_parts(settings.engine) as parts:
            yield parts
    else:
        yield in_turn


def together_of(settings: Settings) -> Together | None:
    """Who trains a network of which a step sees a sample: the cluster in the settings, or this process where None."""
    if not settings.engine:
        return None
    from kindred.cluster import ray_together

    return ray_together(settings.engine)


def encoder_for(settings: Settings, store: GraphStore) -> TextEncoder:
    """The text encoder in force, by which the vectors of this graph were made.

    Raises:
        SchemaError: another one made them.
    """
    from kindred.ingest.loading.load import check_reader

    encoder = encoder_of(settings)
    check_reader(store, encoder)
    return encoder


def runs_folder_of(settings: Settings, system: str) -> Path:
    """Where the runs of a system are."""
    return settings.data_dir / "artifacts" / system
