"""The same reviews, in any order and however often, are the same graph to the embedded engine."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

from kindred.domain.embeddings import TextEncoder
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from tests.ingest.conftest import json_lines, review


def test_order_and_repetition_leave_the_content_hash(
    tmp_path: Path, options: IngestOptions, encoder: TextEncoder
) -> None:
    rows = [review(n) for n in range(300)]
    products = [{"asin": f"P{n}", "title": f"Title {n}", "brand": "B", "category": ["C"]} for n in range(20)]
    found = []
    for seed, times in ((1, 1), (2, 2)):
        rng = random.Random(seed)
        (tmp_path / "reviews").write_bytes(json_lines(rng.sample(rows * times, len(rows) * times)))
        (tmp_path / "metadata").write_bytes(json_lines(rng.sample(products * times, len(products) * times)))
        files = product_files(tmp_path / "reviews", tmp_path / "metadata")
        with closing(open_graph(f"ladybug:{tmp_path / f'graph{seed}'}")) as store:
            for _ in range(times):
                summary = ingest_files(store, files, encoder, options)
            found.append(graph_statistics(store, graph_schema()))
            assert all(table.records == table.inserted + table.unchanged for table in summary.tables)
    assert found[0] == found[1]
    assert found[0].edges["User-REVIEWED-Product"] == 300
