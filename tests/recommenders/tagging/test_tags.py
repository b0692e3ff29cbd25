"""Tags from generated frames: ingest, train, judge; what answers keeps to what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.errors import ArtifactError, RecordError
from kindred.domain.frames import FramesInMemory
from kindred.domain.records import Tagged
from kindred.domain.schema import edge_type_of, to_table
from kindred.graph.store import GraphStore
from kindred.ingest.generate.tags import TagSample, generate_tags
from kindred.ingest.loading.frame_files import write_frames
from kindred.ingest.music import tag_files
from kindred.models.sequence_tagger import TaggerConfig
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.judging.evaluating import EvaluationOptions
from kindred.recommenders.runs import Run, figures_of
from kindred.recommenders.systems import find_system
from kindred.recommenders.tagging.fitting import choose_share
from kindred.recommenders.tagging.model import TagModel, load_tag_model
from kindred.recommenders.tagging.tables import read_tag_tables
from kindred.training.fit import RunOptions
from tests.recommenders.conftest import trained

TINY = TaggerConfig(encoder="frames", width=8, heads=2, epochs=2, folds=2)


@dataclass(frozen=True)
class Tagging:
    store: GraphStore
    run: Run
    model: TagModel


@pytest.fixture(scope="module")
def tagging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tagging]:
    folder = tmp_path_factory.mktemp("tagging")
    files = generate_tags(TagSample(tracks=90, tags=10, asked=5, dim=6, frames=(1, 9)), folder / "sample")
    (files.frames / "broken.npy").write_bytes(b"no array")
    sources = tag_files([files.tags], [files.frames], partial(write_frames, folder / "frames"))
    with trained("tags", folder, sources, ModelConfig(tagger=TINY)) as made:
        yield Tagging(made.store, made.run, load_tag_model(made.run.folder))


def test_answers_are_probabilities_and_do_not_depend_on_company(tagging: Tagging) -> None:
    tables = read_tag_tables(tagging.store)
    frames = tables.open_frames()
    assert len(tables.tracks) == 95 and tables.tags.ids == tuple(map(str, range(10))) == tagging.model.tags
    found = tagging.model.probabilities(frames)
    assert found.shape == (95, 10) and found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    order = np.argsort(tagging.model.logits(frames), axis=0, kind="stable")
    assert (np.diff(np.take_along_axis(found, order, 0), axis=0) >= 0).all()
    own = frames.read(4, 0, int(frames.lengths[4]))
    alone = tagging.model.probabilities(FramesInMemory([own, np.zeros((0, 6), np.float32)], 6))
    np.testing.assert_allclose(alone[0], found[4], atol=1e-5)
    np.testing.assert_array_equal(alone[1], tagging.model.prior)
    vectors = tagging.model.embed(frames)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    with pytest.raises(RecordError, match="7 wide, the tagger reads 6"):
        tagging.model.probabilities(FramesInMemory([np.zeros((2, 7), np.float32)], 7))


def test_a_run_holds_as_many_networks_as_folds_and_says_what_they_are_worth(tagging: Tagging) -> None:
    made = tagging.run.manifest
    assert made["items"] == 10 and made["tagger"]["tracks"] == 90
    assert len(tagging.model.networks) == 2 and made["summary"][0] == "90 tracks have frames and tags"
    assert set(made["tagger"]["held_out"]) == {"plain", "network", "mix"}
    with pytest.raises(ArtifactError):
        load_tag_model(tagging.run.folder.parent)


def test_frames_and_tags_by_two_names_are_told(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    np.save(tmp_path / "frames" / "a.npy", np.ones((2, 3)))
    (tmp_path / "tags.csv").write_text('track,tags\na.mp3,"x,y"\nb.mp3,x\n')
    sources = tag_files([tmp_path / "tags.csv"], [tmp_path / "frames"], partial(write_frames, tmp_path / "kept"))
    with trained("tags", tmp_path, sources, ModelConfig(tagger=TINY)) as made:
        run = made.run
    assert "there are frames of 'a' and tags of 'a.mp3'" in run.manifest["summary"][0]


def test_what_a_model_said_is_not_learned_from(tagging: Tagging) -> None:
    before = read_tag_tables(tagging.store)
    said = Tagged(
        event_id="said", source_id=before.tracks.external(0), target_id=before.tags.external(9), probability=1
    )
    tagging.store.upsert_edges(edge_type_of(Tagged), to_table(edge_type_of(Tagged), [said]))
    after = read_tag_tables(tagging.store)
    tagging.store.delete_edges(edge_type_of(Tagged), ["said"])
    assert (before.labels != after.labels).nnz == 0


def test_a_run_is_judged_beside_rivals(tagging: Tagging) -> None:
    module = find_system("tags")
    assert module.evaluate is not None
    folder = tagging.run.folder / "evaluation" / "temporal"
    judged_when_read: list[bool] = []
    options = RunOptions(
        folder, device="cpu", has_read=lambda: judged_when_read.append((folder / "report.json").exists())
    )
    report = module.evaluate(tagging.store, tagging.run, EvaluationOptions("temporal", range(1)), options)
    assert judged_when_read == [False], "the graph is let go of before"
    written = json.loads((folder / "report.json").read_text("utf-8"))
    assert written["model"] == report["model"] and (folder / "reliability.png").stat().st_size > 1000
    assert {"random", "most frequent", "mean-pool logistic", "mean-pool MLP", "kNN of tracks"} < set(report["rivals"])
    assert report["rivals"]["random"]["roc_auc"] == 0.5
    assert figures_of(tagging.run)["macro_ap"] == pytest.approx(report["model"]["macro_ap"], abs=1e-4)
    assert 10 < report["tracks"] < 30
    for interval in (report["interval"], *report["lead"].values()):
        assert interval["low"] <= interval["mean"] <= interval["high"]


def test_a_network_speaks_only_where_it_is_clearly_better() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((200, 4)) < 0.3
    good = (2 * labels + rng.normal(size=labels.shape)).astype(np.float32)
    noise = rng.normal(size=labels.shape).astype(np.float32)
    assert choose_share(noise, good, labels, rng)[0] >= 0.5
    assert choose_share(good, noise, labels, rng)[0] == 0.0
    slightly = (good + 0.05 * noise).astype(np.float32)
    assert choose_share(good, slightly, labels, rng)[0] == 0.0
