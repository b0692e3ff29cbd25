from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from kindred.domain.errors import ArtifactError, SchemaError, StoreError
from kindred.domain.schema import arrow_schema, graph_schema
from kindred.gnn.graph_arrays import IDS, read_graph_arrays, write_graph_arrays
from kindred.gnn.graph_features import fit_graph_features
from kindred.gnn.hetero_data import read_hetero_data, reverse_of
from kindred.gnn.hetero_files import read_export
from kindred.graph.open import open_graph
from tests.gnn.graphs import REVIEWED, TableStore, vectors_column

IN_CATEGORY = ("Product", "IN_CATEGORY", "Category")
TEXTS = np.array([[1, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8], [9, 1, 2, 3], [4, 5, 6, 7]], dtype=np.float16)


def with_unknown(label: str, rows: pa.Table) -> pa.Table:
    """The rows with every other property of the label, null."""
    for field in arrow_schema(graph_schema().node(label)):
        if field.name not in rows.schema.names:
            rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    return rows


def tables() -> dict[str, pa.Table]:
    return {
        "User": with_unknown("User", pa.table({"id": ["u3", "u1", "u2"]})),
        "Product": pa.table(
            {
                "id": ["p2", "p1", "p3"],
                "title": ["drum", None, "pick"],
                "title_embedding": vectors_column(TEXTS[:3], [True, False, True]),
                "price": pa.nulls(3, pa.float64()),
                "in_stock": pa.nulls(3, pa.bool_()),
            }
        ),
        "Category": pa.table({"id": ["drums"]}),
        "REVIEWED": pa.table(
            {
                "event_id": ["e5", "e4", "e3", "e2", "e1"],
                "source_id": ["u1", "u2", "u3", "u1", "u1"],
                "target_id": ["p1", "p1", "p2", "p2", "p1"],
                "at": [30, 10, 20, 10, 30],
                "rating": [5.0, 4.0, 3.0, 2.0, 1.0],
                "verified": [True, None, False, True, None],
                "summary": list("abcde"),
                "text_embedding": vectors_column(TEXTS),
            }
        ),
        "IN_CATEGORY": pa.table({"event_id": ["c1"], "source_id": ["p2"], "target_id": ["drums"]}),
    }


def test_tensors_follow_from_the_schema() -> None:
    data, ids = read_hetero_data(TableStore(tables()), graph_schema())
    assert ids["User"].ids == ("u1", "u2", "u3") and ids["Product"].ids == ("p1", "p2", "p3")
    edges = data[REVIEWED]
    # Sorted by time, then event id: e2, e4, e3, e1, e5.
    assert edges.edge_index.tolist() == [[0, 1, 2, 0, 0], [1, 0, 1, 0, 0]]
    assert edges.rating.tolist() == [2, 4, 3, 1, 5] and edges.rating.dtype == torch.float32
    assert edges["at"].tolist() == [10, 10, 20, 30, 30]
    assert edges.verified.tolist() == [True, False, False, False, True]
    assert edges.has_verified.tolist() == [True, False, True, False, True]
    assert torch.equal(edges.text_embedding, torch.from_numpy(TEXTS[[3, 1, 2, 4, 0]]))
    assert edges.has_text_embedding.tolist() == [True, False, True, True, True]
    assert "summary" not in edges and "text" not in edges
    products = data["Product"]
    assert products.title_embedding.tolist() == [[0, 0, 0, 0], [1, 2, 3, 4], [5, 6, 7, 8]]
    assert products.has_title_embedding.tolist() == [False, True, True]
    assert data["Brand"].num_nodes == 0


def test_what_a_shop_says_today_is_no_feature() -> None:
    rows = tables()
    for name, values in (("price", pa.array([1.0, 2.0, 9.0])), ("in_stock", pa.array([True, False, True]))):
        rows["Product"] = rows["Product"].set_column(rows["Product"].schema.get_field_index(name), name, values)
    data, _ = read_hetero_data(TableStore(rows), graph_schema())
    assert data["Product"].price.tolist() == [2.0, 1.0, 9.0]
    features = fit_graph_features(data, {}, 2)
    assert [column.name for column in features.nodes["Product"]] == ["title_embedding"]


def test_an_engine_gives_what_its_tables_hold(tmp_path: Path) -> None:
    schema = graph_schema()
    expected, expected_ids = read_hetero_data(TableStore(tables()), schema)
    store = open_graph(f"ladybug:{tmp_path / 'graph'}")
    try:
        store.create_schema(schema)
        for label in ("User", "Product", "Category"):
            store.upsert_nodes(schema.node(label), tables()[label])
        for triple in (REVIEWED, IN_CATEGORY):
            store.upsert_edges(schema.edge(triple), tables()[triple[1]])
        data, ids = read_hetero_data(store, schema)
        early, _ = read_hetero_data(store, schema, until=20)
    finally:
        store.close()
    assert ids == expected_ids and early[REVIEWED]["at"].tolist() == [10, 10, 20]
    assert_same(data, expected)


def assert_same(data: HeteroData, expected: HeteroData) -> None:
    assert set(data.node_types) == set(expected.node_types) and set(data.edge_types) == set(expected.edge_types)
    for kind in [*expected.node_types, *expected.edge_types]:
        assert set(data[kind].keys()) == set(expected[kind].keys()), kind
        for name, value in expected[kind].items():
            got = data[kind][name]
            assert torch.equal(got, value) if isinstance(value, torch.Tensor) else got == value, (kind, name)


def test_unknown_times_and_ratings_are_told_and_come_first() -> None:
    held = tables()
    at, ratings = pa.array([30, None, 20, 10, None], pa.int64()), pa.array([5.0, None, 3.0, None, 1.0])
    held["REVIEWED"] = held["REVIEWED"].drop_columns(["at", "rating"]).append_column("at", at)
    held["REVIEWED"] = held["REVIEWED"].append_column("rating", ratings)
    for until, kept in ((None, 5), (20, 4)):
        data, _ = read_hetero_data(TableStore(held), graph_schema(), until=until)
        edges = data[REVIEWED]
        assert edges["at"].tolist() == [0, 0, 10, 20, 30][:kept]
        assert edges.has_at.tolist() == [False, False, True, True, True][:kept]
        assert edges.rating.tolist() == [1, 0, 0, 3, 5][:kept]
        assert edges.has_rating.tolist() == [True, False, False, True, True][:kept]


def test_reverse_types_share_all_but_the_ends() -> None:
    data, _ = read_hetero_data(TableStore(tables()), graph_schema())
    forward, backward = data[REVIEWED], data[reverse_of(REVIEWED)]
    assert torch.equal(backward.edge_index, forward.edge_index.flip(0))
    for name in ("rating", "at", "text_embedding"):
        assert backward[name].data_ptr() == forward[name].data_ptr()


def test_until_keeps_nodes_and_drops_later_events() -> None:
    data, ids = read_hetero_data(TableStore(tables()), graph_schema(), until=20)
    assert data[REVIEWED]["at"].tolist() == [10, 10, 20]
    assert len(ids["User"]) == 3
    assert data[IN_CATEGORY].edge_index.shape == (2, 1)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.permutations(range(3)), st.integers(1, 5))
def test_order_of_reading_never_matters(edge_order: list[int], node_order: list[int], batch_rows: int) -> None:
    expected, expected_ids = read_hetero_data(TableStore(tables()), graph_schema())
    shuffled = tables()
    shuffled["REVIEWED"] = shuffled["REVIEWED"].take(edge_order)
    for label in ("User", "Product"):
        shuffled[label] = shuffled[label].take(node_order)
    data, ids = read_hetero_data(TableStore(shuffled, batch_rows), graph_schema())
    assert ids == expected_ids
    for name in ("edge_index", "rating", "at", "text_embedding", "has_verified"):
        assert torch.equal(data[REVIEWED][name], expected[REVIEWED][name])
    assert torch.equal(data["Product"].title_embedding, expected["Product"].title_embedding)


def test_only_chosen_types_are_read() -> None:
    data, ids = read_hetero_data(TableStore(tables()), graph_schema(), [REVIEWED])
    assert set(data.node_types) == {"User", "Product"} == set(ids)
    assert data.edge_types == [REVIEWED, reverse_of(REVIEWED)]


def test_without_vectors_all_else_is_there() -> None:
    whole, _ = read_hetero_data(TableStore(tables()), graph_schema())
    light, _ = read_hetero_data(TableStore(tables()), graph_schema(), vectors=False)
    for kind in (*whole.node_types, *whole.edge_types):
        assert set(whole[kind].keys()) - set(light[kind].keys()) <= {
            f"{has}{name}_embedding" for has in ("", "has_") for name in ("text", "title", "description")
        }
    assert "text_embedding" not in light[REVIEWED] and torch.equal(light[REVIEWED].rating, whole[REVIEWED].rating)


def test_dangling_edge_is_refused() -> None:
    broken = tables()
    broken["User"] = pa.table({"id": ["u1", "u2"]})
    with pytest.raises(SchemaError, match="1 REVIEWED edges have no node at their source_id, the first is u3"):
        read_hetero_data(TableStore(broken), graph_schema())


def test_a_graph_that_changes_while_it_is_read_is_refused() -> None:
    class Growing(TableStore):
        def count(self, table: object) -> int:
            return super().count(table) + 1  # type: ignore[arg-type]

    with pytest.raises(StoreError, match="counts 4 rows of User but 3 were read"):
        read_hetero_data(Growing(tables()), graph_schema())


def test_empty_graph() -> None:
    data, ids = read_hetero_data(TableStore({}), graph_schema())
    assert data[REVIEWED].edge_index.shape == (2, 0) and data[REVIEWED].rating.shape == (0,)
    assert len(ids["Product"]) == 0


def test_files_bring_back_the_same(tmp_path: Path) -> None:
    data, ids = read_hetero_data(TableStore(tables()), graph_schema())
    write_graph_arrays(*read_graph_arrays(TableStore(tables()), graph_schema()), tmp_path)
    again, again_ids = read_export(tmp_path)
    assert again_ids == ids
    assert_same(again, data)
    (tmp_path / IDS).unlink()
    with pytest.raises(ArtifactError, match="holds no whole export"):
        read_export(tmp_path)


def test_an_export_takes_no_pytorch() -> None:
    """Which would be nearly all of its time and memory."""
    code = "import sys, kindred.gnn.graph_arrays; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
