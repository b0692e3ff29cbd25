"""A trained tagger: networks and plain regressions side by side, calibrated; from frames to a probability a tag."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kindred.domain.embeddings import unit_rows
from kindred.domain.errors import ArtifactError, RecordError
from kindred.domain.frames import Frames
from kindred.domain.interactions import FloatArray, IntArray
from kindred.linear.tags.calibration import Calibration
from kindred.linear.tags.logistic import log_odds
from kindred.linear.tags.plain_tagger import PlainTagger, plain_tagger_of
from kindred.models.sequence_tagger import SequenceTagger, TaggerConfig
from kindred.models.sequence_tagger_fit import tagger_logits, tagger_vectors
from kindred.training.checkpoint import read_arrays, read_checkpoint, write_arrays, write_checkpoint

MODEL, NETWORK = "tag-model", "tagger"


@dataclass(frozen=True)
class TagModel:
    """What answers for tracks.

    Attributes:
        tags: ids, in the order of every answer.
        config: of the networks.
        plain: regressions; None where no track had frames to learn from: then all answers are the prior.
        networks: those that were trained; their logits are averaged.
        share: how much the networks weigh beside the regressions, 0 to 1.
        calibration: of the logits of both.
        thresholds: probability of each tag from which on it is said to fit, `[num_tags]`.
        prior: share of the tracks that have each tag, the answer for a track without frames, `[num_tags]`.
    """

    tags: tuple[str, ...]
    config: TaggerConfig
    plain: PlainTagger | None
    networks: tuple[SequenceTagger, ...]
    share: float
    calibration: Calibration
    thresholds: FloatArray
    prior: FloatArray

    @property
    def frame_dim(self) -> int:
        """Width of the frames that it reads; 0 where it reads none."""
        return 0 if self.plain is None else int(self.plain.quantiles.shape[1])

    def logits(self, frames: Frames) -> FloatArray:
        """Before calibration, `[num_tracks, num_tags]`; of a track without frames those of the prior.

        Raises:
            RecordError: the frames are of another width.
        """
        rows = self._rows(frames)
        found = np.tile(np.log(self.prior / (1 - self.prior)), (len(frames.lengths), 1)).astype(np.float32)
        if self.plain is not None and len(rows):
            found[rows] = self._mixed(self.plain, frames, rows)
        return found

    def probabilities(self, frames: Frames) -> FloatArray:
        """How likely each tag is, in [0, 1], `[num_tracks, num_tags]`; for a track without frames the prior.

        Raises:
            RecordError: the frames are of another width.
        """
        found = self.calibration.probabilities(self.logits(frames))
        found[frames.lengths == 0] = self.prior
        return found

    def embed(self, frames: Frames) -> FloatArray:
        """Unit vectors, near each other where tracks sound alike, `[num_tracks, width]`; zeros without frames.

        They are the first network's view of a track; of regressions alone the mean of its frames in both views.
        """
        rows = self._rows(frames)
        if self.networks and self.share > 0:
            vectors = tagger_vectors(self.networks[0], frames, rows, self.config)
        elif self.plain is not None:
            vectors = self.plain.vectors(frames, rows)
        else:
            vectors = np.zeros((len(rows), 1), dtype=np.float32)
        found = np.zeros((len(frames.lengths), vectors.shape[1]), dtype=np.float32)
        found[rows] = unit_rows(vectors)
        return found

    def _rows(self, frames: Frames) -> IntArray:
        rows = np.flatnonzero(frames.lengths > 0)
        if len(rows) and frames.frame_dim != self.frame_dim:
            wanted = f"the tagger reads {self.frame_dim}" if self.frame_dim else "the tagger never heard any"
            raise RecordError(f"frames are {frames.frame_dim} wide, {wanted}", "see its run")
        return rows

    def _mixed(self, plain: PlainTagger, frames: Frames, rows: IntArray) -> FloatArray:
        found = np.zeros((len(rows), len(self.tags)), dtype=np.float32)
        if self.share < 1:
            found += (1 - self.share) * plain.logits(frames, rows)
        if self.share > 0:
            found += self.share * network_logits(self.networks, frames, rows, self.config, plain.exclusive)
        return found

    def save(self, folder: Path) -> None:
        """Writes it into the folder of a run."""
        for number, network in enumerate(self.networks):
            write_checkpoint(folder, f"{NETWORK}-{number}", network.state_dict(), {})
        arrays: dict[str, NDArray[Any]] = {
            **{f"plain.{n}": array for n, array in ({} if self.plain is None else self.plain.arrays()).items()},
            **{f"calibration.{f.name}": getattr(self.calibration, f.name) for f in fields(Calibration)},
            "thresholds": self.thresholds,
            "prior": self.prior,
        }
        noted = {
            "tags": self.tags,
            "config": self.config.model_dump(mode="json"),
            "networks": len(self.networks),
            "share": self.share,
        }
        write_arrays(folder, MODEL, arrays, noted)


def prior_of(labels: csr_matrix) -> FloatArray:
    """How frequent each tag is among tracks with tags, `[num_tracks, num_tags]`, never 0 or 1, `[num_tags]`."""
    count = np.asarray(labels.sum(0)).ravel()
    prior: FloatArray = ((count + 0.5) / (labels.shape[0] + 1)).astype(np.float32)
    return prior


def network_logits(
    networks: tuple[SequenceTagger, ...], frames: Frames, rows: IntArray, config: TaggerConfig, exclusive: bool
) -> FloatArray:
    """The mean logits of several networks, log odds where tags exclude each other, `[num_rows, num_tags]`."""
    found: FloatArray = np.mean([tagger_logits(network, frames, rows, config) for network in networks], axis=0)
    return log_odds(found) if exclusive else found


def load_tag_model(folder: Path) -> TagModel:
    """The tagger of a run.

    Raises:
        ArtifactError: it is missing, damaged or of another version.
    """
    arrays, noted = read_arrays(folder, MODEL)
    try:
        config = TaggerConfig.model_validate(noted["config"])
        written = {n.removeprefix("plain."): a for n, a in arrays.items() if n.startswith("plain.")}
        plain = plain_tagger_of(written) if written else None
        tags = tuple(noted["tags"])
        dim = 0 if plain is None else int(plain.quantiles.shape[1])
        networks = tuple(_network(folder, number, dim, tags, config) for number in range(noted["networks"]))
        calibration = Calibration(**{f.name: arrays[f"calibration.{f.name}"] for f in fields(Calibration)})
        return TagModel(
            tags, config, plain, networks, noted["share"], calibration, arrays["thresholds"], arrays["prior"]
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"the tagger in {folder} is of another version: {error}", "train again") from error


def _network(folder: Path, number: int, dim: int, tags: tuple[str, ...], config: TaggerConfig) -> SequenceTagger:
    network = SequenceTagger(dim, len(tags), config)
    network.load_state_dict(read_checkpoint(folder, f"{NETWORK}-{number}")[0])
    return network.eval()
