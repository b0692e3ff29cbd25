"""Fits a tagger: networks on folds, regressions on all tracks, and what each is worth on tracks held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray
from kindred.evaluation.bootstrap import resample
from kindred.evaluation.label_folds import groups_of, label_folds
from kindred.evaluation.tagging import Ranked, macro_ap, mean_known
from kindred.linear.tags.calibration import f1_thresholds, fit_calibration
from kindred.linear.tags.plain_tagger import fit_plain_tagger, track_means
from kindred.models.sequence_tagger import SequenceTagger, TaggerConfig
from kindred.models.sequence_tagger_fit import WATCHED, TaggedFrames, fit_tagger, tagger_logits
from kindred.recommenders.tagging.model import TagModel, network_logits, prior_of
from kindred.recommenders.tagging.tables import TrainingTracks
from kindred.training.fit import RunOptions

_FEWEST_FOLDS = 8
"""Into which tracks are dealt; one of them is held out of each network."""
_SHARES = (0.25, 0.5, 0.75, 0.9, 1.0)
_RESAMPLES = 24


@dataclass(frozen=True)
class FittedTagger:
    """A tagger, and how it came about.

    Attributes:
        model: ready to answer.
        made: figures of its training, for the manifest.
    """

    model: TagModel
    made: Mapping[str, object]


@dataclass(frozen=True)
class _HeldOut:
    """Logits of tracks by models that did not learn from them, one row a track."""

    rows: IntArray
    plain: FloatArray
    network: FloatArray


def fit_tag_model(tracks: TrainingTracks, tags: Sequence[str], config: TaggerConfig, run: RunOptions) -> FittedTagger:
    """The tagger of these tracks: `config.folds` × `config.seeds` networks, each with a fold of its own held out.

    What is held out decides when a network stops learning, how much networks weigh beside regressions, and what
    probabilities can be believed. Where networks are not clearly better on it, the regressions answer alone.
    """
    data, rows = tracks.data, tracks.rows
    rng = np.random.default_rng(run.seed)
    full = fit_plain_tagger(data.frames, data.labels, rows, rng)
    groups = groups_of(track_means(data.frames, rows), tracks.artist[rows])
    fold = label_folds(data.labels[rows], groups, max(config.folds, _FEWEST_FOLDS), rng)
    networks: list[SequenceTagger] = []
    parts, epochs = [], []
    for number in range(config.folds):
        kept, held = rows[fold != number], rows[fold == number]
        of_fold, best = _fit_networks(data, kept, held, config, run, number)
        plain = fit_plain_tagger(data.frames, data.labels, kept, rng)
        by_network = network_logits(of_fold, data.frames, held, config, full.exclusive)
        parts.append(_HeldOut(held, plain.logits(data.frames, held), by_network))
        networks += of_fold
        epochs += best
    held_out = _HeldOut(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("rows", "plain", "network")))
    labels = data.labels[held_out.rows].toarray().astype(bool)
    share, scores = choose_share(held_out.plain, held_out.network, labels, rng)
    mixed = (share * held_out.network + (1 - share) * held_out.plain).astype(np.float32)
    calibration = fit_calibration(mixed, labels)
    thresholds, prior = f1_thresholds(calibration.probabilities(mixed)), prior_of(data.labels[rows])
    model = TagModel(tuple(tags), config, full, tuple(networks), share, calibration, thresholds, prior)
    groups_held = int(groups.max()) + 1
    made = {"tracks": len(rows), "groups": groups_held, "share": share, "held_out": scores, "epochs": epochs}
    return FittedTagger(model, made)


def _fit_networks(
    data: TaggedFrames, kept: IntArray, held: IntArray, config: TaggerConfig, run: RunOptions, fold: int
) -> tuple[tuple[SequenceTagger, ...], list[int]]:
    """The networks of one fold, one a seed, and the best epoch of each."""
    wanted = data.labels[held].toarray().astype(bool)

    def measure(network: SequenceTagger) -> dict[str, float]:
        return {WATCHED: macro_ap(tagger_logits(network, data.frames, held, config), wanted)}

    found, epochs = [], []
    for number in range(config.seeds):
        is_first = fold == number == 0
        folder = run.folder if is_first else run.folder / f"fit-{fold}-{number}"
        own = replace(run, folder=folder, seed=run.seed + 1000 * fold + number)
        network, result = fit_tagger(data, kept, config, own, measure)
        found.append(network.cpu())
        epochs.append(result.best_epoch)
    return tuple(found), epochs


def choose_share(
    plain: FloatArray, network: FloatArray, labels: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[float, dict[str, float]]:
    """How much of the network's logits to mix in for the best macro AP, and what each alone and the mix are worth.

    0 unless the gain is above twice its own standard error (bootstrap over tracks): on few tracks a lead is mostly
    luck, the more so as the network stopped learning when it was best on them. Else the lowest share whose figure is
    within one standard error of the best, or the network alone where that is no worse.
    """
    alone = Ranked.of(plain, labels)
    mixes = {share: Ranked.of(share * network + (1 - share) * plain, labels) for share in _SHARES}
    figures = {share: mean_known(ranked.average_precision()) for share, ranked in mixes.items()}
    best = max(figures, key=lambda share: figures[share])
    resamples = (resample(len(labels), rng) for _ in range(_RESAMPLES))
    gains = [mean_known(mixes[best].average_precision(w) - alone.average_precision(w)) for w in resamples]
    error, worth = float(np.std(gains)), mean_known(alone.average_precision())
    share = 0.0
    if figures[best] - worth > 2 * error:
        share = min(share for share in _SHARES if figures[share] >= figures[best] - error)
        share = 1.0 if figures[1.0] >= figures[share] else share  # the regressions then need not be asked
    return share, {"plain": worth, "network": figures[1.0], "mix": figures.get(share, worth)}
