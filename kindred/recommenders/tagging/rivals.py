"""What a tagger has to beat: nothing known, neighbours, regressions and networks that only see the mean of frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.special import expit

from kindred.domain.embeddings import unit_rows
from kindred.domain.frames import Frames
from kindred.domain.interactions import BoolArray, FloatArray, IntArray
from kindred.evaluation.tagging import macro_ap
from kindred.linear.tags.plain_tagger import PlainTagger, fit_plain_tagger
from kindred.models.sequence_tagger import TaggerConfig
from kindred.models.sequence_tagger_fit import WATCHED, TaggedFrames, fit_tagger, tagger_logits
from kindred.training.fit import RunOptions

_NEIGHBOURS = 20
_SHARPNESS = 5.0
"""How much more a neighbour counts that is nearer: its weight is e to this times its cosine."""
_HELD = 8
_CO_OCCURRENCE = 0.2
_ROWS = 1024


def rival_scores(
    data: TaggedFrames, known: IntArray, asked: IntArray, config: TaggerConfig, run: RunOptions
) -> Mapping[str, FloatArray]:
    """Scores of the tracks asked about, by rivals that learn from the tracks known, `[num_asked, num_tags]` each."""
    labels = data.labels[known].toarray().astype(bool)
    plain = fit_plain_tagger(data.frames, data.labels, known, np.random.default_rng(run.seed))
    prior = np.tile(labels.mean(0), (len(asked), 1)).astype(np.float32)
    logistic = plain.models[0].logits(plain.means(data.frames, asked)[0])
    return {
        "random": np.zeros_like(prior),
        "most frequent": prior,
        "kNN of tracks": _neighbours(plain, data.frames, known, asked, labels.astype(np.float32)),
        "mean-pool logistic": logistic,
        "co-occurrence": _spread(logistic, labels),
        "regressions": plain.logits(data.frames, asked),
        "mean-pool MLP": network_scores(data, known, asked, config.model_copy(update={"encoder": "mean"}), run),
    }


def network_scores(
    data: TaggedFrames, known: IntArray, asked: IntArray, config: TaggerConfig, run: RunOptions
) -> FloatArray:
    """Scores of a single network that stops learning by an eighth of the tracks known, `[num_asked, num_tags]`."""
    order = np.random.default_rng(run.seed).permutation(known)
    held, kept = np.sort(order[: len(order) // _HELD]), np.sort(order[len(order) // _HELD :])
    wanted = data.labels[held].toarray().astype(bool)
    own = replace(run, folder=run.folder / f"rival-{config.encoder}")
    network, _ = fit_tagger(
        data,
        kept,
        config,
        own,
        lambda net: {WATCHED: macro_ap(tagger_logits(net, data.frames, held, config), wanted)},
    )
    return tagger_logits(network, data.frames, asked, config)


def _neighbours(plain: PlainTagger, frames: Frames, known: IntArray, asked: IntArray, labels: FloatArray) -> FloatArray:
    """Tags of the tracks that sound most alike, the nearer the more."""
    ours, theirs = (unit_rows(plain.vectors(frames, rows)) for rows in (asked, known))
    count = min(_NEIGHBOURS, len(known))
    scores = np.empty((len(asked), labels.shape[1]), dtype=np.float32)
    for start in range(0, len(asked), _ROWS):
        cosine = ours[start : start + _ROWS] @ theirs.T
        nearest = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        weight = np.exp(_SHARPNESS * np.take_along_axis(cosine, nearest, 1))
        weight /= weight.sum(1, keepdims=True)
        scores[start : start + _ROWS] = np.einsum("rk,rkt->rt", weight, labels[nearest])
    return scores


def _spread(logits: FloatArray, labels: BoolArray) -> FloatArray:
    """Probabilities of the regression, and some of what each tag says of those that it comes with."""
    probability = expit(logits)
    together = labels.T.astype(np.float32) @ labels.astype(np.float32)
    share = together / np.maximum(np.diag(together)[:, None], 1)
    np.fill_diagonal(share, 0.0)
    spread: FloatArray = (probability + _CO_OCCURRENCE * probability @ share).astype(np.float32)
    return spread
