"""Judges how well lists of tags are completed, where no track was heard: what is hidden of some is to be found.

A fifth of the tracks is held out. Of each that has two tags or more every tag is seen with the same chance, at least
one and not all of them; the others are to be found among the tags that are not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from kindred.domain.errors import RecordError
from kindred.domain.interactions import BoolArray, FloatArray
from kindred.evaluation.tagging import average_precision, mean_known
from kindred.evaluation.tagging_report import Report, Tagged, tagging_lines, tagging_report
from kindred.linear.algebra.ridge import ease_weights
from kindred.linear.inputs.known_items import co_occurrence
from kindred.recommenders.tagging.completion import fit_tag_completion, partly_seen
from kindred.training.fit import RunOptions

HELD_OUT = 0.2
_FEWEST = 40
_RIDGES = (2.0, 20.0, 200.0, 2_000.0)
_LIKELY = 0.5


def completion_report(labels: csr_matrix, tags: Sequence[str], run: RunOptions) -> Report:
    """Figures of what completes lists of tags, beside how frequent tags are, what comes together and EASE.

    Args:
        labels: which track has which tag, `[num_tracks, num_tags]`.
        tags: names.
        run: folder, seed, device.

    Raises:
        RecordError: too few tracks have two tags.
    """
    rng = np.random.default_rng([9, run.seed])
    known, lists = _held_out(labels[np.flatnonzero(np.diff(labels.indptr))], rng)
    if len(lists) < _FEWEST:
        raise RecordError(
            f"of the tracks held out {len(lists)} have two tags or more, {_FEWEST} are wanted to hide some of them",
            "load more with `kindred ingest tags --tags FILE`, or tracks that are heard: --frames PATH",
        )
    seen = partly_seen(lists, rng)
    chances = fit_tag_completion(known, run).chances(seen)
    rivals = {name: np.where(seen, np.float32(-1), scores) for name, scores in _rivals(known, seen, rng).items()}
    frequency = np.asarray(known.sum(0)).ravel()
    said = (chances >= _LIKELY) & ~seen
    tagged = Tagged(tags, lists & ~seen, frequency, np.where(seen, np.float32(-1), chances), said, rivals)
    report = tagging_report(tagged, np.random.default_rng(0))
    report["figures"] = {name: report["model"][name] for name in ("macro_ap", "micro_ap")}
    lines = [line for line in tagging_lines(report) if "thresholds" not in line]  # a threshold needs tracks heard
    report["summary"] = ["no track was heard: lists of tags of which a part is seen, and the rest to be found", *lines]
    return report


def _held_out(listed: csr_matrix, rng: np.random.Generator) -> tuple[csr_matrix, BoolArray]:
    """Lists to learn from, and those held out that have two tags or more, `[num_lists, num_tags]`."""
    learned, held = np.split(rng.permutation(listed.shape[0]), [round(listed.shape[0] * (1 - HELD_OUT))])
    lists = listed[held].toarray().astype(np.bool_)
    return listed[learned], lists[lists.sum(axis=1) > 1]


def _rivals(known: csr_matrix, seen: BoolArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Scores of others, `[num_lists, num_tags]` each."""
    given = seen.astype(np.float32)
    counts = np.asarray(known.sum(0), dtype=np.float32).ravel()
    together = co_occurrence(known.astype(np.float32))
    shares = together / np.maximum(counts, 1)[:, None]
    np.fill_diagonal(shares, 0)
    return {
        "frequency": np.tile(counts / known.shape[0], (len(seen), 1)),
        "co-occurrence": given @ shares,
        "EASE": given @ ease_weights(together, _best_ridge(known, rng)),
    }


def _best_ridge(known: csr_matrix, rng: np.random.Generator) -> float:
    """The ridge of EASE that completes a fifth of these lists best, having learned from the others."""
    learned, lists = _held_out(known, rng)
    if not len(lists):
        return _RIDGES[-1]
    seen = partly_seen(lists, rng)
    together = co_occurrence(learned.astype(np.float32))

    def worth(ridge: float) -> float:
        scores = np.where(seen, np.float32(-1), seen.astype(np.float32) @ ease_weights(together, ridge))
        return mean_known(average_precision(scores, lists & ~seen))

    return max(_RIDGES, key=worth)
