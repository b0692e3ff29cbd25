"""What a model predicted and holds for unlikely is no reason, nor anything that people are told of an item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kindred.domain import records as r
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.recommenders.evidence import evidence_of
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.tracks import TRACKS
from kindred.serving.state.past import read_past
from tests.recommenders.test_data_hash import ends, write

TAGGED = ("Track", "TAGGED", "Tag")
CERTAIN, LIKELY, UNLIKELY = {}, {"probability": 0.7, "run": "a"}, {"probability": 0.3, "run": "a"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    opened = open_graph(f"ladybug:{tmp_path / 'graph'}")
    opened.create_schema(graph_schema())
    write(opened, [r.User(id="u1"), *(r.Track(id=track) for track in ("t1", "t2"))])
    write(opened, [r.Tag(id=tag) for tag in ("said", "likely", "unlikely")])
    yield opened
    opened.close()


def test_unlikely_tags_are_no_evidence(store: GraphStore) -> None:
    write(store, [r.Listened(**ends(f"l{track}", "u1", track)) for track in ("t1", "t2")])
    told = {"said": CERTAIN, "likely": LIKELY, "unlikely": UNLIKELY}
    write(
        store,
        [r.Tagged(**ends(f"{track}{tag}", track, tag), **of) for track in ("t1", "t2") for tag, of in told.items()],
    )
    graph = read_interaction_graph(TRACKS, store)
    assert sorted(node for _, node in evidence_of(graph).in_common("t1", "t2")) == ["likely", "said"]
    assert (
        graph.item_context is not None and graph.item_context.nnz == 6
    )  # the model learns from all, as likely as they are
    lists, nodes = read_past(TRACKS, store).context[TAGGED]
    assert sorted(nodes.external(int(node)) for node in lists.of(0)) == ["likely", "said"]
