"""Tracks from generated sessions: skips are known and never recommended, nothing else is learned from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from kindred.domain.recommendation import Request
from kindred.domain.records import Listened
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.ingest.generate.tracks import TrackSample, generate_tracks
from kindred.ingest.music import track_files
from kindred.ingest.pipeline import IngestOptions, ingest_files
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.recommender import Opened
from kindred.recommenders.runs import Run
from kindred.recommenders.systems import Recommends, find_system
from kindred.recommenders.tracks import SKIPPED, TRACKS
from kindred.recommenders.training import GraphState
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from tests.recommenders.conftest import ENCODER, SMALL, ids


@dataclass(frozen=True)
class Music:
    store: GraphStore
    graph: InteractionGraph
    run: Run
    recommender: Recommends


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Music]:
    folder = tmp_path_factory.mktemp("music")
    files = generate_tracks(TrackSample(users=80, tracks=60, events=2400, seed=3), folder / "sample")
    store = open_graph(f"ladybug:{folder / 'graph'}")
    store.create_schema(graph_schema())
    sources = track_files(events=[files.events], metadata=[files.metadata])
    ingest_files(store, sources, ENCODER, IngestOptions(folder / "staging", folder / "quarantine"))
    module, graph = find_system("tracks"), read_interaction_graph(TRACKS, store)
    options = RunOptions(folder / "runs" / "20260101-000000-aaaaaa", seed=3, device="cpu")
    run = module.train(store, SMALL, options, GraphState(store.url, "test"))
    vectors = open_vectors(f"exact:{folder / 'vectors'}")
    assert module.publish(run, store, vectors).encoded == 0  # skips change no key of a history
    recommender = module.open_recommender(Opened(store, vectors, folder / "runs", lambda: ENCODER))
    yield Music(store, graph, run, recommender)
    vectors.close()
    store.close()


def test_skips_are_no_events_and_shares_weigh(music: Music) -> None:
    graph = music.graph
    assert graph.skips is not None and graph.interactions.weight is not None
    assert len(graph.interactions) + len(graph.skips) == 2400
    assert len(graph.interactions) == graph.data[TRACKS.triple].edge_index.shape[1] == music.run.manifest["events"]
    assert graph.interactions.weight.min() >= SKIPPED[1] and graph.interactions.weight.max() <= 1
    shares = np.concatenate([b.column("share").to_numpy() for b in music.store.read_edges(TRACKS.edge, ["share"])])
    assert len(graph.skips) == int((shares.astype(np.float32) < SKIPPED[1]).sum()) > 0


def test_neither_what_was_played_nor_what_was_skipped_is_recommended(music: Music) -> None:
    skips, known = music.graph.skips, music.graph.interactions
    assert skips is not None
    for user in range(20):
        answer = music.recommender(Request(user_id=music.graph.users.external(user), k=60, reasons=False))
        mine = {
            *known.item_index[known.user_index == user].tolist(),
            *skips.item_index[skips.user_index == user].tolist(),
        }
        assert {music.graph.items.external(int(item)) for item in mine}.isdisjoint(ids(answer))
        assert len(ids(answer)) == 60 - len(mine)


def test_a_listener_who_only_skipped_is_known_by_nothing(music: Music) -> None:
    skipped = [Listened(event_id=f"e{n}", source_id="new", target_id=f"T{n:05d}", share=0.1) for n in range(1, 6)]
    answer = music.recommender(Request(events=skipped, k=60))
    assert answer.level == "popular" and {event.target_id for event in skipped}.isdisjoint(ids(answer))


def test_a_reason_names_what_was_played(music: Music) -> None:
    answers = [music.recommender(Request(user_id=music.graph.users.external(user), k=5)) for user in range(10)]
    reasons = [item.reason.text for answer in answers for item in answer.recommendations if item.reason]
    assert reasons and all(text.startswith("you played “") for text in reasons)
