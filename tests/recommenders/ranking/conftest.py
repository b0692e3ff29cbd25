"""A system of generated tracks, trained and published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from kindred.graph.store import GraphStore
from kindred.ingest.generate.tracks import TrackSample, generate_tracks
from kindred.ingest.music import track_files
from kindred.models.pairwise_ranker import PairwiseRanker, RankerConfig
from kindred.recommenders.answering.recommender import Opened
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.model import Model
from kindred.recommenders.ranking.latest_events import NUM_SUMS, LatestEvents
from kindred.recommenders.ranking.pair_features import PairFeatures
from kindred.recommenders.ranking.ranker import Ranker
from kindred.recommenders.ranking.ranker_data import sides_of
from kindred.recommenders.ranking.ranker_fitting import ranker_of
from kindred.recommenders.recommends import Recommends
from kindred.recommenders.runs import Run
from kindred.recommenders.tracks import TRACKS
from tests.recommenders.conftest import SMALL, publishing, trained


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
    sources = track_files(events=[files.events], metadata=[files.metadata])
    with trained("tracks", folder, sources, SMALL) as made, publishing(made) as (opened, published):
        assert published.encoded == 0  # skips change no key of a history
        graph = read_interaction_graph(TRACKS, made.store)
        yield Music(made.store, graph, made.run, made.module.open_recommender(opened), opened)


def small_ranker(music: Music, model: Model) -> Ranker:
    """A ranker with random weights, where the sample is too small for one to be of use."""
    torch.manual_seed(0)
    sides = sides_of(music.graph, model)
    features = PairFeatures.of(music.graph, music.graph.interactions, music.graph.skips)
    events = music.graph.interactions
    tastes = features.tastes(events, LatestEvents.of(model, events, None).of_session, None)
    scores = np.zeros((1 + NUM_SUMS, 80, 1), np.float32)
    numbers = features.numbers(tastes, np.zeros((80, 1), np.int64), scores)
    assert numbers.shape[2] == features.num_numbers
    network = PairwiseRanker(sides, features.num_numbers, RankerConfig())
    torch.nn.init.normal_(network.last.weight)
    return ranker_of(network, sides, features, RankerConfig(candidates=20))
