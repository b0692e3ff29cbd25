"""A system is a declaration: a few lines train, evaluate, publish, recommend and explain, with no other code."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from kindred.domain.recommendation import Answer, Request
from kindred.domain.records import About, Viewed
from kindred.evaluation.report import Report
from kindred.graph.open import open_graph
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.interactions import interaction_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.music import track_files
from kindred.ingest.tables.mapping import ItemColumns, TableMapping
from kindred.recommenders import listens
from kindred.recommenders.answering.recommender import Opened
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.judging.evaluating import EvaluationOptions, evaluate
from kindred.recommenders.listens import LISTENS
from kindred.recommenders.system import System, Words
from kindred.recommenders.systems import of_interactions
from kindred.recommenders.training import GraphState
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from tests.recommenders.conftest import ENCODER, SMALL

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("quick_lightgcn", "no_pictures")]

REAL = Path(__file__).resolve().parents[3] / "shared/data/lastfm_hetrec2011"
LAST_USER = 40

READING = System(
    name="reading",
    target=Viewed,
    words=Words("article", "articles", "view", "views", "read"),
    context=(About,),
    title=None,
)


def whole_way(system: System, files: list[SourceFile], folder: Path, user: str) -> tuple[Report, Answer]:
    """From files to the report and an answer, by what every declared system has."""
    module = of_interactions(system)
    store = open_graph(f"ladybug:{folder / 'graph'}")
    ingest_files(store, files, ENCODER, IngestOptions(folder / "staging", folder / "quarantine"))
    options = RunOptions(folder / "runs" / "20260101-000000-aaaaaa", seed=3, device="cpu")
    run = module.train(store, SMALL, options, GraphState(store.url, "test"))
    graph = read_interaction_graph(system, store)
    judged = replace(options, folder=folder / "evaluation")
    report = evaluate(graph, SMALL, EvaluationOptions("random", range(1)), judged)
    vectors = open_vectors(f"exact:{folder / 'vectors'}")
    module.publish(run, store, vectors)
    recommender = module.open_recommender(Opened(store, vectors, folder / "runs", lambda: ENCODER))
    answer = recommender(Request(user_id=user, k=5))
    store.close()
    return report, answer


def listeners(folder: Path) -> Path:
    """The real files, listening and tags of the first users only."""
    folder.mkdir()
    known: set[str] = set()
    for name, users_column in (("user_artists.dat", 0), ("user_taggedartists.dat", 0), ("artists.dat", None)):
        encoding = "utf-8" if name == "artists.dat" else "latin-1"
        header, *lines = (REAL / name).read_text(encoding=encoding).splitlines()
        if users_column is None:
            kept = [line for line in lines if line.split("\t")[0] in known]
        else:
            kept = [line for line in lines if int(line.split("\t")[users_column]) <= LAST_USER]
            known |= {line.split("\t")[1] for line in kept}
        (folder / name).write_text("\n".join([header, *kept, ""]), encoding=encoding)
    return folder


def test_listens_is_declared_in_forty_lines_and_goes_the_whole_way_on_real_listeners(tmp_path: Path) -> None:
    assert len(Path(str(listens.__file__)).read_text(encoding="utf-8").splitlines()) <= 40
    if not REAL.is_dir():
        pytest.skip(f"NOT TESTED on real listeners: {REAL} is missing")
    report, answer = whole_way(LISTENS, track_files(listeners(tmp_path / "lastfm")), tmp_path, "2")
    assert "rating" not in report
    assert report["ranking"]["delta"]["popularity"]["recall@10"]["low"] > 0
    assert answer.level == "model" and len(answer.recommendations) == 5
    assert all(found.title for found in answer.recommendations)
    reasons = [found.reason.text for found in answer.recommendations if found.reason]
    assert reasons and all(text.startswith("you listened to “") for text in reasons)
    assert any(text.endswith("listened to both") for text in reasons)


def test_a_system_of_ones_own_is_declared_in_a_few_lines(tmp_path: Path) -> None:
    rng, rows = random.Random(4), ["reader,page,subject"]
    for reader in range(30):
        own = [page for page in range(30) if page % 3 == reader % 3]
        rows += [f"r{reader},p{page},{('sport', 'music', 'food')[page % 3]}" for page in rng.sample(own, 6)]
    (tmp_path / "views.csv").write_text("\n".join([*rows, ""]))
    mapping = TableMapping(event="VIEWED", items=ItemColumns(category=("subject",)))
    mapping = mapping.model_copy(update={"events": mapping.events.model_copy(update={"item": "page"})})
    files = interaction_files(mapping, [tmp_path / "views.csv"]).files
    report, answer = whole_way(READING, files, tmp_path, "r0")
    assert "rating" not in report and report["ranking"]["model"]["recall@10"] > 0.5
    best = [found.item_id for found in answer.recommendations][:4]
    assert all(int(item[1:]) % 3 == 0 for item in best)  # the four pages of their subject that they have not read
    assert any(found.reason and found.reason.text.startswith("you read p") for found in answer.recommendations)
