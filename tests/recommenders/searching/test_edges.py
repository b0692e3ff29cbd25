"""Edges that are held are those that the graph gives, at any time, until it holds something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kindred.domain.records import Bought, Event, LedTo, Product, Query, Searched, User
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.graph.open import open_graph, open_to_read
from kindred.graph.store import GraphStore
from kindred.recommenders.searching.edges import EdgesOfGraph, HeldEdges

ENDS: dict[type[Event], tuple[str, str]] = {Searched: ("u", "q"), Bought: ("u", "p"), LedTo: ("q", "p")}
START = 1_000_000_000
TIMES = (None, START + 50, START + 10, START + 50, START + 30)


def event(record: type[Event], number: int) -> Event:
    source, target = (f"{letter}{number * step % 4}" for letter, step in zip(ENDS[record], (1, 7), strict=True))
    at = TIMES[number % len(TIMES)]
    return record(event_id=f"{record.__name__}{number}", source_id=source, target_id=target, at=at)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edges") / "graph"
    with closing(open_graph(f"ladybug:{folder}")) as store:
        store.create_schema(graph_schema())
        for kind, letter in ((User, "u"), (Query, "q"), (Product, "p")):
            node = graph_schema().node(kind.label)
            store.upsert_nodes(node, to_table(node, [kind(id=f"{letter}{number}") for number in range(5)]))
        for record in ENDS:
            told = [event(record, number) for number in range(22)]
            store.upsert_edges(edge_type_of(record), to_table(edge_type_of(record), told))
        assert store.state is None, "while it is written nothing tells what it holds"
    return folder


@pytest.fixture
def store(folder: Path) -> Iterator[GraphStore]:
    with closing(open_to_read(f"ladybug:{folder}", graph_schema())) as store:
        yield store


@pytest.mark.parametrize("record", ENDS)
@pytest.mark.parametrize("until", [None, 0, START + 10, START + 49, START + 50])
def test_held_edges_are_those_of_the_graph(store: GraphStore, record: type[Event], until: int | None) -> None:
    held, read = HeldEdges.read(store), EdgesOfGraph(store)
    source, target = ENDS[record]
    wanted = [f"{target}{number}" for number in range(5)] + ["gone"]
    num_found = 0
    for node in [*(f"{source}{number}" for number in range(5)), "gone"]:
        found = held.targets(record, node, until)
        num_found += len(found)
        assert sorted(found, key=str) == sorted(read.targets(record, node, until), key=str)
        assert held.times(record, node, wanted, until) == read.times(record, node, wanted, until)
    times = [at for number in range(22) if (at := event(record, number).at) is None or until is None or at <= until]
    assert num_found == len(times)


def test_a_graph_has_the_same_state_until_somebody_has_written_it(folder: Path, store: GraphStore) -> None:
    before = store.state
    store.close()
    with closing(open_to_read(f"ladybug:{folder}", graph_schema())) as again:
        assert again.state == before is not None
    with closing(open_graph(f"ladybug:{folder}")) as writer:
        writer.create_schema(graph_schema())
        told = Searched(event_id="another", source_id="u4", target_id="q4", at=START + 60)
        writer.upsert_edges(edge_type_of(Searched), to_table(edge_type_of(Searched), [told]))
    with closing(open_to_read(f"ladybug:{folder}", graph_schema())) as later:
        assert later.state != before
        assert HeldEdges.read(later).targets(Searched, "u4", None) == [(START + 60, "q4")]
    with closing(open_graph(f"ladybug:{folder}")) as writer:
        writer.create_schema(graph_schema())
        writer.delete_edges(edge_type_of(Searched), ["another"])
