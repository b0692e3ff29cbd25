"""Lists of tags of tracks that nobody heard are judged too: what is hidden of held-out lists is to be found."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kindred.domain.errors import RecordError
from kindred.domain.ids import IdMap
from kindred.recommenders.judging.evaluating import EvaluationOptions
from kindred.recommenders.tagging import evaluation
from kindred.recommenders.tagging.completion_evaluation import completion_report
from kindred.recommenders.tagging.tables import TagTables
from kindred.training.fit import RunOptions

TAGS = tuple(f"t{number}" for number in range(8))


def pairs(num: int) -> csr_matrix:
    """Lists of two tags that always come together: 0 and 1, 2 and 3, …"""
    lists = np.zeros((num, len(TAGS)), dtype=np.bool_)
    first = 2 * np.random.default_rng(0).integers(0, len(TAGS) // 2, num)
    lists[np.arange(num), first] = lists[np.arange(num), first + 1] = True
    return csr_matrix(lists)


def test_what_always_comes_together_is_found(tmp_path: Path) -> None:
    report = completion_report(pairs(250), TAGS, RunOptions(tmp_path, 3))
    assert report["tracks"] == report["pairs"] == 50, "one tag of two is seen"
    assert report["model"]["macro_ap"] == pytest.approx(1) == report["rivals"]["EASE"]["macro_ap"]
    assert report["rivals"]["frequency"]["macro_ap"] < 0.5
    assert "the rest to be found" in report["summary"][0]
    assert not any("thresholds" in line for line in report["summary"]), "none are chosen"
    with pytest.raises(RecordError, match="two tags or more"):
        completion_report(pairs(100), TAGS, RunOptions(tmp_path, 3))


def test_a_graph_without_frames_is_judged_by_its_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = pairs(250)
    tracks = IdMap(tuple(f"{number:03}" for number in range(labels.shape[0])))
    none, unknown = (None,) * len(tracks), np.full(len(tracks), -1)
    tables = TagTables(tracks, IdMap(TAGS), labels, none, unknown)
    monkeypatch.setattr(evaluation, "read_tag_tables", lambda *_: tables)
    monkeypatch.setattr(evaluation, "completion_report", lambda found, tags, _: {"summary": [*tags], "figures": found})
    monkeypatch.setattr(evaluation, "write_tagging_report", lambda *_: None)
    run = cast(Any, SimpleNamespace(manifest={"graph": {"until": None}}))
    asked = EvaluationOptions("temporal", range(1))
    report = evaluation.evaluate(cast(Any, None), run, asked, RunOptions(tmp_path))
    assert report["summary"] == list(TAGS) and report["figures"] is labels
