"""From files to the graph: counts that add up, one graph whatever the order, and nothing by halves."""

from __future__ import annotations

import fcntl
import json
import random
import tempfile
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import RecordError, SchemaError, StoreError
from kindred.domain.schema import EdgeType
from kindred.graph.store import UpsertCount
from kindred.ingest.loading import load, staging
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.loading.summary import IngestSummary
from kindred.ingest.products import product_files
from tests.ingest.conftest import DictGraph, Row, hash_encoder, json_lines, review


def metadata(number: int, **changes: object) -> Row:
    return {
        "asin": f"P{number}",
        "title": f"Title {number}",
        "categories": [["All", f"C{number % 3}"]],
        "brand": "B",
    } | changes


REVIEWS = [review(n) for n in range(200)]
METADATA = [metadata(n) for n in range(0, 40, 2)]


def ingest(
    folder: Path, reviews: Sequence[object], products: Sequence[object] = (), encoder: TextEncoder | None = None
) -> tuple[DictGraph, IngestSummary]:
    graph = DictGraph()
    return graph, ingest_into(graph, folder, reviews, products, encoder)


def ingest_into(
    graph: DictGraph,
    folder: Path,
    reviews: Sequence[object],
    products: Sequence[object] = (),
    encoder: TextEncoder | None = None,
) -> IngestSummary:
    (folder / "reviews.jsonl").write_bytes(json_lines(reviews))
    (folder / "metadata.jsonl").write_bytes(json_lines(products))
    files = product_files(folder / "reviews.jsonl", folder / "metadata.jsonl")
    return ingest_files(graph, files, encoder, IngestOptions(folder / "staging", folder / "quarantine"))


def test_what_is_in_the_graph(tmp_path: Path, encoder: TextEncoder) -> None:
    graph, summary = ingest(tmp_path, REVIEWS, METADATA, encoder)
    assert set(graph.tables["User"]) == {row["reviewerID"] for row in REVIEWS}
    assert set(graph.tables["Product"]) == {r["asin"] for r in REVIEWS} | {m["asin"] for m in METADATA}
    by_text = {row["text"]: row for row in graph.tables["REVIEWED"].values()}
    for row in REVIEWS:
        found = by_text[row["reviewText"]]
        assert (found["source_id"], found["target_id"], found["at"]) == (
            row["reviewerID"],
            row["asin"],
            row["unixReviewTime"],
        )
        read = f"{row['summary']}. {row['reviewText']}"
        assert found["text_embedding"] == encoder.encode([read])[0].tolist()
    product = graph.tables["Product"]["P2"]
    assert product["title"] == "Title 2" and product["title_embedding"] == encoder.encode(["Title 2"])[0].tolist()
    assert product["description"] is None and product["description_embedding"] is None
    assert graph.tables["Product"]["P1"]["title_embedding"] is None
    in_category = {(e["source_id"], e["target_id"]) for e in graph.tables["IN_CATEGORY"].values()}
    assert in_category == {(m["asin"], c) for m in METADATA for c in m["categories"][0]}
    assert [name for name, _ in graph.batches] == [
        "User",
        "Product",
        "Category",
        "Brand",
        "REVIEWED",
        "IN_CATEGORY",
        "MADE_BY",
    ]
    assert json.loads(graph.metadata["encoder"]) == {"name": "hash-4", "dimension": 4}
    assert summary.to_json()["accepted"] == len(REVIEWS) + len(METADATA)
    assert json.loads(json.dumps(summary.to_json())) == summary.to_json() | {
        "files": json.loads(json.dumps(summary.to_json()["files"])),
        "tables": json.loads(json.dumps(summary.to_json()["tables"])),
    }


def test_order_repetition_and_batches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = ingest(tmp_path, REVIEWS, METADATA)
    rng = random.Random(5)
    for rows_per_flush in (20, 64):
        monkeypatch.setattr(staging, "_ROWS_PER_FLUSH", rows_per_flush)
        reviews, products = rng.sample(REVIEWS * 2, 400), rng.sample(METADATA * 3, 60)
        graph, summary = ingest(tmp_path, reviews, products)
        assert graph.tables == expected.tables
        assert [(f.accepted, f.duplicates, f.conflicting) for f in summary.files] == [(200, 200, 0), (20, 40, 0)]
        assert ingest_into(graph, tmp_path, reviews, products).tables == tuple(
            replace(t, inserted=0, updated=0, unchanged=t.records) for t in summary.tables
        )
        assert graph.tables == expected.tables


def test_conflicting_lines_give_one_result_in_any_order(tmp_path: Path) -> None:
    products = [
        metadata(1, title="Short", description=None),
        metadata(1, title="A longer title", description="d"),
        metadata(1, title="A longer tittle", description=""),
        metadata(1, title="Short", description=None),
    ]
    reviews = [review(1), review(1, overall=2.0, summary="b"), review(1, overall=2.0, summary="a"), review(2)]
    graphs = []
    for seed in range(6):
        rng = random.Random(seed)
        graph, summary = ingest(tmp_path, rng.sample(reviews, 4), rng.sample(products, 4))
        graphs.append(graph.tables)
        of_reviews, of_products = summary.files
        assert (of_reviews.accepted, of_reviews.duplicates, of_reviews.conflicting) == (2, 2, 2)
        assert (of_products.accepted, of_products.duplicates, of_products.conflicting) == (1, 3, 2)
    assert all(tables == graphs[0] for tables in graphs)
    nothing = {"price": None, "in_stock": None}
    assert graphs[0]["Product"]["P1"] == {"id": "P1", "title": "A longer tittle", "description": "d", **nothing}


def test_a_mention_never_takes_from_a_product_what_is_known(tmp_path: Path) -> None:
    graph, _ = ingest(tmp_path, [review(1, asin="P2")], METADATA)
    ingest_into(graph, tmp_path, [review(2, asin="P2")])
    assert graph.tables["Product"]["P2"]["title"] == "Title 2"


def test_a_dry_run_counts_the_same_and_changes_nothing(tmp_path: Path) -> None:
    _, loaded = ingest(tmp_path, REVIEWS * 2, METADATA)
    graph = DictGraph()
    files = product_files(tmp_path / "reviews.jsonl", tmp_path / "metadata.jsonl")
    options = IngestOptions(tmp_path / "staging", tmp_path / "quarantine", dry_run=True)
    checked = ingest_files(graph, files, None, options)
    assert (checked.files, checked.dry_run) == (loaded.files, True)
    assert [(t.name, t.records) for t in checked.tables] == [(t.name, t.records) for t in loaded.tables]
    assert graph.tables == {} and graph.metadata == {}


def test_the_flat_layout_says_what_is_not_known(tmp_path: Path) -> None:
    rows = [{"reviewID": f"r{n}", "nickname": "u", "asin": "p", "TextReview": "t", "Style": "S"} for n in range(3)]
    graph, summary = ingest(tmp_path, [*rows, rows[0], review(1)])
    assert summary.files[0].notes == {"no rating": 4, "no time": 4}
    assert {"r0", "r1", "r2"} < set(graph.tables["REVIEWED"]) and set(graph.tables["Category"]) == {"S"}


def test_another_encoder_is_refused_before_anything_is_read(tmp_path: Path, encoder: TextEncoder) -> None:
    graph, _ = ingest(tmp_path, REVIEWS, METADATA, encoder)
    before = json.dumps(graph.tables)
    for other in (hash_encoder("another"), None):
        with pytest.raises(SchemaError, match="hash-4") as caught:
            ingest_into(graph, tmp_path, [review(999)], (), other)
        assert "KINDRED_ENCODER" in caught.value.next_step
    assert json.dumps(graph.tables) == before
    ingest_into(graph, tmp_path, [review(999)], (), encoder)


def test_an_encoder_that_breaks_its_word_is_refused(tmp_path: Path) -> None:
    def short(texts: Sequence[str]) -> NDArray[np.float16]:
        return np.zeros((len(texts), 3), np.float16)

    def infinite(texts: Sequence[str]) -> NDArray[np.float16]:
        return np.full((len(texts), 4), np.inf, np.float16)

    for encode in (short, infinite):
        with pytest.raises(SchemaError, match="gave vectors"):
            ingest(tmp_path, REVIEWS, METADATA, TextEncoder("liar", 4, encode))
        assert not (tmp_path / "staging").exists()


def test_staging_is_empty_afterwards_and_what_a_kill_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "staging" / "REVIEWED.arrow"
    left.parent.mkdir()
    left.write_bytes(b"half a file")
    graph, _ = ingest(tmp_path, REVIEWS)
    assert len(graph.tables["REVIEWED"]) == 200 and not left.parent.exists()


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_ROWS_PER_FLUSH", 128)
    monkeypatch.setattr(load, "BATCH_ROWS", 256)

    def peak_of(num_reviews: int) -> int:
        with (tmp_path / "reviews").open("wb") as file:
            for n in range(num_reviews):
                text = f"{n} " + "text " * 200
                file.write(json_lines([review(n % 100, reviewText=text)]))
        arrow: list[int] = []

        class Sink(DictGraph):
            def upsert_edges(self, edge: EdgeType, rows: pa.Table) -> UpsertCount:
                arrow.append(pa.total_allocated_bytes())
                return UpsertCount(len(rows), 0, 0)

        tracemalloc.start()
        try:
            options = IngestOptions(tmp_path / "staging", tmp_path / "quarantine")
            ingest_files(Sink(), product_files(tmp_path / "reviews"), None, options)
            return tracemalloc.get_traced_memory()[1] + max(arrow)
        finally:
            tracemalloc.stop()

    peak_of(10)  # what is imported or cached once belongs to no file
    small, big = peak_of(1_000), peak_of(6_000)
    assert big < 2.5 * small
    assert big < (tmp_path / "reviews").stat().st_size / 2


@pytest.mark.parametrize(("stage", "kept"), [("reading", "nothing was loaded"), ("loading REVIEWED", "is kept")])
def test_ctrl_c_says_what_is_kept_and_the_same_again_completes_it(tmp_path: Path, stage: str, kept: str) -> None:
    def stop(name: str, done: int, total: int | None) -> None:
        if name.startswith(stage):
            raise KeyboardInterrupt

    whole, _ = ingest(tmp_path, REVIEWS, METADATA)
    graph = DictGraph()
    files = product_files(tmp_path / "reviews.jsonl", tmp_path / "metadata.jsonl")
    options = IngestOptions(tmp_path / "staging", tmp_path / "quarantine")
    with pytest.raises(KeyboardInterrupt) as stopped:
        ingest_files(graph, files, None, options, stop)
    assert len(stopped.value.__notes__) == 1 and kept in stopped.value.__notes__[0]
    assert any(graph.tables.values()) == (stage != "reading")
    ingest_files(graph, files, None, options)
    assert graph.tables == whole.tables


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "staging.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another ingest"):
            ingest(tmp_path, REVIEWS)
    ingest(tmp_path, REVIEWS)


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "reviews").write_bytes(json_lines(REVIEWS))
    for options in (
        IngestOptions(tmp_path / "file" / "staging", tmp_path / "quarantine"),
        IngestOptions(tmp_path / "staging", tmp_path / "file" / "quarantine"),
    ):
        with pytest.raises(StoreError, match="can't write"):
            ingest_files(DictGraph(), product_files(tmp_path / "reviews"), None, options)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *review(0),
    "verified",
    "reviewID",
    "nickname",
    "ProductName",
    "TextReview",
    "Style",
    "title",
    "brand",
    "categories",
]
GOOD_LINES = st.integers(0, 20).map(lambda n: json.dumps(review(n)).encode())
ODD_LINES = st.builds(
    lambda n, changes, gone: json.dumps({k: v for k, v in (review(n) | changes).items() if k not in gone}).encode(),
    st.integers(0, 20),
    st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES, max_size=3),
    st.sets(st.sampled_from(FIELDS), max_size=2),
)
CUT_LINES = st.builds(lambda line, at: line[: at % (len(line) + 1)], GOOD_LINES, st.integers(0))
ANY_LINES = (
    GOOD_LINES | ODD_LINES | CUT_LINES | st.binary(max_size=60) | JSON_VALUES.map(lambda v: json.dumps(v).encode())
)


@settings(deadline=None, max_examples=80)
@given(
    lines=st.lists(ANY_LINES, max_size=12),
    layout=st.sampled_from(["", "asin,overall,reviewerID,unixReviewTime,reviewText"]),
)
def test_every_line_is_accepted_a_duplicate_or_quarantined(lines: list[bytes], layout: str) -> None:
    # The first line says the format: this one keeps a random first line from being taken for that of another.
    first = layout.encode() or json.dumps(review(0)).encode()
    content = b"\n".join([first, *lines])
    num_lines = sum(bool(line.strip()) for line in content.split(b"\n"))
    with tempfile.TemporaryDirectory() as folder:
        reviews, products = Path(folder) / "reviews", Path(folder) / "metadata"
        reviews.write_bytes(content)
        products.write_bytes(content)
        graph = DictGraph()
        options = IngestOptions(Path(folder) / "s", Path(folder) / "q", max_bad=1.0)
        if layout and num_lines == 1:
            with pytest.raises(RecordError, match="no record"):
                ingest_files(graph, product_files(reviews, products), None, options)
            return
        summary = ingest_files(graph, product_files(reviews, products), None, options)
        for file in summary.files:
            assert file.accepted + file.duplicates + file.quarantined == file.lines
            assert file.quarantined == sum(file.reasons.values())
            assert layout or b"\r" in content or file.lines == num_lines  # one by itself may end a line
        assert summary.files[0].accepted == len(graph.tables.get("REVIEWED", {}))
        kept: list[Any] = list(Path(folder, "q").iterdir())
        assert sum(len(path.read_bytes().splitlines()) for path in kept) == summary.quarantined


@pytest.mark.parametrize(
    ("stage", "kept"), [("read", "nothing was loaded yet"), ("loading Product", "up to 30 records of Product, is kept")]
)
def test_ctrl_c_says_once_what_is_loaded_and_how_to_go_on(tmp_path: Path, stage: str, kept: str) -> None:
    (tmp_path / "reviews.jsonl").write_bytes(json_lines(REVIEWS))

    def stop(now: str, done: int, total: int | None) -> None:
        if now.startswith(stage):
            raise KeyboardInterrupt

    options = IngestOptions(tmp_path / "staging", tmp_path / "quarantine")
    with pytest.raises(KeyboardInterrupt) as stopped:
        ingest_files(DictGraph(), product_files([str(tmp_path / "reviews.jsonl")]), None, options, stop)
    (note,) = stopped.value.__notes__
    assert kept in note and "the same command" in note
