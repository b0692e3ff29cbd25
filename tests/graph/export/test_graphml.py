"""The graph in GraphML holds what the store holds, and readers of GraphML agree."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pyarrow as pa
import pytest

from kindred.domain.errors import StoreError
from kindred.graph.export.graphml import write_graphml
from kindred.graph.export.networkx_graph import to_networkx
from kindred.graph.store import GraphStore
from tests.graph.graphs import BOOK, NASTY, SCHEMA, table_of


@pytest.fixture
def back(store: GraphStore, tmp_path: Path) -> nx.MultiDiGraph:
    """The graph as NetworkX's default call reads it."""
    write_graphml(store, SCHEMA, tmp_path / "graph.graphml")
    return nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)


def test_every_node_and_edge_is_there_with_what_it_carries(store: GraphStore, back: nx.MultiDiGraph) -> None:
    graph = to_networkx(store, SCHEMA)
    assert {f"Reader:{name}" for name in NASTY} <= set(back)
    names = {node: ":".join(node) for node in graph}
    assert set(back) == set(names.values())
    assert set(back.edges) == {(names[source], names[target], key) for source, target, key in graph.edges}
    for node, carried in graph.nodes(data=True):
        assert back.nodes[names[node]].keys() == carried.keys() | {"external_id"}
        assert back.nodes[names[node]]["external_id"] == node[1]
    for source, target, key, carried in graph.edges(keys=True, data=True):
        assert back.edges[names[source], names[target], key] == carried


def test_values_have_the_types_that_graphml_knows(back: nx.MultiDiGraph) -> None:
    assert back.nodes["Book:b1"] == {
        "label": "Book", "external_id": "b1", "pages": 2**40, "words": '["x", "y,z"]', "lent": False,
    }  # fmt: skip
    edge = back.edges["Reader:r1", "Book:b1", "LIKED:e"]
    assert edge["rating"] == 4.0 and type(edge["at"]) is int


@pytest.mark.parametrize("text", ["a<b>&\"'", "line\nline\r\tend ", "\u2028 \U0001f3b8", "", "]]>"])
def test_texts_come_back_as_they_are(store: GraphStore, tmp_path: Path, text: str) -> None:
    store.upsert_nodes(BOOK, table_of(BOOK, [{"id": "b1", "shelf": text}]))
    write_graphml(store, SCHEMA, tmp_path / "graph.graphml")
    assert (nx.read_graphml(tmp_path / "graph.graphml").nodes["Book:b1"].get("shelf") or "") == text


def test_what_xml_can_t_hold_is_replaced(store: GraphStore, tmp_path: Path) -> None:
    store.upsert_nodes(BOOK, table_of(BOOK, [{"id": "b1", "shelf": "a\ufffe\x0bb"}]))
    write_graphml(store, SCHEMA, tmp_path / "graph.graphml")
    assert nx.read_graphml(tmp_path / "graph.graphml").nodes["Book:b1"]["shelf"] == "a\ufffd\ufffdb"


def test_until_leaves_out_later_events_but_no_node(store: GraphStore, tmp_path: Path) -> None:
    write_graphml(store, SCHEMA, tmp_path / "graph.graphml", until=10)
    early, expected = nx.read_graphml(tmp_path / "graph.graphml"), to_networkx(store, SCHEMA, until=10)
    assert (len(early), early.number_of_edges()) == (len(expected), expected.number_of_edges())


def test_memory_holds_one_batch_whatever_the_size(tmp_path: Path) -> None:
    largest = [0]

    class Wide:
        """200 batches of 5,000 nodes: 120 MB of titles."""

        def count(self, table: object) -> int:
            return 1_000_000 if table is BOOK else 0

        def read_nodes(self, table: object, columns: list[str]) -> object:
            for start in range(0, 1_000_000, 5_000):
                ids = [f"b{row}" for row in range(start, start + 5_000)]
                rows = {"id": ids, "shelf": ["x" * 120] * len(ids)}
                unknown = {name: pa.nulls(len(ids), pa.string()) for name in columns if name not in rows}
                yield pa.RecordBatch.from_pydict({name: (rows | unknown)[name] for name in columns})
                largest[0] = max(largest[0], pa.total_allocated_bytes())

    before = pa.total_allocated_bytes()
    write_graphml(Wide(), SCHEMA, tmp_path / "graph.graphml")  # type: ignore[arg-type]
    assert (tmp_path / "graph.graphml").stat().st_size > 150_000_000
    assert largest[0] - before < 30_000_000


def test_a_path_that_can_t_be_written_is_an_error(store: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't write"):
        write_graphml(store, SCHEMA, tmp_path / "no" / "folder")
