"""Tags from other tags on the real lists, beside the anchors: `python -m benchmarks.tag_lists [--seeds N]`.

A tenth of the 51,134 lists is held out at random. Of each that has two tags or more every tag is seen with probability
.5, at least one and not all of them; what is hidden is to be found. Four in five of these lists occur whole in
training: new lists, which do not, are reported apart. The tail is the third of the tags that have fewest tracks.
Settings are chosen on lists held out of the training part, never on these.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.datasets import DEFAULT_DATA, find_file
from kindred.domain.interactions import BoolArray, FloatArray
from kindred.evaluation.tagging import average_precision, mean_known
from kindred.linear.algebra.ridge import ease_weights
from kindred.linear.inputs.known_items import co_occurrence
from kindred.models.tag_graph import tag_chances
from kindred.recommenders.tagging.completion import TagCompletion, fit_tag_completion, mixed, partly_seen
from kindred.training.fit import RunOptions

NUM_TAGS, K = 256, 5
RIDGE = 200.0
ANCHORS = {
    "popularity": (0.008, 0.316),
    "co-occurrence": (0.120, 0.542),
    "EASE": (0.145, 0.582),
    "denoising MLP": (0.170, 0.608),
    "wanted of the label graph": (0.180, 0.620),
}
"""Macro AP and recall@5 as measured elsewhere, on another sample of what is seen."""
WANTED = "new lists ≥ .480 recall@5 (EASE .438 there), tail ≥ .130 macro AP"


def main() -> None:
    """Prints the table of each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    lists = read_lists(find_file(options.data, "music_tags_yandex_cup_2023", "train.csv.gz"))
    for name, figures in ANCHORS.items():
        print(f"anchor {name:28} macro AP {figures[0]:.3f}  R@5 {figures[1]:.3f}")
    print(f"wanted: {WANTED}")
    for seed in range(options.seeds):
        compare(lists, seed)


def read_lists(path: Path) -> BoolArray:
    """The tags of every track, `[num_tracks, num_tags]`."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [[int(tag) for tag in row[1].split(",")] for row in list(csv.reader(file))[1:]]
    lists = np.zeros((len(rows), NUM_TAGS), dtype=np.bool_)
    for row, tags in zip(lists, rows, strict=True):
        row[tags] = True
    return lists


def compare(lists: BoolArray, seed: int) -> None:
    """Prints what each model finds of what is hidden."""
    rng = np.random.default_rng([9, seed])
    order = rng.permutation(len(lists))
    learned, held = lists[order[len(lists) // 10 :]], lists[order[: len(lists) // 10]]
    held = held[held.sum(axis=1) > 1]
    seen = partly_seen(held, rng)
    known = {row.tobytes() for row in np.packbits(learned, axis=1)}
    new = np.array([row.tobytes() not in known for row in np.packbits(held, axis=1)])
    tail = np.argsort(learned.sum(axis=0), kind="stable")[: NUM_TAGS // 3]
    began = time.process_time()
    with TemporaryDirectory() as folder:
        completion = fit_tag_completion(csr_matrix(learned), RunOptions(Path(folder), seed))
    fitted = time.process_time() - began
    print(f"\nseed {seed}: {len(held):,} lists, {new.mean():.0%} of them new; {completion.mixture}, {fitted:.0f} CPU-s")
    for name, scores in _scores(completion, learned, seen):
        hidden, scores = held & ~seen, np.where(seen, np.float32(-1.0), scores)
        by_tag, found = average_precision(scores, hidden), _recall(scores, hidden)
        print(
            f"{name:22} macro AP {mean_known(by_tag):.4f}  tail {mean_known(by_tag[tail]):.4f}  R@5 {found.mean():.4f}"
            f"  new lists {found[new].mean():.4f}  known {found[~new].mean():.4f}"
        )
    chances = completion.chances(seen)
    child, parent = np.nonzero(completion.parents)
    wrong = int((chances[:, child] > chances[:, parent]).sum())
    print(f"{completion.parents.any(axis=1).sum()} tags have a parent; children likelier than theirs: {wrong}")


def _scores(completion: TagCompletion, learned: BoolArray, seen: BoolArray) -> Iterator[tuple[str, FloatArray]]:
    """Scores of each model, `[num_lists, num_tags]`."""
    given = seen.astype(np.float32)
    yield "popularity", np.tile(learned.mean(axis=0, dtype=np.float32), (len(seen), 1))
    together = co_occurrence(csr_matrix(learned, dtype=np.float32))
    shares = together / together.diagonal()[:, None]
    yield "co-occurrence", (given @ (shares - np.eye(NUM_TAGS, dtype=np.float32))).astype(np.float32)
    yield "EASE", (given @ ease_weights(together, RIDGE)).astype(np.float32)
    exact = completion.lists.completed(seen, completion.mixture.miss)
    yield "known lists", exact
    assert completion.network is not None
    network = tag_chances(completion.network, seen)
    yield "network over tags", network
    yield "both", mixed(exact, network, completion.mixture.network)
    yield "both, parents raised", completion.chances(seen)


def _recall(scores: FloatArray, hidden: BoolArray) -> FloatArray:
    """Share of what is hidden of each list among the five best, `[num_lists]`."""
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    found = np.take_along_axis(hidden, best, axis=1).sum(axis=1) / hidden.sum(axis=1)
    share: FloatArray = found.astype(np.float32)
    return share


if __name__ == "__main__":
    main()
