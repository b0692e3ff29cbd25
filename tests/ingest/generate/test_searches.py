"""The sample of searches: equal bytes, sizes as asked, loads without a bad record, every cleaning rule counted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from kindred.domain.errors import SettingsError
from kindred.ingest.generate.searches import SearchFiles, SearchSample, generate_searches
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.searches import search_files
from tests.ingest.conftest import DictGraph

SMALL = SearchSample(users=60, products=200, orders=800, seed=7)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SearchFiles:
    return generate_searches(SMALL, tmp_path_factory.mktemp("searches"))


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_equal_samples_give_equal_bytes_and_the_size_asked_for(files: SearchFiles, tmp_path: Path) -> None:
    again = generate_searches(SMALL, tmp_path)
    for first, second in zip(
        (files.events, files.orders, files.products), (again.events, again.orders, again.products), strict=True
    ):
        assert first.read_bytes() == second.read_bytes()
    orders = rows(files.orders)
    assert len(orders) == 800 and len({order["user"] for order in orders}) == 60
    assert hashlib.sha256(files.orders.read_bytes()).hexdigest()[:16] == "aeb37065d00a9305"


def test_every_search_of_an_order_comes_before_it(files: SearchFiles) -> None:
    searches: dict[object, list[int]] = {}
    for event in rows(files.events):
        searches.setdefault(event["client_id"], []).append(int(str(event["timestamp"])) // 1000)
    for order in rows(files.orders):
        before = [at for at in searches[order["user"]] if 0 < int(str(order["time"])) - at <= 60]
        assert before, order


def test_it_loads_and_each_cleaning_rule_is_counted(files: SearchFiles, graph: DictGraph, tmp_path: Path) -> None:
    options = IngestOptions(tmp_path / "staging", tmp_path / "quarantine")
    summary = ingest_files(graph, search_files(files.events, files.orders, None, files.products), None, options)
    assert summary.quarantined == 0
    skipped = {reason: n for file in summary.files for reason, n in file.skipped_reasons.items()}
    assert set(skipped) == {
        "a query that contains the product's id",
        "a query that is digits only",
        "a query that is an article number",
        "a query that is a link",
    }
    assert len(graph.tables["BOUGHT"]) == 800 - sum(skipped.values())
    assert all(query == " ".join(query.split()).casefold() for query in graph.tables["Query"])


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(SettingsError, match="orders"):
        SearchSample(users=10, products=3, orders=5)
