"""Skips are known and never recommended, nothing else is learned from them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from kindred.domain.recommendation import Request
from kindred.domain.records import Listened
from kindred.recommenders.answering.known import StoreKnown
from kindred.recommenders.tracks import SKIPPED, TRACKS
from kindred.serving.state.graph_door import GraphDoor
from kindred.serving.state.memory import Memory
from kindred.serving.state.past import read_past
from tests.recommenders.conftest import ENCODER, ids
from tests.recommenders.ranking.conftest import Music


def test_skips_are_no_events_and_shares_weigh(music: Music) -> None:
    graph = music.graph
    assert graph.skips is not None and graph.interactions.weight is not None
    assert len(graph.interactions) + len(graph.skips) == 3200
    assert len(graph.interactions) == graph.data[TRACKS.triple].edge_index.shape[1] == music.run.manifest["events"]
    assert graph.interactions.weight.min() >= SKIPPED[1] and graph.interactions.weight.max() <= 1
    shares = np.concatenate([b.column("share").to_numpy() for b in music.store.read_edges(TRACKS.edge, ["share"])])
    assert len(graph.skips) == int((shares.astype(np.float32) < SKIPPED[1]).sum()) > 0


def test_neither_what_was_played_nor_what_was_skipped_is_recommended(music: Music) -> None:
    skips, known = music.graph.skips, music.graph.interactions
    assert skips is not None
    for user in range(20):
        answer = music.recommender(Request(user_id=music.graph.users.external(user), k=160, reasons=False))
        mine = {
            *known.item_index[known.user_index == user].tolist(),
            *skips.item_index[skips.user_index == user].tolist(),
        }
        assert {music.graph.items.external(int(item)) for item in mine}.isdisjoint(ids(answer))
        assert len(ids(answer)) == 160 - len(mine)


def test_skips_do_not_make_a_track_popular(music: Music) -> None:
    known, past = StoreKnown(TRACKS, music.store), read_past(TRACKS, music.store)
    events, items = music.graph.interactions, music.graph.items
    assert events.at is not None
    early, late = (int(np.quantile(events.at, part)) for part in (0.3, 0.7))
    for until, after in ((None, None), (late, None), (None, early), (late, early)):
        came = (events.at <= (until or events.at.max())) & (events.at > (after or 0))
        expected = Counter(items.external(int(item)) for item in events.item_index[came])
        assert known.counts(until, after) == past.counts(until, after) == expected, (until, after)
    answer = music.recommender(Request(user_id="new", k=1, at=late))
    expected = Counter(items.external(int(item)) for item in events.item_index[events.at <= late])
    assert answer.recommendations[0].score == max(expected.values())


def test_what_pages_count_are_the_events_that_a_run_counts(music: Music) -> None:
    memory = Memory(TRACKS, GraphDoor(lambda: music.store, lambda: music.store), lambda: ENCODER)
    assert memory.size()[2] == music.run.manifest["events"]


def test_a_listener_who_only_skipped_is_known_by_nothing(music: Music) -> None:
    skipped = [Listened(event_id=f"e{n}", source_id="new", target_id=f"T{n:05d}", share=0.1) for n in range(1, 6)]
    answer = music.recommender(Request(events=skipped, k=160))
    assert answer.level == "popular" and {event.target_id for event in skipped}.isdisjoint(ids(answer))
