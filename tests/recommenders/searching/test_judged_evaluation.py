"""Judged queries without orders are evaluated too: in folds, each predicted by what never saw it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kindred.domain.errors import RecordError
from kindred.domain.ids import IdMap
from kindred.models.two_tower import TowerConfig
from kindred.recommenders.judging.evaluating import EvaluationOptions
from kindred.recommenders.searching import evaluation
from kindred.recommenders.searching.evaluation import OWN, POPULARITY, evaluate, hold_fold
from kindred.recommenders.searching.histories import judged_examples
from kindred.recommenders.searching.search_log import Links, Products, SearchLog
from kindred.training.fit import RunOptions
from kindred.training.schedule import FitConfig

TINY = TowerConfig(width=8, fit=FitConfig(epochs=1, patience=1, warmup_epochs=0))
NUM, DIM = 15, 8
NOTHING = np.zeros(0, np.int64)
NONE = Links(NOTHING, NOTHING, NOTHING, NOTHING.astype(np.float32))


def log_of(num_judged: int) -> SearchLog:
    """Query i asks for word i; product i has it in its title and is just right, the next product is a substitute."""
    vectors = np.random.default_rng(0).standard_normal((NUM, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = [f"thing{chr(97 + number)}" for number in range(NUM)]
    groups = csr_matrix((NUM, 0), dtype=np.float32)
    ids = IdMap(tuple(f"P{number:02}" for number in range(NUM)))
    products = Products(ids, words, words, vectors, np.zeros_like(vectors), groups, (), {})
    each = np.arange(num_judged)
    judged = Links(
        np.repeat(each, 2),
        np.stack([each, (each + 1) % NUM], 1).ravel(),
        np.zeros(2 * num_judged, np.int64),
        np.tile(np.array([100, 10], np.float32), num_judged),
    )
    return SearchLog(products, IdMap(tuple(words)), vectors, IdMap(()), NONE, NONE, NONE, judged)


def test_a_fold_is_predicted_by_what_never_saw_it() -> None:
    log = log_of(NUM)
    held = hold_fold(log, judged_examples(log), np.array([2, 5]))
    asked, learned = held.test.histories.query[:, 0], held.train.histories.query[:, 0]
    assert asked.tolist() == [2, 5] and len(learned) == NUM - 2
    assert not np.isin(asked, learned).any() and not np.isin(asked, held.before.judged.source).any()
    assert not {log.queries.external(query) for query in (2, 5)} & set(held.before.known_queries)


@pytest.mark.parametrize("num_judged", [NUM, 1])
def test_without_orders_judged_queries_are_predicted_in_folds(
    num_judged: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(num_judged)
    run = cast(Any, SimpleNamespace(manifest={"graph": {"until": None}}))
    monkeypatch.setattr(evaluation, "read_search_log", lambda *_: log)
    monkeypatch.setattr(evaluation, "recipe_of", lambda _: SimpleNamespace(tower=TINY))
    monkeypatch.setattr(evaluation, "FOLDS", 2)
    asked = EvaluationOptions("temporal", range(1))
    if num_judged < 2:
        with pytest.raises(RecordError, match="no two judged queries"):
            evaluate(cast(Any, None), run, asked, RunOptions(tmp_path))
        return
    report = evaluate(cast(Any, None), run, asked, RunOptions(tmp_path))
    assert report["protocol"]["judged_queries"] == NUM and report["protocol"]["folds"] == 2
    rankers = report["rankers"]
    assert POPULARITY not in rankers, "nothing was ordered"
    assert rankers["BM25 of the latest query"]["recall@10"] == 1 and rankers[OWN]["recall@200"] == 1
    assert rankers["nearest known queries"]["ndcg@10"] < rankers[OWN]["ndcg@10"]
    assert f"{NUM} judged queries in 2 folds" in (tmp_path / "report.md").read_text()
