"""The hash of a system's data: what it learns from changes it, what other domains bring does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kindred.domain import records as r
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.recommenders.data_hash import data_hash
from kindred.recommenders.systems import SYSTEMS

Records = Sequence[r.Node | r.Edge]


def ends(name: str, source: str, target: str) -> dict[str, str]:
    return {"event_id": name, "source_id": source, "target_id": target}


DOMAINS: dict[str, Records] = {
    "reviews": [r.User(id="u1"), r.Product(id="p1"), r.Category(id="c1"), r.Brand(id="b1"),
                r.Reviewed(**ends("e1", "u1", "p1"), rating=4), r.InCategory(**ends("e2", "p1", "c1"))],
    "searches": [r.User(id="u2"), r.Product(id="p1"), r.Query(id="q1"), r.Bought(**ends("e1", "u2", "p1")),
                 r.Searched(**ends("e2", "u2", "q1"))],
    "listens": [r.User(id="u3"), r.Track(id="t1"), r.Artist(id="a1"), r.Listened(**ends("e1", "u3", "t1")),
                r.ListenedToArtist(**ends("e2", "u3", "a1"))],
    "tags": [r.Track(id="t1"), r.Tag(id="g1"), r.Tagged(**ends("e1", "t1", "g1"))],
    "feed": [r.User(id="u4", age=20), r.Post(id="o1"), r.Viewed(**ends("e1", "u4", "o1")),
             r.Liked(**ends("e2", "u4", "o1"))],
    "own": [r.User(id="u5"), r.Item(id="i1"), r.Category(id="c9"), r.Interacted(**ends("e1", "u5", "i1")),
            r.ItemInCategory(**ends("e2", "i1", "c9"))],
}  # fmt: skip
LEARN = {
    "reviews": {"products", "queries"},  # what products lead to is known to both
    "searches": {"queries"},
    "listens": {"tracks", "listens"},
    "tags": {"tags", "tracks"},
    "feed": {"posts"},
    "own": {"interactions"},
}


def write(store: GraphStore, records: Records) -> None:
    for record in records:
        if isinstance(record, r.Edge):
            store.upsert_edges(edge_type_of(type(record)), to_table(edge_type_of(type(record)), [record]))
        else:
            store.upsert_nodes(graph_schema().node(record.label), to_table(graph_schema().node(record.label), [record]))


def hashes(store: GraphStore) -> dict[str, str]:
    return {name: data_hash(module.system, store) for name, module in SYSTEMS.items()}


def changed(store: GraphStore, records: Records) -> set[str]:
    """The systems whose hash these records change."""
    before = hashes(store)
    write(store, records)
    after = hashes(store)
    return {name for name in SYSTEMS if before[name] != after[name]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    opened = open_graph(f"ladybug:{tmp_path / 'graph'}")
    opened.create_schema(graph_schema())
    write(opened, [r.Product(id="p1"), r.Track(id="t1")])  # items of several domains
    yield opened
    opened.close()


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_changes_the_data_of_its_own_systems_alone(store: GraphStore, domain: str) -> None:
    for other, records in DOMAINS.items():
        if other != domain:
            write(store, records)
    assert changed(store, DOMAINS[domain]) == LEARN[domain]
    assert changed(store, DOMAINS[domain]) == set(), "a replay changes nothing"


def test_what_a_system_reads_beside_its_events_counts(store: GraphStore) -> None:
    for records in DOMAINS.values():
        write(store, records)
    assert changed(store, [r.Viewed(**ends("e9", "u4", "o1"))]) == {"posts"}
    assert changed(store, [r.User(id="u4", age=21)]) == {"posts"}, "the profile of a reader, who reviewed nothing"
    assert changed(store, [r.User(id="new", age=21)]) == set(), "nobody knows what they did"
    assert changed(store, [r.LedTo(**ends("e9", "q1", "p1"))]) == {"queries"}
    assert changed(store, [r.Product(id="p2", title="Tent")]) == {"products", "queries"}
    assert changed(store, [r.PerformedBy(**ends("e9", "t1", "a1"))]) == {"tracks", "tags"}
    assert changed(store, [r.Post(id="o2", text="news")]) == {"posts"}


def test_what_a_run_predicted_is_nothing_that_it_learns_from(store: GraphStore) -> None:
    write(store, DOMAINS["tags"])
    predicted = r.Tagged(**ends("e9", "t1", "g1"), probability=0.7, run="20260101-000000-aaaaaa")
    assert changed(store, [predicted]) == {"tracks"}, "who listens to tracks learns from their likely tags"
