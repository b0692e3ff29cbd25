"""Trains a tagging network through the one training loop, and asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from kindred.devices import choose_device, has_bfloat16
from kindred.domain.frames import Frames, Stretches, length_sorted_batches, padded, random_crops, whole_tracks
from kindred.domain.interactions import FloatArray, IntArray
from kindred.models.sequence_tagger import SequenceTagger, TaggerConfig
from kindred.training.fit import FitResult, Objective, RunOptions, fit
from kindred.training.schedule import Metrics

WATCHED = "macro_ap"
_FOCUS, _MARGIN = 2.0, 0.05  # of the loss on negatives
_POOL = 32  # batches that are filled at once, so that tracks of like length find each other
_SCALED_BY = 2048  # from which mean and deviation of frames are taken


@dataclass(frozen=True)
class TaggedFrames:
    """Tracks with their frames and tags.

    Attributes:
        frames: of all tracks.
        labels: 1 where a track has a tag, `[num_tracks, num_tags]`.
    """

    frames: Frames
    labels: csr_matrix


class Averaged(nn.Module):
    """A network, and the average of its weights over the steps of its training, which is the one that answers.

    Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018, arXiv 1803.05407; here
    exponential.
    """

    def __init__(self, network: SequenceTagger, average: SequenceTagger) -> None:
        super().__init__()
        self.network, self.average = network, average
        self.average.requires_grad_(False)

    @torch.no_grad()
    def follow(self, kept: float) -> None:
        """Moves the average towards the network."""
        own: list[Tensor] = list(self.average.parameters())
        other: list[Tensor] = list(self.network.parameters())
        torch._foreach_lerp_(own, other, 1 - kept)


def asymmetric_focal_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of −y·log p − (1 − y)·q²·log(1 − q), where q = max(p − 0.05, 0): easy negatives hardly count.

    Ridnik et al., "Asymmetric Loss For Multi-Label Classification", 2021, arXiv 2009.14119, without focusing on
    positives. `[batch, num_tags]` both.
    """
    shifted = (torch.sigmoid(logits) - _MARGIN).clamp(min=0)
    easy = shifted.pow(_FOCUS) * torch.log1p(-shifted)
    return -(labels * functional.logsigmoid(logits) + (1 - labels) * easy).mean()


def new_tagger(data: TaggedFrames, rows: IntArray, config: TaggerConfig, seed: int) -> SequenceTagger:
    """An untrained network that knows the mean and deviation of these tracks' frames, and how frequent tags are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SequenceTagger(data.frames.frame_dim, data.labels.shape[1], config)
    some = np.random.default_rng(seed).permutation(rows)[:_SCALED_BY]
    values, mask = padded(data.frames, random_crops(data.frames, some, config.crop, np.random.default_rng(seed)))
    there = values[mask].astype(np.float64)
    network.mean.copy_(torch.from_numpy(there.mean(0)))
    network.deviation.copy_(torch.from_numpy(there.std(0) + 1e-6))
    share = (np.asarray(data.labels[rows].sum(0)).ravel() + 0.5) / (len(rows) + 1)
    network.set_prior(torch.from_numpy(np.log(share / (1 - share))))
    return network


def fit_tagger(
    data: TaggedFrames,
    rows: IntArray,
    config: TaggerConfig,
    run: RunOptions,
    measure: Callable[[SequenceTagger], Metrics] | None = None,
) -> tuple[SequenceTagger, FitResult]:
    """The network with the best `macro_ap`, averaged over steps, and how its training went.

    Args:
        data: all tracks.
        rows: the tracks to learn from, all of which have frames.
        config: settings.
        run: where and how.
        measure: metrics on tracks held out, `macro_ap` among them; None to train for all epochs.
    """
    device = choose_device(run.device)
    both = Averaged(new_tagger(data, rows, config, run.seed), new_tagger(data, rows, config, run.seed)).to(device)
    steps = _Steps(both, data, rows, config)
    made_of = {"config": config.model_dump(mode="json"), "tracks": len(rows)}
    validate = None if measure is None else lambda: measure(both.average)
    result = fit(Objective(both, steps, made_of, validate, WATCHED), config, run)
    return both.average.eval(), result


@dataclass(frozen=True)
class _Steps:
    """The losses of an epoch's steps."""

    both: Averaged
    data: TaggedFrames
    rows: IntArray
    config: TaggerConfig

    def __call__(self, rng: np.random.Generator) -> Iterator[Mapping[str, Tensor]]:
        batches = self._batches(rng)
        device = self.both.network.mean.device
        half = has_bfloat16(device)
        for number in rng.permutation(len(batches)).tolist():
            stretches = batches[number]
            values, mask = padded(self.data.frames, stretches)
            frames, there = torch.from_numpy(values).to(device), torch.from_numpy(mask).to(device)
            labels = torch.from_numpy(self.data.labels[stretches.row].toarray().astype(np.float32)).to(device)
            if self.config.mixup > 0:
                frames, there, labels = _mixed(frames, there, labels, self.config.mixup, rng)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                logits = self.both.network(frames, there)
            yield {"loss": self._loss(logits.float(), labels)}
            self.both.follow(self.config.average)  # after the step that the loss was for

    def _batches(self, rng: np.random.Generator) -> list[Stretches]:
        """Every track equally often; those of like length together, as far as chance puts them near each other."""
        size = self.config.batch_size
        times = -(-self.config.least_steps * size // len(self.rows))
        rows = np.concatenate([rng.permutation(self.rows) for _ in range(times)])
        crops = random_crops(self.data.frames, rows, self.config.crop, rng)
        pools = [np.arange(at, min(at + _POOL * size, len(rows))) for at in range(0, len(rows), _POOL * size)]
        return [
            batch for pool in pools for batch in length_sorted_batches(crops.take(pool), size, self.config.most_frames)
        ]

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.config.loss == "focal":
            return asymmetric_focal_loss(logits, labels)
        return functional.binary_cross_entropy_with_logits(logits, labels)


def _mixed(
    frames: Tensor, mask: Tensor, labels: Tensor, strength: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Each track with some of another laid over it, frame on frame, and tags of both to that degree.

    Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018, arXiv 1710.09412.
    """
    share = float(rng.beta(strength, strength))
    other = torch.from_numpy(rng.permutation(len(frames))).to(frames.device)
    mixed = share * frames + (1 - share) * frames[other]
    return mixed, mask | mask[other], share * labels + (1 - share) * labels[other]


def tagger_logits(network: SequenceTagger, frames: Frames, rows: IntArray, config: TaggerConfig) -> FloatArray:
    """Logits of these tracks, all of which have frames, `[num_rows, num_tags]`; of a long one the mean of its parts."""
    return _by_track(network, frames, rows, config, network.forward)


def tagger_vectors(network: SequenceTagger, frames: Frames, rows: IntArray, config: TaggerConfig) -> FloatArray:
    """What the network makes logits of, for these tracks, `[num_rows, …]`."""
    return _by_track(network, frames, rows, config, network.embed)


@torch.no_grad()
def _by_track(
    network: SequenceTagger,
    frames: Frames,
    rows: IntArray,
    config: TaggerConfig,
    ask: Callable[[Tensor, Tensor], Tensor],
) -> FloatArray:
    device = network.mean.device
    parts = whole_tracks(frames, rows, config.crop)
    place = np.empty(len(frames.lengths), dtype=np.int64)
    place[rows] = np.arange(len(rows))
    sums: FloatArray | None = None
    for batch in length_sorted_batches(parts, 4 * config.batch_size, config.most_frames):
        values, mask = padded(frames, batch)
        found = ask(torch.from_numpy(values).to(device), torch.from_numpy(mask).to(device)).float().cpu().numpy()
        if sums is None:
            sums = np.zeros((len(rows), found.shape[1]), dtype=np.float32)
        share = (batch.length / frames.lengths[batch.row]).astype(np.float32)
        np.add.at(sums, place[batch.row], found * share[:, None])
    return np.zeros((0, 0), dtype=np.float32) if sums is None else sums
