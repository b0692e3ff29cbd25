"""Answers for all tracks of a file, written in its order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindred.domain.errors import RecordError
from kindred.domain.interactions import BoolArray, FloatArray, IntArray
from kindred.domain.progress import Progress, silent
from kindred.features.audio_frames import FrameFiles, open_frames
from kindred.graph.store import GraphStore
from kindred.recommenders.runs import Run
from kindred.recommenders.tagging.answers import Answers, Tagger, given_tags, load_tagger
from kindred.recommenders.tagging.file import Asked, write_predictions
from kindred.recommenders.tagging.release import GIVEN, HEARD, PRIOR
from kindred.recommenders.tagging.tables import TagTables, read_tag_tables

_TRACKS_AT_ONCE = 2048


@dataclass(frozen=True)
class Predicted:
    """What became of the tracks that were asked for.

    Attributes:
        tracks: rows written.
        tags: numbers in a row.
        rests_on: rows by what their answers rest on.
        unknown: tracks that the graph does not know, each once.
        repeated: tracks that were asked for more than once, each once; every row has its answer.
        refused: why frames could not be read, by track.
        gaps: numbers between those of the tags that no tag of the training has, so that a row has no place for them.
    """

    tracks: int
    tags: int
    rests_on: dict[str, int]
    unknown: tuple[str, ...]
    repeated: tuple[str, ...]
    refused: dict[str, str]
    gaps: tuple[int, ...]


def numbers_between(tags: Sequence[str]) -> tuple[int, ...]:
    """The numbers between those of these tags that none of them has; none where some are words or most are missing."""
    if not all(tag.isdecimal() for tag in tags):
        return ()
    numbers = set(map(int, tags))
    if max(numbers) - min(numbers) > 2 * len(numbers):
        return ()
    return tuple(number for number in range(min(numbers), max(numbers)) if number not in numbers)


class TrackAnswers:
    """What a tagger says of tracks by position in the graph's tables, −1 for one that is not there.

    Attributes:
        refused: why frames could not be read, by track, of those that were asked for so far.
    """

    def __init__(self, tagger: Tagger, tables: TagTables) -> None:
        self.tagger = tagger
        self._tables = tables
        self._given = given_tags(tables.labels, tables.tags, tagger.model.tags)
        self.refused: dict[str, str] = {}

    def frames(self, positions: IntArray) -> FrameFiles:
        """Their frames, none where the run never heard any; files that can't be read are noted and left out."""
        dim = self.tagger.model.frame_dim
        frames = open_frames([self._tables.paths[row] if row >= 0 and dim else None for row in positions.tolist()], dim)
        for place, why in frames.refused.items():
            self.refused[self._tables.tracks.external(int(positions[place]))] = why
        return frames

    def given(self, positions: IntArray) -> BoolArray:
        """The tags that they have, `[num, num_tags]`."""
        given = np.zeros((len(positions), len(self.tagger.model.tags)), dtype=np.bool_)
        given[positions >= 0] = self._given[positions[positions >= 0]].toarray()
        return given

    def of(self, positions: IntArray) -> Answers:
        """The answers."""
        return self.tagger.answers(self.frames(positions), self.given(positions))


def predict_to_file(run: Run, store: GraphStore, asked: Asked, path: Path, progress: Progress = silent) -> Predicted:
    """Writes an answer for every track that is asked for; what became of them.

    Raises:
        RecordError: the graph holds no tags, or none of the tracks that are asked for.
        SettingsError: the file can't be written.
    """
    tables = read_tag_tables(store)
    answers = TrackAnswers(load_tagger(run.folder), tables)
    positions = tables.tracks.positions(list(asked.tracks))
    if not (positions >= 0).any():
        raise RecordError(
            f"the graph knows none of the {len(asked.tracks):,} tracks, e.g. {asked.tracks[0]!r}",
            "load their frames with `kindred ingest tags --frames PATH`",
        )
    rests_on = dict.fromkeys((HEARD, GIVEN, PRIOR), 0)

    def parts() -> Iterator[FloatArray]:
        for begin in range(0, len(positions), _TRACKS_AT_ONCE):
            progress("predicting", begin, len(positions))
            found = answers.of(positions[begin : begin + _TRACKS_AT_ONCE])
            for name in rests_on:
                rests_on[name] += int((found.rests_on == name).sum())
            yield found.probabilities
        progress("predicting", len(positions), len(positions))

    count = write_predictions(path, asked.tracks, parts())
    unknown = [track for track, row in zip(asked.tracks, positions.tolist(), strict=True) if row < 0]
    ids, times = np.unique(np.array(asked.tracks, dtype=object), return_counts=True)
    return Predicted(
        count,
        len(answers.tagger.model.tags),
        rests_on,
        tuple(dict.fromkeys(unknown)),
        tuple(ids[times > 1].tolist()),
        answers.refused,
        numbers_between(answers.tagger.model.tags),
    )
