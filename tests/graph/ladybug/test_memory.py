"""How much memory the embedded engine may take, and what is said where that does not suffice."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from kindred.domain.errors import StoreError
from kindred.domain.records import Viewed
from kindred.domain.schema import edge_type_of, graph_schema
from kindred.graph.ladybug import engine
from kindred.graph.ladybug import store as embedded_store
from kindred.graph.ladybug.store import EmbeddedGraph


def test_who_writes_may_take_a_quarter_of_the_memory_within_bounds() -> None:
    writer, reader = ([engine.pool_of(gb << 30, read_only) >> 30 for gb in (2, 24, 500)] for read_only in (False, True))
    assert writer == [1, 6, 8] and reader == [1, 2, 2]
    assert 1 << 30 <= engine.pool_bytes(read_only=True) <= engine.pool_bytes(read_only=False)


def test_a_load_that_the_memory_does_not_hold_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "pool_bytes", lambda read_only: 24 << 20)
    monkeypatch.setattr(embedded_store, "PENDING_ROWS", 150_000)
    store = EmbeddedGraph(tmp_path / "graph")
    store.create_schema(graph_schema())
    numbers = [f"{number:06d}" for number in range(150_000)]
    with pytest.raises(StoreError, match="needs more memory") as raised:
        store.upsert_nodes(graph_schema().node("User"), pa.table({"id": numbers}))
        store.upsert_nodes(graph_schema().node("Post"), pa.table({"id": numbers[:100]}))
        edge = edge_type_of(Viewed)
        for start in range(0, 1_500_000, 150_000):
            keys = [f"{start + number:032d}" for number in range(150_000)]
            ends = {"source_id": numbers, "target_id": numbers[:100] * 1_500}
            store.upsert_edges(edge, pa.table({"event_id": keys, **ends}))
    assert "larger machine" in raised.value.next_step
