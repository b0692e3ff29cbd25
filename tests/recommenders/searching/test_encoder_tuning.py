"""What a text encoder is fine-tuned on: pairs of older orders or of judged queries, and nothing it is judged on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import RecordError
from kindred.domain.ids import IdMap
from kindred.domain.progress import silent
from kindred.features.fine_tuning import FineTuning
from kindred.features.text import open_text_encoder
from kindred.recommenders.searching.encoder_tuning import pairs_of, tune_encoder
from kindred.recommenders.searching.evaluation import held_out
from kindred.recommenders.searching.search_log import Links, Products, SearchLog

NUM, NUM_LATER = 30, 4


def links(source: list[int], target: list[int], at: list[int], value: float = 1.0) -> Links:
    columns = (np.array(column, np.int64) for column in (source, target, at))
    return Links(*columns, np.full(len(source), value, np.float32))


def log_of(encoder: TextEncoder, ordered: bool) -> SearchLog:
    """Each user searches for word i and orders product i at time i, or query i is judged for product i."""
    queries = IdMap(tuple(f"wish{i:02}" for i in range(NUM)))
    titles = [f"Thing {chr(97 + i % 26)}{i}" for i in range(NUM)]
    vectors = encoder.encode(titles).astype(np.float32)
    empty = np.zeros_like(vectors)
    groups = csr_matrix((NUM, 0), dtype=np.float32)
    ids = IdMap(tuple(f"P{i:02}" for i in range(NUM)))
    each, none = list(range(NUM)), links([], [], [])
    happened = links(each, each, [100 + i for i in each])
    return SearchLog(
        Products(ids, titles, titles, vectors, empty, groups, (), {}),
        queries,
        encoder.encode(queries.ids).astype(np.float32),
        IdMap(tuple(f"U{i:02}" for i in each)),
        happened if ordered else none,
        happened if ordered else none,
        happened if ordered else none,
        none if ordered else links(each, each, [0] * NUM, 100.0),
    )


@pytest.fixture(scope="module")
def bundled() -> TextEncoder:
    return open_text_encoder("", "cpu")


def test_pairs_are_of_the_older_orders_each_once_and_the_latest_first(bundled: TextEncoder) -> None:
    log = log_of(bundled, ordered=True)
    held = held_out(log)
    pairs = pairs_of(log, held.train)
    later = {f"wish{user:02}" for user in held.test.user}
    assert len(later) == NUM_LATER and len(pairs) == NUM - NUM_LATER and later.isdisjoint(query for query, _ in pairs)
    assert pairs[0] == (f"wish{NUM - NUM_LATER - 1:02}", log.products.titles[NUM - NUM_LATER - 1])
    twice = held.train.take(np.concatenate([np.arange(len(held.train)), np.arange(len(held.train))]))
    assert pairs_of(log, twice) == pairs
    untitled = replace(log, products=replace(log.products, titles=["", *log.products.titles[1:]]))
    assert len(pairs_of(untitled, held.train)) == len(pairs) - 1


@pytest.mark.parametrize("ordered", [True, False])
def test_the_report_is_of_what_was_not_shown(bundled: TextEncoder, ordered: bool, tmp_path: Path) -> None:
    log, folder = log_of(bundled, ordered), tmp_path / "own"
    how = FineTuning(epochs=1, batch_size=16, device="cpu")
    report = tune_encoder(log, "", folder, how, lambda name: open_text_encoder(name, "cpu"), silent)
    num_judged = NUM_LATER if ordered else 6
    assert (report["pairs"], report["judged_on"]) == (NUM - num_judged, num_judged)
    assert report["encoder"] == str(folder) and folder.is_dir()
    assert ("later orders" if ordered else "other judged queries") in "\n".join(report["summary"])


def test_too_little_to_learn_from_is_said(bundled: TextEncoder, tmp_path: Path) -> None:
    log = log_of(bundled, ordered=False)
    one = replace(log, judged=log.judged.take(np.arange(1)))
    with pytest.raises(RecordError, match="too few judged queries"):
        tune_encoder(one, "", tmp_path / "own", FineTuning(), lambda _: bundled, silent)
    assert not (tmp_path / "own").exists()
