"""The two engines are interchangeable: the same real files give the same graph, the same tensors and the same model.

Of the other real samples, `explore/test_real_samples.py` compares graphs and tensors, and what questions answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.training import GraphState, train_on
from kindred.training.fit import RunOptions
from tests.graph.real_samples import REAL, SAMPLES, ingest
from tests.graph.same_graph import SCHEMA, assert_same_graph
from tests.recommenders.conftest import SMALL

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing: NOT COMPARED on real samples")


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[GraphStore]:
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        yield store


def ingest_reviews(stores: tuple[GraphStore, ...], folder: Path) -> None:
    """Loads the slice into each of the stores, and checks that each says the same of it."""
    sliced, num_rows = SAMPLES["reviews"]
    (folder / "files").mkdir()
    files = sliced(folder / "files", num_rows)
    tables = [ingest(store, files, folder).tables for store in stores]
    assert all(said == tables[0] for said in tables)
    assert sum(table.inserted for table in tables[0]) > 0


def test_real_reviews_give_one_graph_and_one_model_on_both(
    embedded: GraphStore, neo4j_store: Neo4jStore, tmp_path: Path
) -> None:
    ingest_reviews((embedded, neo4j_store), tmp_path)
    assert_same_graph(embedded, neo4j_store)
    trained = [train(store, tmp_path / name) for store, name in ((embedded, "of embedded"), (neo4j_store, "of neo4j"))]
    assert trained[0] == trained[1]


def train(store: GraphStore, folder: Path) -> tuple[dict[str, object], dict[str, bytes]]:
    """The manifest of a run, with its metrics, and the content of every file of tensors, by name."""
    config = SMALL.model_copy(update={"gnn": SMALL.gnn.model_copy(update={"epochs": 1})})
    folder.mkdir()
    state = GraphState("either", graph_statistics(store, SCHEMA).content_hash)
    run = train_on(read_interaction_graph(PRODUCTS, store), config, RunOptions(folder, seed=3, device="cpu"), state)
    assert run.manifest["gnn"]["best_score"] > 0
    made = {name: value for name, value in run.manifest.items() if name not in ("files", "hash")}
    return made, {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
