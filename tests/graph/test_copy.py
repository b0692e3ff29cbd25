"""Graphs that move between the embedded engine and Neo4j, and back, unchanged."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.schema import graph_schema
from kindred.graph import copy
from kindred.graph.copy import copy_graph
from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore

SCHEMA = graph_schema()
USER, PRODUCT = SCHEMA.node("User"), SCHEMA.node("Product")
REVIEWED = SCHEMA.edge(("User", "REVIEWED", "Product"))
NUM_REVIEWS = 40


def fill(store: GraphStore) -> None:
    rng = np.random.default_rng(11)
    store.create_schema(SCHEMA)
    store.write_metadata("encoder", "tiny")
    store.upsert_nodes(USER, pa.table({"id": [f"user {i}" for i in range(7)]}))
    texts = pa.array(["A lamp.", None, 'A "chair"\nfor two.'], pa.large_string())
    store.upsert_nodes(PRODUCT, pa.table({"id": ["lamp", "bare", "chair"], "description": texts}))
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rng.standard_normal(NUM_REVIEWS * 8).astype(np.float16)), 8)
    reviews = {
        "event_id": [f"review {i}" for i in range(NUM_REVIEWS)],
        "source_id": [f"user {i % 7}" for i in range(NUM_REVIEWS)],
        "target_id": [["lamp", "bare", "chair"][i % 3] for i in range(NUM_REVIEWS)],
        "at": rng.integers(1_400_000_000, 1_600_000_000, NUM_REVIEWS),
        "rating": rng.integers(1, 6, NUM_REVIEWS).astype(np.float64),
        "verified": pa.array([[True, None, False][i % 3] for i in range(NUM_REVIEWS)]),
        "summary": ["fine"] * NUM_REVIEWS,
        "text": pa.array([f"Review {i}, מצוין 👍" for i in range(NUM_REVIEWS)], pa.large_string()),
        "text_embedding": vectors,
    }
    store.upsert_edges(REVIEWED, pa.table(reviews))


def test_a_graph_moves_to_neo4j_and_back(
    tmp_path: Path, empty_neo4j: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "CALL_ROWS", 9)  # several calls a table
    with (
        closing(open_graph(f"ladybug:{tmp_path / 'here'}")) as here,
        closing(open_graph(f"ladybug:{tmp_path / 'back'}")) as back,
    ):
        fill(here)
        there = copy_graph(here, empty_neo4j, SCHEMA)
        again = copy_graph(empty_neo4j, back, SCHEMA)
        assert there == again == copy_graph(here, empty_neo4j, SCHEMA)  # a second copy changes nothing
        assert (there.num_nodes, there.num_edges) == (10, NUM_REVIEWS)
        assert there.content_hash == graph_statistics(here, SCHEMA).content_hash
        assert back.read_metadata() == {"encoder": "tiny"}


def test_a_copy_that_differs_is_an_error(tmp_path: Path, empty_neo4j: Neo4jStore) -> None:
    with closing(open_graph(f"ladybug:{tmp_path / 'here'}")) as here:
        fill(here)
        empty_neo4j.upsert_nodes(USER, pa.table({"id": ["somebody else"]}))
        with pytest.raises(StoreError, match="held something else before"):
            copy_graph(here, empty_neo4j, SCHEMA)


def test_a_target_that_holds_more_is_told_before_anything_is_copied(tmp_path: Path) -> None:
    with (
        closing(open_graph(f"ladybug:{tmp_path / 'here'}")) as here,
        closing(open_graph(f"ladybug:{tmp_path / 'there'}")) as there,
    ):
        fill(here)
        there.create_schema(SCHEMA)
        there.upsert_nodes(USER, pa.table({"id": [f"other {i}" for i in range(8)]}))
        with pytest.raises(StoreError, match=r"holds 8 of User, .* 7: it holds something else already"):
            copy_graph(here, there, SCHEMA)
        assert (there.count(USER), there.count(PRODUCT)) == (8, 0) and not there.read_metadata()


def test_vectors_of_two_encoders_never_meet(tmp_path: Path, empty_neo4j: Neo4jStore) -> None:
    with closing(open_graph(f"ladybug:{tmp_path / 'here'}")) as here:
        fill(here)
        empty_neo4j.write_metadata("encoder", "another")
        with pytest.raises(SchemaError, match="encoder = another"):
            copy_graph(here, empty_neo4j, SCHEMA)
    assert empty_neo4j.count(USER) == 0
