"""Tags from frames without a network: four logistic regressions, of two views of the frames, learned in two ways.

A view is the frames as they are, or brought to the shape of a bell, each feature by its quantiles: what networks end
with is often skewed, so that a few loud frames decide a mean. One regression learns from the means of tracks, the other
from single frames, each of which is said to have its track's tags; the mean of its logits is the logit of the mean, and
where tags exclude each other, probabilities are averaged instead. The four agree on what matters and err differently,
so their log odds are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit, ndtri

from kindred.domain.frames import Frames, Stretches, padded
from kindred.domain.groups import numbered
from kindred.domain.interactions import FloatArray, IntArray
from kindred.linear.tags.logistic import Logistic, are_exclusive, fit_logistic

_QUANTILES = 65
_FRAMES = 30_000
"""Most single frames that a regression learns from, and that quantiles are taken from."""
_PENALTY = 13.0
"""What the squares of weights cost in all, in the unit of one track; so it fades as tracks add up."""
_NAMES = ("mean", "frame", "bell mean", "bell frame")


@dataclass(frozen=True)
class PlainTagger:
    """The four regressions.

    Attributes:
        quantiles: of each feature, `[num_quantiles, frame_dim]`.
        models: of the means and of single frames, as they are, then in the shape of a bell.
    """

    quantiles: FloatArray
    models: tuple[Logistic, ...]

    @property
    def exclusive(self) -> bool:
        """Whether every track that it learned from has exactly one tag."""
        return self.models[0].exclusive

    def logits(self, frames: Frames, rows: IntArray) -> FloatArray:
        """Log odds of these tracks, all of which have frames, `[num_rows, num_tags]`."""
        means, bells = self.means(frames, rows)
        views = (means, means, bells, bells)
        by_model = [model.logits(view) for model, view in zip(self.models, views, strict=True)]
        if self.exclusive:
            by_model[1], by_model[3] = self._frame_by_frame(frames, rows)
        found: FloatArray = np.mean(by_model, axis=0)
        return found

    def _frame_by_frame(self, frames: Frames, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Log odds of the mean probability of a track's frames: a softmax of the mean frame would be another thing."""
        shares = np.empty((2, len(rows), len(self.models[0].bias)))
        for place, (row, length) in enumerate(zip(rows.tolist(), frames.lengths[rows].tolist(), strict=True)):
            own = frames.read(row, 0, length)
            for view, model in ((own, self.models[1]), (self._bell(own), self.models[3])):
                shares[int(model is self.models[3]), place] = expit(model.logits(view)).mean(0)
        odds = np.clip(shares, 1e-9, 1 - 1e-9)
        plain, bell = np.log(odds / (1 - odds)).astype(np.float32)
        return plain, bell

    def means(self, frames: Frames, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """The mean of each track's frames in both views, `[num_rows, frame_dim]`."""
        means = np.empty((len(rows), frames.frame_dim), dtype=np.float32)
        bells = np.empty_like(means)
        for place, (row, length) in enumerate(zip(rows.tolist(), frames.lengths[rows].tolist(), strict=True)):
            own = frames.read(row, 0, length)
            means[place], bells[place] = own.mean(0), self._bell(own).mean(0)
        return means, bells

    def vectors(self, frames: Frames, rows: IntArray) -> FloatArray:
        """The mean of each track's frames in both views, scaled, side by side, `[num_rows, 2 · frame_dim]`."""
        parts = zip(self.means(frames, rows), (self.models[0], self.models[2]), strict=True)
        return np.concatenate([(means - model.mean) / model.deviation for means, model in parts], axis=1)

    def _bell(self, frames: FloatArray) -> FloatArray:
        return _bell_shaped(self.quantiles, frames)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays, to be written."""
        found: dict[str, NDArray[Any]] = {"quantiles": self.quantiles}
        for name, model in zip(_NAMES, self.models, strict=True):
            found |= {f"{name}.{part}": np.asarray(getattr(model, part)) for part in Logistic.__dataclass_fields__}
        return found


def plain_tagger_of(arrays: Mapping[str, NDArray[Any]]) -> PlainTagger:
    """The regressions that were written."""
    models = []
    for name in _NAMES:
        mean, deviation, weight, bias, exclusive = (arrays[f"{name}.{part}"] for part in Logistic.__dataclass_fields__)
        models.append(Logistic(mean, deviation, weight, bias, bool(exclusive)))
    return PlainTagger(arrays["quantiles"], tuple(models))


def fit_plain_tagger(frames: Frames, labels: csr_matrix, rows: IntArray, rng: np.random.Generator) -> PlainTagger:
    """The regressions of these tracks, all of which have frames and tags.

    Args:
        frames: of all tracks.
        labels: `[num_tracks, num_tags]`.
        rows: what to learn from.
        rng: samples single frames.
    """
    single, whose = _single_frames(frames, rows, rng)
    quantiles = np.quantile(single, _levels(), axis=0).astype(np.float32)
    wanted = labels[rows].toarray().astype(bool)
    exclusive = are_exclusive(wanted)
    means, bells = PlainTagger(quantiles, ()).means(frames, rows)
    ridge = _PENALTY / len(rows)
    bell = _bell_shaped(quantiles, single)
    models = (
        fit_logistic(means, wanted, ridge, exclusive),
        fit_logistic(single, wanted[whose], ridge, exclusive),
        fit_logistic(bells, wanted, ridge, exclusive),
        fit_logistic(bell, wanted[whose], ridge, exclusive),
    )
    return PlainTagger(quantiles, models)


def track_means(frames: Frames, rows: IntArray) -> FloatArray:
    """The mean of each track's frames, `[num_rows, frame_dim]`."""
    lengths = frames.lengths[rows].tolist()
    read = (frames.read(row, 0, length).mean(0) for row, length in zip(rows.tolist(), lengths, strict=True))
    return np.array(list(read), dtype=np.float32).reshape(len(rows), frames.frame_dim)


def _single_frames(frames: Frames, rows: IntArray, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Frames of all tracks alike as far as they have them, and the place of each one's track among the rows."""
    each = max(_FRAMES // len(rows), 1)
    lengths = frames.lengths[rows]
    taken = np.minimum(lengths, each)
    whose = np.repeat(np.arange(len(rows)), taken)
    number = numbered(taken)
    stretch = np.repeat(lengths / taken, taken)
    at = ((number + rng.random(len(whose))) * stretch).astype(np.int64)
    values, _ = padded(frames, Stretches(rows[whose], at, np.ones(len(whose), dtype=np.int64)))
    return values[:, 0], whose


def _levels() -> NDArray[np.float64]:
    return (np.arange(_QUANTILES) + 0.5) / _QUANTILES


def _bell_shaped(quantiles: FloatArray, frames: FloatArray) -> FloatArray:
    """Each feature as the normal deviate of its rank among the quantiles, `[num_frames, frame_dim]`."""
    deviates = ndtri(_levels())
    shaped = np.empty_like(frames)
    for column in range(frames.shape[1]):
        shaped[:, column] = np.interp(frames[:, column], quantiles[:, column], deviates)
    return shaped
