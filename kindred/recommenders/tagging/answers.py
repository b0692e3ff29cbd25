"""What a run says of tracks: from their frames, from the tags that they have, from both, or from neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit, logit

from kindred.domain.frames import Frames
from kindred.domain.ids import IdMap
from kindred.domain.interactions import BoolArray, FloatArray
from kindred.recommenders.tagging.completion import TagCompletion, load_tag_completion
from kindred.recommenders.tagging.model import TagModel, load_tag_model
from kindred.recommenders.tagging.release import GIVEN, HEARD, PRIOR

TAGS_BESIDE_SOUND = 0.5
"""How much given tags of a track that was heard move the log odds of the others; 1 as if both were independent."""
_LEAST = 1e-6


@dataclass(frozen=True)
class Answers:
    """What is said of some tracks.

    Attributes:
        probabilities: in [0, 1], of given tags 1, `[num_tracks, num_tags]`.
        rests_on: `HEARD`, `GIVEN` or `PRIOR`, `[num_tracks]`.
    """

    probabilities: FloatArray
    rests_on: NDArray[np.str_]


@dataclass(frozen=True)
class Tagger:
    """A run as it answers: what it learned of sound, and of lists of tags."""

    model: TagModel
    completion: TagCompletion

    def answers(self, frames: Frames, given: BoolArray) -> Answers:
        """What is said of tracks with these frames and these tags, `[num_tracks, num_tags]`.

        Raises:
            RecordError: the frames are of another width than the run learned from.
        """
        has_tags = given.any(axis=1)
        with np.errstate(over="ignore", invalid="ignore"):  # great numbers overflow: they were not heard
            found = self.model.probabilities(frames)
        heard = (frames.lengths > 0) & np.isfinite(found).all(axis=1)
        found[~heard] = self.model.prior
        found[~heard & has_tags] = self.completion.chances(given[~heard & has_tags])
        both = heard & has_tags
        if both.any():
            found[both] = self.with_tags(found[both], given[both])
        found[given] = 1.0
        rests_on = np.where(heard, HEARD, np.where(has_tags, GIVEN, PRIOR))
        return Answers(self.completion.lawful(found), rests_on)

    def with_tags(self, heard: FloatArray, given: BoolArray, weight: float = TAGS_BESIDE_SOUND) -> FloatArray:
        """What sound says, moved by what the given tags say beyond how frequent tags are, `[num_tracks, num_tags]`."""
        nothing = np.zeros((1, given.shape[1]), dtype=np.bool_)
        told = _log_odds(self.completion.chances(given)) - _log_odds(self.completion.chances(nothing))
        moved: FloatArray = expit(_log_odds(heard) + weight * told).astype(np.float32)
        return moved


def load_tagger(folder: Path) -> Tagger:
    """The tagger of a run. Raises: ArtifactError where it is missing, damaged or of another version."""
    return Tagger(load_tag_model(folder), load_tag_completion(folder))


def given_tags(labels: csr_matrix, tags: IdMap, known: Sequence[str]) -> csr_matrix:
    """The tags that tracks have, as far as the run knows them and in its order, `[num_tracks, num_known]`.

    Args:
        labels: `[num_tracks, num_tags]`.
        tags: of the columns of `labels`.
        known: those of the run.
    """
    order = IdMap(known).positions(tags.ids)
    pairs = labels.tocoo()
    columns = order[pairs.col]
    there = columns >= 0
    where = (pairs.row[there], columns[there])
    return csr_matrix((np.ones(int(there.sum()), dtype=bool), where), shape=(labels.shape[0], len(known)))


def _log_odds(chance: FloatArray) -> FloatArray:
    """Finite also of what is certain."""
    odds: FloatArray = logit(np.clip(chance, _LEAST, 1.0 - _LEAST))
    return odds
