"""The order of a feed's posts, beside the anchors: `python -m benchmarks.posts samples|simulator|speed`.

* `samples`: two samples of a student network's feed. 50k: views of 114 readers, learned before 2021-12-01. 100k: one
  evening of 3,960 readers, learned before 22:30; almost all of them are new.
* `simulator`: the generated feed, whose truth is known, through ingest and graph; into a folder that is kept
  (`--data-dir`).
* `speed`: scoring all posts of the 50k sample for one reader at one time.

The samples have no texts: vectors of the posts that come with them stand in, and the topic's number for its name.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import DEFAULT_DATA, find_file
from kindred.evaluation.report import Report
from kindred.features.feed_log import FeedLog
from kindred.ingest.feed import post_files
from kindred.ingest.generate.feed import FeedSample, generate_feed
from kindred.recommenders.feed.evaluation import KNOWN_SHARE, generated_truth, judge_feed
from kindred.recommenders.feed.model import TEST, FeedScorer, fit_feed_model, score
from kindred.recommenders.feed.tables import read_feed
from kindred.settings import load_settings
from kindred.steps import ingest
from kindred.stores import graph_to_read

FOLDER = "social_feed_samples"
SAMPLES = {
    "50k": ("feed_sample_50k_b.csv.gz", datetime(2021, 12, 1, tzinfo=UTC)),
    "100k": ("feed_sample_100k_a.csv.gz", datetime(2021, 12, 29, 22, 30, tzinfo=UTC)),
}
ANCHORS = {
    "50k": (
        "best of about 20 plain models, both times together: slate-AUC .556 [.537, .574], hit@5 .620 [.578, .659]",
        "reader-topic lift alone .545 / .623; random .500 / .535; wanted .570 / .640",
        "ROC-AUC over impressions .675 [.658, .692], wanted .690; matched .174 [.154, .193], wanted .180",
    ),
    "100k": ("best of about 20 plain models, after 10 views: slate-AUC .524 [.510, .536]; wanted .530",),
}


def main() -> None:
    """Prints the table that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("samples", "simulator", "speed"))
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--data-dir", type=Path, default=Path("data/benchmarks"))
    parser.add_argument("--users", type=int, default=5000)
    parser.add_argument("--posts", type=int, default=1500)
    parser.add_argument("--events", type=int, default=300_000)
    options = parser.parse_args()
    if options.which == "samples":
        for name, (file, since) in SAMPLES.items():
            log, vectors = read_sample(options.data, file)
            _print(f"{name} sample", judge_feed(log, vectors, int(since.timestamp()), 0), ANCHORS[name])
    elif options.which == "simulator":
        sample = FeedSample(options.users, options.posts, options.events)
        wanted = "wanted: 60 % of the oracle's lift, test above control with the interval"
        _print("simulator", _simulator(sample, options.data_dir / f"feed-{options.events}"), (wanted,))
    else:
        _speed(*read_sample(options.data, SAMPLES["50k"][0]))


def _print(name: str, report: Report, anchors: Sequence[str]) -> None:
    print(f"== {name}", *report["summary"], "", *(f"anchor: {line}" for line in anchors), "", sep="\n", flush=True)


def read_sample(data: Path, file: str) -> tuple[FeedLog, NDArray[np.float32]]:
    """The views of a sample, oldest first, and vectors of its posts.

    Posts without features have no topic. The two topics that differ in the fifth decimal of their number stay two.
    """
    name_of: dict[int, str] = {}
    vector_of: dict[int, list[float]] = {}
    with gzip.open(find_file(data, FOLDER, "post_features_extended.csv.gz"), "rt") as rows:
        for post, topic, *values in list(csv.reader(rows))[1:]:
            name_of[int(post)], vector_of[int(post)] = topic, [float(value) for value in values]
    with gzip.open(find_file(data, FOLDER, file), "rt") as rows:
        views = [row for row in csv.DictReader(rows) if row["action"] == "view"]
    posts = sorted({*name_of, *(int(row["post_id"]) for row in views)})
    names = sorted(set(name_of.values()))
    of_post = np.array([names.index(name_of[n]) if n in name_of else len(names) for n in posts])
    vectors = np.zeros((len(posts), len(next(iter(vector_of.values())))), dtype=np.float32)
    for position, number in enumerate(posts):
        if number in vector_of:
            vectors[position] = vector_of[number]
    users, reader = np.unique([int(row["user_id"]) for row in views], return_inverse=True)
    shown = np.searchsorted(posts, [int(row["post_id"]) for row in views])
    at = np.array([int(datetime.fromisoformat(row["timestamp"] + "+00:00").timestamp()) for row in views])
    liked = np.array([row["target"] == "1" for row in views])
    order = np.lexsort((shown, reader, at))
    group = np.zeros(len(users) + 1, dtype=np.int64)
    return FeedLog(reader[order], shown[order], at[order], liked[order], of_post, group, len(names), 1), vectors


def _simulator(sample: FeedSample, folder: Path) -> Report:
    settings = load_settings(data_dir=folder)
    if not folder.exists():
        with TemporaryDirectory() as temporary:
            made = generate_feed(sample, Path(temporary))
            ingest(settings, post_files(made.users, made.posts, [made.feed]))
    with graph_to_read(settings) as store:
        feed = read_feed(store)
    since = int(feed.log.at[int(len(feed.log) * KNOWN_SHARE)])
    return judge_feed(feed.log, feed.text, since, 0, generated_truth(feed))


def _speed(log: FeedLog, vectors: NDArray[np.float32]) -> None:
    model = fit_feed_model(log, vectors, int(log.at[-1]) + 1, 0)
    scorer = FeedScorer(log, model.spaces)
    rng = np.random.default_rng(0)
    took = []
    for reader in rng.integers(0, log.num_readers, 300).tolist():
        at = int(rng.integers(log.at[0], log.at[-1]))
        begin = time.process_time()
        score(model, TEST, scorer.all_posts(TEST, reader, at))
        took.append(1000 * (time.process_time() - begin))
    p50, p99 = np.quantile(took, [0.5, 0.99])
    print(f"scoring {log.num_posts:,} posts: p50 {p50:.2f} ms, p99 {p99:.2f} ms CPU; wanted 5 and 30")


if __name__ == "__main__":
    main()
