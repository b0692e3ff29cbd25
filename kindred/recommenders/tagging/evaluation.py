"""Judges the settings of a tagger's run: on tracks held out, near-duplicates and artists apart, beside its rivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kindred.domain.errors import RecordError
from kindred.domain.frames import SomeFrames
from kindred.domain.interactions import BoolArray, FloatArray, IntArray
from kindred.evaluation.label_folds import groups_of, label_folds
from kindred.evaluation.tagging_report import Report, Tagged, tagging_lines, tagging_report, write_tagging_report
from kindred.graph.store import GraphStore
from kindred.linear.tags.plain_tagger import track_means
from kindred.models.sequence_tagger import TaggerConfig
from kindred.recommenders.judging.evaluating import EvaluationOptions, of_seed
from kindred.recommenders.runs import Run
from kindred.recommenders.tagging.completion_evaluation import completion_report
from kindred.recommenders.tagging.fitting import fit_tag_model
from kindred.recommenders.tagging.rivals import rival_scores
from kindred.recommenders.tagging.tables import TrainingTracks, read_tag_tables, training_tracks
from kindred.recommenders.training import recipe_of
from kindred.training.fit import RunOptions

_FOLDS = 5
_FEWEST = 40


@dataclass(frozen=True)
class Judged:
    """What was said of tracks that were not learned from.

    Attributes:
        rows: those tracks.
        probabilities: `[num_rows, num_tags]`.
        said: where the model says yes, the same shape.
        rivals: scores of others, the same shape.
    """

    rows: IntArray
    probabilities: FloatArray
    said: BoolArray
    rivals: dict[str, FloatArray]


def evaluate(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
    """The report of taggers with a run's settings, each fitted without a fifth of the tracks, which it is asked about.

    A run has heard every track, so it can't be judged itself: what is judged is its recipe. Where no track was heard,
    how well lists of tags are completed is judged. Written to `options.folder`.

    Args:
        store: the graph.
        run: whose settings.
        evaluation: its seeds, each with a fold of its own, at most five.
        options: folder, device.

    Raises:
        RecordError: too few tracks have both tags and frames, or two tags.
    """
    tables = read_tag_tables(store, run.manifest["graph"]["until"])
    options.has_read()
    tracks = training_tracks(tables, tables.open_frames())
    if not len(tracks.rows):
        report = completion_report(tables.labels, tables.tags.ids, of_seed(options, evaluation.seeds[0], "fit"))
        write_tagging_report(report, options.folder)
        return report
    if len(tracks.rows) < _FEWEST:
        raise RecordError(
            f"{len(tracks.rows)} tracks have both tags and frames, {_FEWEST} are wanted to hold some out",
            "load more with `kindred ingest tags --tags FILE --frames PATH`",
        )
    config, parts = recipe_of(run).tagger, []
    fold = test_folds(tracks)
    for seed in list(evaluation.seeds)[:_FOLDS]:
        asked = tracks.rows[fold == seed % _FOLDS]
        parts.append(judge(tracks, asked, tables.tags.ids, config, of_seed(options, seed, "fit")))
    report = judged_report(tracks, parts, tables.tags.ids)
    write_tagging_report(report, options.folder)
    return report


def test_folds(tracks: TrainingTracks) -> IntArray:
    """The fold in which each track with frames and tags is asked about, `[num_rows]`."""
    groups = groups_of(track_means(tracks.data.frames, tracks.rows), tracks.artist[tracks.rows])
    return label_folds(tracks.data.labels[tracks.rows], groups, _FOLDS, np.random.default_rng(0))


def judge(
    tracks: TrainingTracks, asked: IntArray, tags: Sequence[str], config: TaggerConfig, run: RunOptions
) -> Judged:
    """What a tagger and its rivals say of some tracks, having learned from all others."""
    known = np.setdiff1d(tracks.rows, asked)
    model = fit_tag_model(TrainingTracks(tracks.data, known, tracks.artist), tags, config, run).model
    found = model.probabilities(SomeFrames(tracks.data.frames, asked))
    rivals = rival_scores(tracks.data, known, asked, config, run)
    return Judged(asked, found, found >= model.thresholds, dict(rivals))


def judged_report(tracks: TrainingTracks, parts: Sequence[Judged], tags: Sequence[str]) -> Report:
    """The report of all that was judged, with what people are told and what lists of runs show."""
    labels = tracks.data.labels
    rows = np.concatenate([part.rows for part in parts])
    tagged = Tagged(
        tags,
        labels[rows].toarray().astype(bool),
        np.asarray(labels[tracks.rows].sum(0)).ravel(),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.said for part in parts]),
        {name: np.concatenate([part.rivals[name] for part in parts]) for name in parts[0].rivals},
    )
    report = tagging_report(tagged, np.random.default_rng(0))
    report["figures"] = {name: report["model"][name] for name in ("macro_ap", "micro_ap")}
    report["summary"] = tagging_lines(report)
    return report
