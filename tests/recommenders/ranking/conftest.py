"""A system of generated tracks, trained and published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.ingest.generate.tracks import TrackSample, generate_tracks
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.music import track_files
from kindred.recommenders.answering.recommender import Opened
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.recommends import Recommends
from kindred.recommenders.runs import Run
from kindred.recommenders.systems import find_system
from kindred.recommenders.tracks import TRACKS
from kindred.recommenders.training import GraphState
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from tests.recommenders.conftest import ENCODER, SMALL


@dataclass(frozen=True)
class Music:
    store: GraphStore
    graph: InteractionGraph
    run: Run
    recommender: Recommends
    opened: Opened


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Music]:
    folder = tmp_path_factory.mktemp("music")
    files = generate_tracks(TrackSample(users=80, tracks=160, events=3200, seed=3), folder / "sample")
    store = open_graph(f"ladybug:{folder / 'graph'}")
    store.create_schema(graph_schema())
    sources = track_files(events=[files.events], metadata=[files.metadata])
    ingest_files(store, sources, ENCODER, IngestOptions(folder / "staging", folder / "quarantine"))
    module, graph = find_system("tracks"), read_interaction_graph(TRACKS, store)
    options = RunOptions(folder / "runs" / "20260101-000000-aaaaaa", seed=3, device="cpu")
    run = module.train(store, SMALL, options, GraphState(store.url, "test"))
    vectors = open_vectors(f"exact:{folder / 'vectors'}")
    assert module.publish(run, store, vectors).encoded == 0  # skips change no key of a history
    opened = Opened(store, vectors, folder / "runs", lambda: ENCODER)
    yield Music(store, graph, run, module.open_recommender(opened), opened)
    vectors.close()
    store.close()
