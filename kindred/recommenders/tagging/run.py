"""Trains the system of tags: from the graph's lists of tags and frames to a run."""

from __future__ import annotations

import numpy as np

from kindred.domain.shown import counted
from kindred.graph.store import GraphStore
from kindred.linear.tags.calibration import Calibration
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.runs import Run, finish_run
from kindred.recommenders.system import System
from kindred.recommenders.tagging.completion import fit_tag_completion
from kindred.recommenders.tagging.fitting import FittedTagger, fit_tag_model
from kindred.recommenders.tagging.model import TagModel, prior_of
from kindred.recommenders.tagging.tables import TagTables, TrainingTracks, read_tag_tables, training_tracks
from kindred.recommenders.training import GraphState, begin_training, made_of, versions_of
from kindred.training.fit import RunOptions

_FEWEST = 16
"""Tracks with frames and tags below which there is nothing to hold out; then only how frequent tags are is learned."""
_NAMED = 5


def train(system: System, store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    """A finished run in `options.folder`: the tagger of all tracks that have frames and tags.

    Raises:
        ArtifactError: the folder holds a finished run already.
        RecordError: no track of the graph has a tag.
    """
    begin_training(options.folder, config, options, state)
    tables = read_tag_tables(store, state.until)
    options.has_read()
    frames = tables.open_frames()
    tracks = training_tracks(tables, frames)
    if len(tracks.rows) >= _FEWEST:
        fitted = fit_tag_model(tracks, tables.tags.ids, config.tagger, options)
    else:
        fitted = FittedTagger(prior_model(tables, config), {"tracks": len(tracks.rows)})
    fitted.model.save(options.folder)
    fit_tag_completion(tables.labels, options).save(options.folder)
    manifest = {
        **made_of(system, config, options, state),
        "events": int(tables.labels.nnz),
        "users": len(tables.tracks),
        "items": len(tables.tags),
        "weights": {"networks": fitted.model.share, "regressions": 1 - fitted.model.share},
        "tagger": fitted.made,
        "left_out": [frames.refused[row] for row in sorted(frames.refused)[:_NAMED]],
        "summary": [*_apart(tables, tracks), *_summary(fitted, tracks, frames.refused)],
        "versions": versions_of("torch"),
    }
    return finish_run(options.folder, manifest)


def prior_model(tables: TagTables, config: ModelConfig) -> TagModel:
    """A tagger that never heard a frame: it knows how frequent tags are."""
    prior = prior_of(tables.labels[np.flatnonzero(np.diff(tables.labels.indptr))])
    same = Calibration(np.ones_like(prior), np.zeros_like(prior))
    return TagModel(tables.tags.ids, config.tagger, None, (), 0.0, same, np.full_like(prior, 0.5), prior)


def _apart(tables: TagTables, tracks: TrainingTracks) -> list[str]:
    """What to do where some tracks have frames and others tags: they may be the same ones by two names."""
    heard = np.flatnonzero(tracks.data.frames.lengths)
    if len(tracks.rows) or not len(heard):
        return []
    tagged = int(np.flatnonzero(np.diff(tables.labels.indptr))[0])
    of_frames, of_tags = tables.tracks.external(int(heard[0])), tables.tracks.external(tagged)
    return [
        f"no track has both frames and tags: there are frames of {of_frames!r} and tags of {of_tags!r}; "
        "if these are the same tracks, ingest one of the two again under the names of the other"
    ]


def _summary(fitted: FittedTagger, tracks: TrainingTracks, refused: dict[int, str]) -> list[str]:
    """What became of the training, for people."""
    lines = [f"{counted(len(tracks.rows), 'track has', 'tracks have')} frames and tags"]
    if fitted.model.plain is None:
        return [*lines, "too few to learn from: answers rest on a track's other tags, or on how frequent tags are"]
    held = fitted.made["held_out"]
    assert isinstance(held, dict)
    figures = ", ".join(f"{name} {value:.4f}" for name, value in held.items())
    lines.append(f"macro average precision on tracks held out: {figures}")
    if fitted.model.share:
        lines.append(f"{len(fitted.model.networks)} networks weigh {fitted.model.share:g}, regressions the rest")
    else:
        lines.append("the network is not clearly better than regressions on tracks held out, which answer alone")
    if refused:
        named = "; ".join(refused[row] for row in sorted(refused)[:_NAMED])
        lines.append(f"{counted(len(refused), 'file', 'files')} of frames left out: {named}")
    return lines
