"""The graph in NetworkX and in GraphML holds what the store holds."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import networkx as nx
import pyarrow as pa
import pytest

from kindred.domain.errors import StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.export.networkx_graph import to_networkx, write_graphml, write_node_link
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from tests.graph.graphs import BOOK, CITES, FILM, LIKED, LIKED_FILM, NASTY, READER, SCHEMA, like, table_of

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "communities.py"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    """Every type, hostile ids and texts, a list, and an event id that two types share."""
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        store.create_schema(SCHEMA)
        readers = [{"id": name} for name in ("r1", *NASTY)]
        books = [
            {
                "id": "b1",
                "title": "a\x0bb\ufffe",
                "blurb": "long",
                "pages": 2**40,
                "words": ["x", "y,z"],
                "lent": False,
            },
            {"id": "b2"},
        ]
        store.upsert_nodes(READER, table_of(READER, readers))
        store.upsert_nodes(BOOK, table_of(BOOK, books))
        store.upsert_nodes(FILM, table_of(FILM, [{"id": "b1"}]))
        likes = [like("e", at=10), like("later", at=20), *(like(f"n{i}", name) for i, name in enumerate(NASTY))]
        store.upsert_edges(LIKED, table_of(LIKED, likes))
        seats = [{"event_id": "e", "source_id": "r1", "target_id": "b1", "at": 10, "seats": 2}]
        store.upsert_edges(LIKED_FILM, table_of(LIKED_FILM, seats))
        cites = [{"event_id": "e", "source_id": "b1", "target_id": "b2"}]
        store.upsert_edges(CITES, table_of(CITES, cites))
        yield store


def test_nodes_edges_and_light_properties_are_the_store_s(store: GraphStore) -> None:
    graph = to_networkx(store, SCHEMA)
    assert len(graph) == sum(store.count(node) for node in SCHEMA.nodes)
    assert graph.number_of_edges() == sum(store.count(edge) for edge in SCHEMA.edges)
    assert graph.nodes["Book", "b1"] == {
        "label": "Book", "id": "b1", "pages": 2**40, "words": ["x", "y,z"], "lent": False,
    }  # fmt: skip
    assert graph.nodes["Book", "b2"] == {"label": "Book", "id": "b2"}
    edge = graph.edges[("Reader", "r1"), ("Book", "b1"), "LIKED:e"]
    assert (edge["type"], edge["event_id"], edge["rating"], edge["at"]) == ("LIKED", "e", 4.0, 10)
    assert graph.edges[("Reader", "r1"), ("Film", "b1"), "LIKED:e"]["seats"] == 2


def test_until_leaves_out_later_events_but_no_node(store: GraphStore) -> None:
    whole, early = to_networkx(store, SCHEMA), to_networkx(store, SCHEMA, until=10)
    assert set(early) == set(whole)
    assert set(early.edges) == {edge for edge in whole.edges if whole.edges[edge].get("at", 0) <= 10}


def test_json_reads_back_equal(store: GraphStore, tmp_path: Path) -> None:
    graph = to_networkx(store, SCHEMA)
    write_node_link(graph, tmp_path / "graph.json")
    back = nx.node_link_graph(json.loads((tmp_path / "graph.json").read_text("utf-8")), name="node")
    assert nx.utils.graphs_equal(back, graph)


def test_graphml_reads_back_with_the_types_that_it_knows(store: GraphStore, tmp_path: Path) -> None:
    graph = to_networkx(store, SCHEMA)
    write_graphml(graph, tmp_path / "graph.graphml")
    back = nx.read_graphml(tmp_path / "graph.graphml")
    assert (len(back), back.number_of_edges()) == (len(graph), graph.number_of_edges())
    assert {f"Reader:{name}" for name in NASTY} <= set(back)
    assert back.nodes["Book:b1"] == {
        "label": "Book", "id": "b1", "pages": 2**40, "words": '["x", "y,z"]', "lent": False,
    }  # fmt: skip
    assert back.edges["Reader:r1", "Book:b1", "LIKED:e"]["rating"] == 4.0


@pytest.mark.parametrize("write", [write_node_link, write_graphml])
def test_a_path_that_can_t_be_written_is_an_error(store: GraphStore, tmp_path: Path, write: object) -> None:
    assert callable(write)
    with pytest.raises(StoreError, match="can't write"):
        write(to_networkx(store, SCHEMA), tmp_path / "no" / "folder")


def test_the_example_finds_two_tastes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = graph_schema()
    users, products = [f"u{i}" for i in range(8)], [f"p{i}" for i in range(6)]
    pairs = [(user, product) for u, user in enumerate(users) for p, product in enumerate(products) if u % 2 == p % 2]
    reviews = {
        "event_id": [f"e{i}" for i in range(len(pairs))],
        "source_id": [user for user, _ in pairs],
        "target_id": [product for _, product in pairs],
        "at": list(range(len(pairs))),
        "rating": [5.0] * len(pairs),
    }
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        store.create_schema(schema)
        store.upsert_nodes(schema.node("User"), pa.table({"id": users}))
        store.upsert_nodes(schema.node("Product"), pa.table({"id": products, "title": [p.upper() for p in products]}))
        store.upsert_edges(schema.edge(("User", "REVIEWED", "Product")), pa.table(reviews))
        write_node_link(to_networkx(store, schema), tmp_path / "graph.json")
    runpy.run_path(str(EXAMPLE))["main"](tmp_path / "graph.json")
    printed = capsys.readouterr().out.splitlines()
    assert {line.split("centre ")[1] for line in printed} == {"P0, P2, P4", "P1, P3, P5"}
    assert all("7 members" in line for line in printed)
