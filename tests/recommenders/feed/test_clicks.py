"""News through ingest, training and publishing: what follows an article is answered, as of a time, and judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.domain.recommendation import Request
from kindred.evaluation.report import Report, gate
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.ingest.feed import click_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.feed.recommender import FeedRecommender
from kindred.recommenders.judging.evaluating import EvaluationOptions
from kindred.recommenders.runs import Run, figures_of
from kindred.recommenders.systems import SYSTEMS
from kindred.recommenders.training import GraphState
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from tests.clicks import ARTICLES, BEGIN, clicks_of

CONFIG = ModelConfig(target="clicks")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, int]]:
    return clicks_of(0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, int]]) -> Iterator[GraphStore]:
    folder = tmp_path_factory.mktemp("news")
    (folder / "clicks.jsonl").write_text("\n".join(map(json.dumps, rows)))
    store = open_graph(f"ladybug:{folder / 'graph'}")
    options = IngestOptions(folder / "staging", folder / "quarantine")
    ingest_files(store, click_files([folder / "clicks.jsonl"]), None, options)
    yield store
    store.close()


@pytest.fixture(scope="module")
def run(store: GraphStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "20260101-000000-aaaaaa"
    return SYSTEMS["posts"].train(store, CONFIG, RunOptions(folder, seed=1), GraphState("ladybug:", "hash"))


@pytest.fixture(scope="module")
def recommender(store: GraphStore, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedRecommender]:
    folder = tmp_path_factory.mktemp("published")
    vectors = open_vectors(f"qdrant-edge:{folder / 'vectors'}")
    SYSTEMS["posts"].publish(run, store, vectors)

    def encoder() -> object:
        raise AssertionError("no text is encoded")

    opened = Opened(store, vectors, run.folder.parent, encoder)  # type: ignore[arg-type]
    found = SYSTEMS["posts"].open_recommender(opened)
    assert isinstance(found, FeedRecommender)
    yield found
    vectors.close()


def test_what_others_clicked_next_comes_first(recommender: FeedRecommender, rows: list[dict[str, int]]) -> None:
    late = [row for row in rows if row["click_timestamp"] > (BEGIN + 3 * 3600) * 1000]
    right = 0
    for row in late[:100]:
        at = row["click_timestamp"] // 1000 + 1
        own = {
            other["click_article_id"] for other in rows
            if other["user_id"] == row["user_id"] and other["click_timestamp"] < at * 1000
        }  # fmt: skip
        answer = recommender(Request(user_id=str(row["user_id"]), k=3, at=at))
        found = [int(item.item_id) for item in answer.recommendations]
        assert answer.level == "model" and own.isdisjoint(found)
        scores = [item.score for item in answer.recommendations]
        assert scores == sorted(scores, reverse=True)
        following = (row["click_article_id"] + 1) % ARTICLES
        right += following in own or found[0] == following
    assert right > 90


def test_any_reader_at_any_time_is_answered(recommender: FeedRecommender) -> None:
    assert recommender(Request(user_id="0", at=BEGIN - 5)).recommendations == ()  # nothing was clicked yet
    nobody = recommender(Request(user_id="nobody", k=5))  # now, long after the last click
    assert nobody.level == "popular" and len(nobody.recommendations) == 5
    arms = [
        recommender.answer(Request(user_id="3", k=ARTICLES, at=BEGIN + 6 * 3600), arm) for arm in ("control", "test")
    ]
    assert len({frozenset(item.item_id for item in arm.recommendations) for arm in arms}) == 1
    assert recommender(Request(user_id="3", k=0)).recommendations == ()


def test_alike_are_articles_of_the_same_readers(recommender: FeedRecommender) -> None:
    near = [int(item.item_id) for item in recommender.similar("7", 4).recommendations]
    assert {6, 8} <= set(near)
    why = recommender.why("0", "7", BEGIN - 5)
    assert why.standing is None  # it was no candidate


@pytest.fixture(scope="module")
def report(store: GraphStore, run: Run) -> Report:
    judge = SYSTEMS["posts"].evaluate
    assert judge is not None
    return judge(store, run, EvaluationOptions("temporal", range(1)), RunOptions(run.folder / "evaluation/temporal"))


def test_the_recipe_is_judged_on_later_clicks(report: Report, run: Run) -> None:
    rankers = report["rankers"]
    plain = ["popular", "followed the last click", "clicked in the same session", "control"]
    assert list(rankers) == [*plain, "test", "test, counts 60 s old"]
    assert min(rankers[name]["hit@5"]["mean"] for name in plain[1:]) > rankers["popular"]["hit@5"]["mean"]
    assert rankers["test"]["hit@5"]["mean"] > rankers["popular"]["hit@5"]["mean"] + 0.2
    assert rankers["test"]["hit@5"]["mean"] <= report["held"] <= 1
    assert 0.6 < rankers["test"]["mrr"]["mean"] < rankers["test"]["hit@5"]["mean"]
    assert figures_of(run) == {name: round(rankers["test"][name]["mean"], 4) for name in ("hit@5", "mrr")}
    gate(report, report["above"])


def test_a_reader_with_one_click_teaches_nothing(tmp_path: Path) -> None:
    store = open_graph(f"ladybug:{tmp_path / 'graph'}")
    (tmp_path / "clicks.jsonl").write_text(json.dumps(clicks_of(0)[0]))
    ingest_files(store, click_files([tmp_path / "clicks.jsonl"]), None, IngestOptions(tmp_path / "s", tmp_path / "q"))
    with pytest.raises(RecordError, match="too few clicks"):
        SYSTEMS["posts"].train(store, CONFIG, RunOptions(tmp_path / "run", seed=1), GraphState("ladybug:", "hash"))
    store.close()
