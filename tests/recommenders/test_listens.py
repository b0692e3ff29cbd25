"""A second system, declared and nothing more: trained, evaluated, published, asked, explained, beside the first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kindred.cli.training import run_text
from kindred.domain.errors import SettingsError
from kindred.domain.ids import IdMap
from kindred.domain.recommendation import Request
from kindred.domain.records import Artist, ListenedToArtist, Tag, TaggedArtist, User
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.linear.scorers.scorer_config import FactorConfig
from kindred.recommenders.answering.opened import UNTIMED, Opened
from kindred.recommenders.evidence import evidence_of
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.judging.evaluating import EvaluationOptions, evaluate
from kindred.recommenders.listens import LISTENS
from kindred.recommenders.releases import ITEMS
from kindred.recommenders.releases import USERS as USERS_OF
from kindred.recommenders.systems import find_system
from kindred.recommenders.training import GraphState, check_times
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from tests.recommenders.conftest import ENCODER, QUICK, SMALL

pytestmark = pytest.mark.usefixtures("quick_lightgcn")

USERS, ARTISTS = 40, 24
CONFIG = SMALL.model_copy(update={"ranking": replace(QUICK, scorers=replace(QUICK.scorers, factors=FactorConfig()))})
"""Factors of the usual size: it counts where a new artist comes in."""


def fill(store: GraphStore) -> None:
    """Users listen to artists of the same parity, and to few others; no event has a time, none a rating."""
    rng = np.random.default_rng(0)
    schema = graph_schema()
    store.create_schema(schema)
    users = [User(id=f"u{n:02}") for n in range(USERS)]
    artists = [Artist(id=f"a{n:02}", name=f"Artist {n}") for n in range(ARTISTS)]
    listens = [
        ListenedToArtist(event_id=f"{u.id}-{a.id}", source_id=u.id, target_id=a.id, plays=int(rng.integers(1, 90)))
        for n, u in enumerate(users)
        for m, a in enumerate(artists)
        if rng.random() < (0.6 if n % 2 == m % 2 else 0.05)
    ]
    tags = [TaggedArtist(event_id=a.id, source_id=a.id, target_id=f"t{n % 2}") for n, a in enumerate(artists)]
    for label, nodes in (("User", users), ("Artist", artists), ("Tag", [Tag(id="t0", name="even"), Tag(id="t1")])):
        store.upsert_nodes(schema.node(label), to_table(schema.node(label), nodes))
    for edge, rows in ((ListenedToArtist, listens), (TaggedArtist, tags)):
        store.upsert_edges(edge_type_of(edge), to_table(edge_type_of(edge), rows))


def add_artist(store: GraphStore, artist: str, listeners: list[int], tags: list[str]) -> None:
    """Another artist, of whom nothing is known but who listened, and tags."""
    label, edge = graph_schema().node("Artist"), edge_type_of(ListenedToArtist)
    listens = [ListenedToArtist(event_id=f"{n}-{artist}", source_id=f"u{n:02}", target_id=artist) for n in listeners]
    store.upsert_nodes(label, to_table(label, [Artist(id=artist, name="New")]))
    store.upsert_edges(edge, to_table(edge, listens))
    bears = [TaggedArtist(event_id=f"{artist}-{tag}", source_id=artist, target_id=tag) for tag in tags]
    store.upsert_edges(edge_type_of(TaggedArtist), to_table(edge_type_of(TaggedArtist), bears))


def test_listens_are_trained_evaluated_published_recommended_and_explained(tmp_path: Path) -> None:
    store = open_graph(f"ladybug:{tmp_path / 'graph'}")
    fill(store)
    module = find_system("listens")
    run = module.train(store, CONFIG, RunOptions(tmp_path / "runs" / "r1", device="cpu"), GraphState(store.url, "test"))
    graph = read_interaction_graph(LISTENS, store)
    options = RunOptions(tmp_path / "evaluation", device="cpu")
    report = evaluate(graph, CONFIG, EvaluationOptions("random", (0,)), options)
    assert report["ranking"]["delta"]["popularity"]["recall@10"]["low"] > 0 and "rating" not in report
    untimed = "none of these listens has a time: all count as equally old"
    assert run.manifest["time_note"] == untimed and untimed in report["warnings"] and untimed in run_text(run)
    vectors = open_vectors(f"exact:{tmp_path / 'vectors'}")
    assert module.publish(run, store, vectors).counts == {"users": USERS, "items": ARTISTS, "anonymous": 1}
    recommender = module.open_recommender(Opened(store, vectors, tmp_path / "runs", lambda: ENCODER))
    found = [recommender(Request(user_id=f"u{n:02}", k=3)) for n in range(USERS)]
    own = [int(item.item_id[1:]) % 2 == n % 2 for n, answer in enumerate(found) for item in answer.recommendations]
    assert np.mean(own) > 0.9
    reasons = [item.reason.text for answer in found for item in answer.recommendations if item.reason]
    assert reasons and all(text.startswith("you listened to “Artist") for text in reasons)
    assert [evidence_of(graph).name_of("TAGGED", tag) for tag in ("t0", "t1")] == ["even", "t1"]
    told = recommender.why("u00", found[0].recommendations[0].item_id)
    assert {path.kind for path in told.paths} <= {"people", "shared"} and told.paths and not told.paths[0].quotes
    assert told.paths[0].text.startswith("you listened to “Artist") and "(" not in told.paths[0].text
    then = recommender(Request(user_id="u00", k=3, at=1_714_521_600))
    assert then.note == UNTIMED and [i.item_id for i in then.recommendations] == [
        i.item_id for i in found[0].recommendations
    ]
    assert not found[0].note and recommender.why("u00", found[0].recommendations[0].item_id, 0).note == UNTIMED
    assert found[0].as_of is None and isinstance(graph.users, IdMap) and graph.interactions.at is None
    assert vectors.systems() == ["listens"]
    add_artist(store, "heard", listeners=[2, 4, 6], tags=[])
    add_artist(store, "tagged", listeners=[], tags=["t1"])
    add_artist(store, "nothing known", listeners=[], tags=[])
    done = module.publish(run, store, vectors)
    here = vectors.of("listens")
    users = here.fetch(done.version, USERS_OF, [f"u{n:02}" for n in range(USERS)]).vectors
    heard, tagged = (users @ row for row in here.fetch(done.version, ITEMS, ["heard", "tagged"]).vectors)
    assert done.new_items == 2 and heard[0::2].min() > heard[1::2].max()
    assert tagged[1::2].mean() > tagged[0::2].mean(), "those who like what bears its tag"
    vectors.close()
    store.close()


def test_what_has_no_time_is_told(tmp_path: Path) -> None:
    store = open_graph(f"ladybug:{tmp_path / 'graph'}")
    fill(store)
    edge = edge_type_of(ListenedToArtist)
    with pytest.raises(SettingsError, match=r"none of the listens has a time.*2024-05-01") as caught:
        check_times(LISTENS, store, 1_714_521_600)
    assert "--until" in caught.value.next_step
    graph = read_interaction_graph(LISTENS, store)
    timed = ListenedToArtist(event_id="timed", source_id="u00", target_id="a01", at=1_700_000_000)
    store.upsert_edges(edge, to_table(edge, [timed]))
    check_times(LISTENS, store, 1_714_521_600)
    some = f"{len(graph.interactions)} of {len(graph.interactions) + 1} listens have no time: they count as the oldest"
    assert read_interaction_graph(LISTENS, store).time_note == some
    assert read_interaction_graph(LISTENS, store, 1_714_521_600).time_note.startswith(f"{some}, and as up to the time")
    store.close()
