"""The graph in NetworkX, and in the JSON that NetworkX reads, holds what the store holds."""

from __future__ import annotations

import json
import runpy
from contextlib import closing
from pathlib import Path

import networkx as nx
import pyarrow as pa
import pytest

from kindred.domain.errors import StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.export.networkx_graph import to_networkx, write_node_link
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from tests.graph.graphs import SCHEMA

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "communities.py"


def test_nodes_edges_and_light_properties_are_the_store_s(store: GraphStore) -> None:
    graph = to_networkx(store, SCHEMA)
    assert len(graph) == sum(store.count(node) for node in SCHEMA.nodes)
    assert graph.number_of_edges() == sum(store.count(edge) for edge in SCHEMA.edges)
    assert graph.nodes["Book", "b1"] == {
        "label": "Book", "pages": 2**40, "words": ["x", "y,z"], "lent": False,
    }  # fmt: skip
    assert graph.nodes["Book", "b2"] == {"label": "Book"}
    edge = graph.edges[("Reader", "r1"), ("Book", "b1"), "LIKED:e"]
    assert (edge["type"], edge["event_id"], edge["rating"], edge["at"]) == ("LIKED", "e", 4.0, 10)
    assert graph.edges[("Reader", "r1"), ("Film", "b1"), "LIKED:e"]["seats"] == 2


def test_until_leaves_out_later_events_but_no_node(store: GraphStore) -> None:
    whole, early = to_networkx(store, SCHEMA), to_networkx(store, SCHEMA, until=10)
    assert set(early) == set(whole)
    assert set(early.edges) == {edge for edge in whole.edges if whole.edges[edge].get("at", 0) <= 10}


def test_json_reads_back_equal_by_networkx_s_default_call(store: GraphStore, tmp_path: Path) -> None:
    for until in (None, 10):
        write_node_link(store, SCHEMA, tmp_path / "graph.json", until)
        with (tmp_path / "graph.json").open(encoding="utf-8") as file:
            back = nx.node_link_graph(json.load(file))
        assert nx.utils.graphs_equal(back, to_networkx(store, SCHEMA, until))


def test_a_path_that_can_t_be_written_is_an_error(store: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't write"):
        write_node_link(store, SCHEMA, tmp_path / "no" / "folder")


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
        write_node_link(store, schema, tmp_path / "graph.json")
    runpy.run_path(str(EXAMPLE))["main"](tmp_path / "graph.json")
    printed = capsys.readouterr().out.splitlines()
    assert {line.split("centre ")[1] for line in printed} == {"P0, P2, P4", "P1, P3, P5"}
    assert all("7 members" in line for line in printed)
