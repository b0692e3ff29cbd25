"""Search history from generated searches: train, publish, ask; nothing later than the moment asked about is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindred.domain.errors import RecordError, SettingsError, StoreError
from kindred.domain.recommendation import Bounds, Request
from kindred.graph.store import GraphStore
from kindred.ingest.generate.searches import SearchSample, generate_searches
from kindred.ingest.searches import search_files
from kindred.models.two_tower import HISTORY, TowerConfig
from kindred.recommenders.answering.lists_file import write_lists
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.judging.evaluating import EvaluationOptions
from kindred.recommenders.runs import Run, figures_of
from kindred.recommenders.searching.edges import HeldEdges
from kindred.recommenders.searching.evaluation import evaluate, held_out
from kindred.recommenders.searching.histories import Examples, histories_before, order_examples
from kindred.recommenders.searching.model import fit_query_model
from kindred.recommenders.searching.recommender import BOTH, VECTORS, WORDS, QueryRecommender
from kindred.recommenders.searching.search_log import Links, SearchLog, read_search_log
from kindred.training.fit import RunOptions
from kindred.training.schedule import FitConfig
from tests.recommenders.conftest import publishing, trained

TINY = TowerConfig(width=16, fit=FitConfig(epochs=2, patience=2, warmup_epochs=0))


@dataclass(frozen=True)
class Searching:
    store: GraphStore
    run: Run
    log: SearchLog
    recommender: QueryRecommender
    served: QueryRecommender


@pytest.fixture(scope="module")
def searching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searching]:
    folder = tmp_path_factory.mktemp("searching")
    files = generate_searches(SearchSample(users=60, products=120, orders=700, seed=3), folder / "sample")
    sources = search_files(files.events, files.orders, None, files.products)
    with trained("queries", folder, sources, ModelConfig(tower=TINY)) as made, publishing(made) as (opened, published):
        assert published.counts["items"] == 120 and published.counts["users"] == 60
        recommender = made.module.open_recommender(opened)
        served = made.module.open_recommender(replace(opened, store=None, read=lambda: nullcontext(made.store)))
        assert isinstance(recommender, QueryRecommender) and isinstance(served, QueryRecommender)
        yield Searching(made.store, made.run, read_search_log(made.store), recommender, served)


def asked(searching: Searching, *queries: str, k: int = 10) -> list[str]:
    return [item.item_id for item in searching.recommender(Request(queries=queries, k=k)).recommendations]


def test_what_was_searched_for_is_found_and_said_by_what(searching: Searching) -> None:
    products = searching.log.products
    title = products.titles[5]
    answer = searching.recommender(Request(queries=["tent", title], k=5))
    assert products.ids.external(5) in [item.item_id for item in answer.recommendations]
    assert answer.level == "inductive" and answer.system == "queries" and answer.as_of == searching.log.as_of
    assert {item.source for item in answer.recommendations} <= {WORDS, VECTORS, BOTH}
    assert all(item.reason is not None for item in answer.recommendations)


def test_a_service_that_opens_the_graph_for_each_reading_gives_the_same_answers(searching: Searching) -> None:
    user = searching.recommender.example_users(1)[0]
    assert searching.served.example_users(1) == [user]
    for request in (Request(user_id=user, k=5), Request(queries=["rugged tent"], k=5), Request(k=5)):
        assert searching.served(request) == searching.recommender(request)
    assert searching.served(Request(user_id=user, k=1)).level == "model"
    said = searching.served(Request(text="rugged tent", k=5))
    assert said == searching.served(Request(queries=["rugged tent"], k=5))


def test_a_graph_that_can_t_be_read_is_as_it_was_read_last(
    searching: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = copy(searching.served)
    user = searching.recommender.example_users(1)[0]
    request = Request(user_id=user, k=5)
    best = served(request)

    def gone() -> Any:
        raise StoreError("another process has it")

    monkeypatch.setattr(served, "_opened", replace(served._opened, read=gone))
    with pytest.raises(StoreError, match="another process"):  # nothing was read yet
        served(request)
    monkeypatch.setattr(served, "_held", HeldEdges.read(searching.store))
    stale = served(request)
    assert stale.recommendations == best.recommendations and served.searched(user)
    assert stale.degraded and "as they were when it was read last" in stale.note and not best.degraded


def test_a_user_gets_nothing_that_they_bought(searching: Searching) -> None:
    log = searching.log
    user = int(log.bought.source[0])
    own = {log.products.ids.external(int(item)) for item in log.bought.target[log.bought.source == user]}
    request = Request(user_id=log.users.external(user), k=120)
    assert not own & {item.item_id for item in searching.recommender(request).recommendations}
    again = searching.recommender(replace(request, exclude_seen=False))
    assert own <= {item.item_id for item in again.recommendations}


def test_conditions_and_exclusions_hold(searching: Searching) -> None:
    first = asked(searching, "tent")[0]
    rules = {"exclude": frozenset([first, "gone"]), "where": {"category": "Baking"}}
    answer = searching.recommender(Request(queries=["tent"], **rules))
    assert answer.note.endswith(f"left aside, not in version {answer.version}: gone")
    groups = searching.log.products
    column = groups.group_names.index("category Baking")
    baking = {groups.ids.external(int(row)) for row in groups.groups[:, [column]].nonzero()[0]}
    assert {item.item_id for item in answer.recommendations} <= baking - {first}
    with pytest.raises(SettingsError, match="colour"):
        searching.recommender(Request(queries=["tent"], where={"colour": "red"}))


def test_only_what_is_there_and_costs_so_much(searching: Searching) -> None:
    products = searching.log.products
    price, there = (dict(zip(products.ids.ids, products.numbers[of], strict=True)) for of in ("price", "in_stock"))
    bounds = {"price": Bounds(10, 60), "in_stock": Bounds(1, 1)}
    wanted = {item for item in products.ids.ids if 10 <= price[item] <= 60 and there[item] == 1}
    for queries in (["tent"], []):
        answer = searching.recommender(Request(queries=queries, bounds=bounds, k=120))
        assert {item.item_id for item in answer.recommendations} == wanted and 10 < len(wanted) < 110
    with pytest.raises(SettingsError, match="weight"):
        searching.recommender(Request(queries=["tent"], bounds={"weight": Bounds(most=3)}))


def test_slips_are_read_as_meant_and_said(searching: Searching) -> None:
    slipped = searching.recommender(Request(queries=["baknig"], k=5))
    assert "is read as “baking”" in slipped.note
    assert slipped.recommendations == searching.recommender(Request(queries=["baking"], k=5)).recommendations


@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "tent " * 2_000, "⛺🔥", "خيمة للتخييم", "'; DROP TABLE products; --", "\u202etent\u202c", "%00"],
)
def test_odd_queries_get_sensible_answers(searching: Searching, text: str) -> None:
    answer = searching.recommender(Request(queries=[text], k=5))
    assert len(answer.recommendations) == 5
    assert all(np.isfinite(item.score) for item in answer.recommendations)


@pytest.mark.parametrize("queries", [[], ["   "], ["123456789"], ["https://shop.example/p/1", "B0ABCDEFGH"]])
def test_without_words_what_is_popular(searching: Searching, queries: list[str]) -> None:
    answer = searching.recommender(Request(queries=queries, k=5))
    assert answer.level == "popular" and len(answer.recommendations) == 5 and answer.note


def test_products_without_any_text_are_found_by_where_searches_led(tmp_path: Path) -> None:
    """Such as the links of a query log; nothing is said of their meaning."""
    (tmp_path / "log.csv").write_text("user,query,time,product\na,red tent,1700000000,P1\na,blue tent,1700000100,P2\n")
    files = search_files(tmp_path / "log.csv")
    with trained("queries", tmp_path, files, ModelConfig(tower=TINY)) as made, publishing(made) as (opened, _):
        clicks, texts = made.run.manifest["notes"][1:]
        assert "clicks are reasons" in clicks and texts.startswith("no product has a text to be found by")
        found = made.module.open_recommender(opened)(Request(queries=["red tent"], k=2)).recommendations
    reasons = {item.item_id: item.reason and item.reason.text for item in found}
    assert reasons == {"P1": "who searched for “red tent” chose it once", "P2": None}


def test_what_the_system_does_not_take_is_refused(searching: Searching) -> None:
    with pytest.raises(RecordError, match="queries in one request"):
        searching.recommender(Request(queries=["tent"] * 5_000))
    with pytest.raises(RecordError, match="no product"):
        searching.recommender.similar("nothing like it")
    assert searching.recommender.similar(searching.log.products.ids.external(0), 3).level == "similar"


def test_why_says_where_a_product_stands_and_the_reason_in_words(searching: Searching) -> None:
    user = searching.log.users.external(0)
    second = searching.recommender(Request(user_id=user, k=2)).recommendations[1]
    told = searching.recommender.why(user, second.item_id)
    assert told.standing is not None and told.standing.rank == 2 and second.reason is not None
    assert told.paths == () and told.note == second.reason.text
    with pytest.raises(RecordError, match="no product"):
        searching.recommender.why(user, "nothing like it")


def test_an_earlier_moment_knows_nothing_later(searching: Searching) -> None:
    log = searching.log
    at = int(np.median(log.bought.at))
    answer = searching.recommender(Request(user_id=log.users.external(0), at=at, k=120))
    ordered = {log.products.ids.external(int(item)) for item in log.bought.target[log.bought.at <= at]}
    assert answer.level == "popular" and {item.item_id for item in answer.recommendations} <= ordered


def test_everyone_gets_what_they_get_alone(searching: Searching, tmp_path: Path) -> None:
    lists = {user: items for user, items, _ in searching.recommender.everyone(7)}
    assert len(lists) == 60
    for user in searching.recommender.example_users(3):
        alone = searching.recommender(Request(user_id=user, k=7)).recommendations
        assert [item.item_id for item in alone] == lists[user]
    assert write_lists(tmp_path / "top.parquet", searching.recommender.everyone(7)) == 60
    assert write_lists(tmp_path / "top.jsonl", searching.recommender.everyone(7)) == 60


events = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(1, 30)), max_size=40)


@settings(max_examples=60)
@given(events, st.integers(0, 31))
def test_no_history_holds_a_later_search(rows: list[tuple[int, int, int]], moment: int) -> None:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    searched = Links(columns[0], columns[1], columns[2], np.ones(len(rows), np.float32))
    found = histories_before(searched, np.arange(4), np.full(4, moment), 4)
    for user in range(4):
        before = [(at, query) for u, query, at in rows if u == user and at <= moment]
        latest = {query: max(at for at, q in before if q == query) for _, query in before}
        kept = [int(query) for query in found.query[user] if query >= 0]
        assert len(kept) == len(set(kept)) == min(HISTORY, len(latest)) and set(kept) <= set(latest)
        assert [latest[query] for query in kept] == sorted(latest.values(), reverse=True)[: len(kept)]


def test_a_model_does_not_change_with_what_comes_later(searching: Searching, tmp_path: Path) -> None:
    """Fitted before a moment it is the same, whatever is ordered and searched for from then on."""
    log = searching.log
    since = int(np.quantile(log.bought.at, 0.8))

    def fitted(of: SearchLog, name: str) -> tuple[Examples, np.ndarray]:
        before = of.before(since)
        examples = order_examples(before)
        model, _ = fit_query_model(before, examples, TINY, RunOptions(tmp_path / name, seed=1, device="cpu"))
        return examples, model.scores(examples.histories.take(np.arange(5)), before.queries)

    shuffled = log.bought.target.copy()
    shuffled[log.bought.at >= since] = 0
    other = replace(log, bought=replace(log.bought, target=shuffled))
    first, second = fitted(log, "one"), fitted(other, "two")
    assert len(first[0]) == len(second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_a_run_is_judged_by_later_orders_beside_plainer_rankers(searching: Searching) -> None:
    folder = searching.run.folder / "evaluation" / "temporal"
    judged_when_read: list[bool] = []
    options = RunOptions(folder, has_read=lambda: judged_when_read.append((folder / "report.json").exists()))
    report = evaluate(searching.store, searching.run, EvaluationOptions("temporal", range(1)), options)
    assert judged_when_read == [False], "the graph is let go of before"
    held = held_out(searching.log)
    assert held.train.at.max() < held.test.at.min() and len(held.test) == report["protocol"]["test_orders"]
    rankers = report["rankers"]
    assert rankers["towers, words and vectors"]["recall@200"] == 1  # there are 120 products
    assert rankers["BM25 + text of the latest query"]["ndcg@10"] > rankers["popularity"]["ndcg@10"]
    assert report["delta"]["popularity"]["ndcg@10"]["low"] > 0
    assert (
        set(figures_of(searching.run)) == {"recall@10", "ndcg@10"}
        and "nearest known" in (folder / "report.md").read_text()
    )
    with pytest.raises(SettingsError, match="ordered later"):
        evaluate(searching.store, searching.run, EvaluationOptions("random", range(1)), RunOptions(folder))
