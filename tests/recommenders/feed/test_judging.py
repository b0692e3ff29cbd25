"""A generated feed, whose truth is known again, judged by every protocol; rankers that the answers of are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.schema import graph_schema
from kindred.evaluation.report import Report, gate
from kindred.features.feed_log import LABEL_SECONDS, FeedLog
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.ingest.feed import post_files
from kindred.ingest.generate.feed import FeedSample, feed_truth, generate_feed
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.feed.evaluation import evaluate, generated_truth
from kindred.recommenders.feed.judging import Ladder, logged
from kindred.recommenders.feed.ladder import Neighbours, ask
from kindred.recommenders.feed.model import FeedScorer
from kindred.recommenders.feed.tables import read_feed
from kindred.recommenders.judging.evaluating import EvaluationOptions
from kindred.recommenders.runs import Run, figures_of
from kindred.recommenders.systems import SYSTEMS
from kindred.recommenders.training import GraphState
from kindred.training.fit import RunOptions

SAMPLE = FeedSample(users=40, posts=30, events=6000, seed=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    folder = tmp_path_factory.mktemp("feed")
    files = generate_feed(SAMPLE, folder / "sample")
    store = open_graph(f"ladybug:{folder / 'graph'}")
    options = IngestOptions(folder / "staging", folder / "quarantine")
    ingest_files(store, post_files(files.users, files.posts, [files.feed]), None, options)
    yield store
    store.close()


@pytest.fixture(scope="module")
def run(store: GraphStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "20260101-000000-aaaaaa"
    folder.mkdir()
    return SYSTEMS["posts"].train(store, ModelConfig(), RunOptions(folder, seed=1), GraphState("ladybug:", "hash"))


@pytest.fixture(scope="module")
def report(store: GraphStore, run: Run) -> Report:
    folder, judged_when_read = run.folder / "evaluation/temporal", list[bool]()
    options = RunOptions(folder, has_read=lambda: judged_when_read.append((folder / "report.json").exists()))
    found = evaluate(store, run, EvaluationOptions("temporal", range(1)), options)
    assert judged_when_read == [False], "the graph is let go of before"
    return found


def test_every_protocol_is_reported_beside_every_ranker(report: Report, run: Run) -> None:
    assert list(report["logged"]) == ["start", "after 10 views", "both"]
    both = report["logged"]["both"]
    assert both["judged"] > 50 and {"random", "popular", "item neighbours", "boosting", "control", "test"} <= set(
        both["rankers"]
    )
    assert both["rankers"]["random"]["auc"]["mean"] == 0.5
    assert both["rankers"]["random"]["hit@5 − random"]["mean"] == pytest.approx(0, abs=1e-12)
    assert report["full"]["within the hour"].keys() == both["rankers"].keys() == report["matched"].keys()
    share = report["simulated"]["share"]
    assert share["random"]["mean"] == 0 and share["oracle"]["mean"] == 1
    assert share["test"]["low"] > 0.1 and share["reader-topic lift"]["mean"] > 0.1
    assert all(part["mean"] <= 1 for part in share.values())


def test_what_is_written_is_the_report_and_runs_show_its_figures(report: Report, run: Run) -> None:
    written = json.loads((run.folder / "evaluation/temporal/report.json").read_text())
    assert written["logged"]["both"]["rankers"]["test"]["auc"] == report["logged"]["both"]["rankers"]["test"]["auc"]
    assert list(figures_of(run)) == ["slate_auc", "hit@5"]
    above = SYSTEMS["posts"].above
    assert above is not None
    gate(report, dict.fromkeys(above, -1.0))
    assert "reader-topic lift" in (run.folder / "evaluation/temporal/report.md").read_text()


def test_another_protocol_is_refused(store: GraphStore, run: Run) -> None:
    with pytest.raises(SettingsError, match="judged by what came later"):
        evaluate(store, run, EvaluationOptions("random", range(1)), RunOptions(Path("nowhere")))


def test_the_truth_is_known_again_by_its_texts(store: GraphStore) -> None:
    feed = read_feed(store)
    found, planted = generated_truth(feed), feed_truth(SAMPLE)
    assert found is not None
    post, reader = feed.posts.position("7"), feed.readers.position("12")
    assert found.topic[post] == planted.topic[6] and np.array_equal(found.to_topic[reader], planted.to_topic[11])
    other = type(feed)(**{**vars(feed), "words": tuple("other" for _ in feed.words)})
    assert generated_truth(other) is None


def _alternating(num: int = 400) -> FeedLog:
    """One reader likes posts of even number, shown by turns, in sessions of 20 views a day."""
    at = np.repeat(np.arange(num // 20), 20) * 86_400 + np.tile(np.arange(20), num // 20) * 60 + 1_000_000
    post = np.tile(np.arange(20), num // 20)
    zeros = np.zeros(20, np.int64)
    return FeedLog(np.zeros(num, np.int64), post, at, post % 2 == 0, zeros, np.zeros(2, np.int64), 1, 1)


def test_a_perfect_order_is_worth_all_and_its_reverse_nothing() -> None:
    log = _alternating()
    rankers = {
        "random": lambda asked: np.zeros(len(asked.post)),
        "reverse": lambda asked: asked.post % 2.0,
        "test": lambda asked: 1.0 - asked.post % 2,
    }
    found = logged(Ladder(FeedScorer(log, {}), rankers), since=1_000_000)["start"]
    assert found["judged"] == 20 and found["readers"] == 1
    assert found["rankers"]["test"]["auc"]["mean"] == 1 == found["rankers"]["test"]["auc_near"]["mean"]
    assert found["rankers"]["reverse"]["hit@5"]["mean"] == 0
    assert found["delta"]["reverse"]["auc"]["mean"] == 1


def test_neighbours_know_likes_three_minutes_later_and_leave_the_post_itself_out() -> None:
    liked = np.array([True, True, True, True])
    at = np.array([0, 10, 20, 1_000])
    log = FeedLog(
        np.array([0, 0, 1, 2]), np.array([0, 1, 0, 0]), at, liked, np.zeros(2, np.int64), np.zeros(4, np.int64), 1, 1
    )
    near, scorer = Neighbours(log, until=900), FeedScorer(log, {})
    asked = [
        ask(scorer, np.full(2, 2), np.arange(2), np.full(2, moment))
        for moment in (1_000 + LABEL_SECONDS, 1_001 + LABEL_SECONDS)
    ]
    assert near(asked[0]).tolist() == [0, 0]
    assert near(asked[1]) == pytest.approx([0, 1 / np.sqrt(2)])


def test_an_empty_graph_is_told_what_to_load(tmp_path: Path) -> None:
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as empty:
        empty.create_schema(graph_schema())
        with pytest.raises(RecordError, match="no view of a post — load some with"):
            read_feed(empty)
        (tmp_path / "feed.csv").write_text("timestamp,user_id,post_id,action,target\n2020-03-01,1,2,like,0\n")
        ingest_files(empty, post_files(feed=tmp_path / "feed.csv"), None, IngestOptions(tmp_path / "s", tmp_path / "q"))
        with pytest.raises(RecordError, match="only likes") as raised:
            read_feed(empty)
    assert "kindred ingest interactions" in raised.value.next_step
