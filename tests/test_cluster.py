"""The same results from a Ray cluster of this machine as from one process, whatever becomes of its workers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from kindred.cluster import _check_versions, ray_parts
from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import RecordError, StoreError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import Interactions
from kindred.domain.parts import PartMap, in_turn
from kindred.domain.schema import graph_schema
from kindred.features import text as text_module
from kindred.features.text import open_text_encoder
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.loading.one_file import read_part
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.loading.summary import IngestSummary
from kindred.ingest.products import product_files
from kindred.linear.inputs.known_items import dot_scores
from kindred.recommenders.answering import lists_folder
from kindred.recommenders.answering.batch import BestItems, Everyone
from kindred.recommenders.ranking.ranker import RankedUsers
from tests.ingest.web_server import Site

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def parts() -> Iterator[PartMap]:
    pytest.importorskip("ray")
    with ray_parts("ray:local") as found:
        yield found


def times(factor: int, number: int) -> int:
    return factor * number


def killed_once(folder: str, number: int) -> int:
    """The number; the process that is first asked for an odd one dies of it."""
    been = Path(folder) / str(number)
    if number % 2 and not been.exists():
        been.touch()
        os.kill(os.getpid(), 9)
    return number


def took_too_long(**_: object) -> None:
    raise Exception("The current node timed out during startup.")


def refuse(message: str, _: int) -> int:
    raise RecordError(message, "look there")


def test_results_come_in_the_order_of_the_parts(parts: PartMap) -> None:
    assert list(parts(times, 3, range(40))) == list(in_turn(times, 3, range(40)))


def test_what_a_killed_worker_had_is_done_again(parts: PartMap, tmp_path: Path) -> None:
    assert list(parts(killed_once, str(tmp_path), range(6))) == list(range(6))
    assert len(list(tmp_path.iterdir())) == 3


def test_an_error_of_a_worker_is_that_of_one_process(parts: PartMap) -> None:
    with pytest.raises(RecordError) as raised:
        list(parts(refuse, "bad line", [0]))
    assert str(raised.value) == "bad line — look there"


def loaded(folder: Path, files: Sequence[Path | str], parts: PartMap) -> tuple[str, IngestSummary, list[str]]:
    """Content hash, summary and quarantined lines of some files of reviews, loaded into a graph of their own."""
    store = open_graph(f"ladybug:{folder / 'graph'}")
    options = IngestOptions(folder / "staging", folder / "quarantine", parts=parts)
    summary = ingest_files(store, product_files(files), None, options)
    content = graph_statistics(store, graph_schema()).content_hash
    store.close()
    lines = [line for path in (folder / "quarantine").iterdir() for line in path.read_text("utf-8").splitlines()]
    return content, summary, lines


def test_files_read_by_several_give_the_graph_and_the_quarantine_of_one(parts: PartMap, tmp_path: Path) -> None:
    sample = generate_products(ProductSample(users=40, products=30, reviews=400), tmp_path / "sample")
    lines = sample.reviews.read_text("utf-8").splitlines()
    bad = json.dumps({**json.loads(lines[7]), "overall": 9})
    files = []
    for number in range(3):  # a review in two of the files, and a bad one in each
        files.append(tmp_path / f"reviews-{number}.jsonl")
        files[-1].write_text("\n".join([*lines[number * 130 : number * 130 + 140], bad]), "utf-8")
    alone, together = (loaded(tmp_path / name, files, how) for name, how in (("one", in_turn), ("ray", parts)))
    assert alone[0] == together[0]
    assert alone[1].files == together[1].files and alone[1].tables == together[1].tables
    assert alone[2] == together[2] and len(alone[2]) == 3
    site = Site({f"/{file.name}": file.read_bytes() for file in files})
    site.start()
    elsewhere = loaded(tmp_path / "web", [f"{site.url}/{file.name}" for file in files], parts)
    site.stop()
    assert (elsewhere[0], elsewhere[1].tables, elsewhere[2]) == (alone[0], alone[1].tables, alone[2])
    gone = replace(product_files(files)[0], path=Path("/nowhere/reviews.jsonl"))
    with pytest.raises(StoreError, match="not there on a worker"):
        list(parts(read_part, 0.05, [(0, gone)]))


def test_texts_are_encoded_alike_and_kept_by_whoever_asked(
    parts: PartMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_module, "_TEXTS_PER_CHUNK", 16)
    texts = [f"tent number {number}" for number in range(40)]
    encoder = open_text_encoder(device="cpu", cache_folder=tmp_path, parts=parts)
    there = encoder.encode(texts)
    np.testing.assert_array_equal(there, open_text_encoder(device="cpu").encode(texts))
    kept: TextEncoder = open_text_encoder(device="cpu", cache_folder=tmp_path, parts=lambda *_: pytest.fail("asked"))
    np.testing.assert_array_equal(kept.encode(texts), there)


def test_lists_of_everyone_are_those_of_one_process(
    parts: PartMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists_folder, "USERS_A_PART", 7)
    rng = np.random.default_rng(0)
    users, items = (rng.normal(size=(size, 8)).astype(np.float32) for size in (40, 25))
    known = Interactions(rng.integers(0, 40, 100), rng.integers(0, 25, 100), 40, 25)
    ranked = RankedUsers(partial(dot_scores, users, items), np.arange(40), np.zeros((40, 1), np.float32), known, None)
    best = BestItems(5, ranked, None, 25, np.ones(40, np.bool_), [])
    everyone = Everyone(IdMap(f"u{n}" for n in range(40)), IdMap(f"i{n}" for n in range(25)), best)
    for name, how in (("one", in_turn), ("ray", parts)):
        lists_folder.write_lists_folder(tmp_path / name, everyone, {"version": "v1"}, "products", how)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "ray" / path.name).read_bytes()


def test_what_can_not_be_used_is_said_in_a_line_and_ends_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match=r"the Ray cluster at ray://127\.0\.0\.1:9 can't be used: .*refused"):
        ray_parts("ray://127.0.0.1:9").__enter__()
    there = {"python": "3.9", "ray": "2.9.0", "kindred": "0.0.1"}
    with pytest.raises(StoreError, match="runs other versions: python"):
        _check_versions("ray://127.0.0.1:9", there)
    with monkeypatch.context() as slow, pytest.raises(StoreError, match="ray:local can't be used: The current node"):
        slow.setattr(pytest.importorskip("ray"), "init", took_too_long)
        ray_parts("ray:local").__enter__()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(StoreError, match="not installed") as raised:
        ray_parts("ray:local").__enter__()
    assert raised.value.exit_code == 4
