"""The next click on a news site, beside the anchors: `python -m benchmarks.news [--validation]`.

Clicks of 48 hours go through ingest into a graph, in a folder that is kept (`--data-dir`). The model is fitted on the
first 36 hours and judged on the last 12; with `--validation`, on which settings are chosen, fitted on the first 24 and
judged on hours 24 to 36. `speed` measures answers.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.datasets import DEFAULT_DATA, find_file
from kindred.features.click_log import ClickLog
from kindred.ingest.feed import click_files
from kindred.recommenders.feed.click_evaluation import judge_clicks
from kindred.recommenders.feed.click_model import ClickScorer, fit_click_model
from kindred.recommenders.feed.tables import read_clicks, read_feed
from kindred.settings import load_settings
from kindred.steps import ingest
from kindred.stores import graph_to_read

FOLDER, FILE = "news_clicks_globo_48h", "clicks.parquet"
HOUR = 3_600_000
ANCHORS = (
    "recent popularity (half-life 3 min) .485 / .308",
    "transitions from the last click + 30 × popularity (15 min) .513 / .336; + LambdaRank .538 [.525, .550] / .350",
    "wanted .560 / .365, candidates that hold 95 %, .005 lost when counts are 60 s old",
)


def main() -> None:
    """Prints the table, or how long answers take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="?", choices=("order", "speed"), default="order")
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--data-dir", type=Path, default=Path("data/benchmarks/news"))
    options = parser.parse_args()
    log = read_log(options.data, options.data_dir)
    if options.which == "speed":
        _speed(log)
        return
    begin, end = (24, 36) if options.validation else (36, 48)
    known = log.until(int(log.at[0]) + end * HOUR)
    report = judge_clicks(known, int(log.at[0]) + begin * HOUR, 0)
    print(f"== hours {begin} to {end}", *report["summary"], "", sep="\n")
    if not options.validation:
        print(*(f"anchor: {line}" for line in ANCHORS), sep="\n")


def read_log(data: Path, folder: Path) -> ClickLog:
    """The clicks, from the graph in the folder, into which they are loaded the first time."""
    settings = load_settings(data_dir=folder)
    if not folder.exists():
        ingest(settings, click_files([find_file(data, FOLDER, FILE)]))
    with graph_to_read(settings) as store:
        feed = read_feed(store)
        return read_clicks(store, feed.readers, feed.posts)


def _speed(log: ClickLog) -> None:
    model = fit_click_model(log, int(log.at[-1]) + 1, 0)
    scorer = ClickScorer(log)
    rng = np.random.default_rng(0)
    took = []
    for row in rng.integers(len(log) // 2, len(log), 300).tolist():
        begin = time.process_time()
        asked, found = scorer.asked(log.reader[[row]], log.at[[row]])
        scorer.scores(model, asked, found)
        took.append(1000 * (time.process_time() - begin))
    p50, p99 = np.quantile(took, [0.5, 0.99])
    print(f"an answer among {log.num_articles:,} articles: p50 {p50:.1f} ms, p99 {p99:.1f} ms CPU")


if __name__ == "__main__":
    main()
