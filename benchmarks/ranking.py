"""The ranking lab: the core, every baseline and the published anchors side by side, on one split in one run.

    python -m benchmarks.ranking DATASET [--protocol random|last] [--seeds N] [--no-text] [--json]

Full catalogue, seen items removed, ties by expected rank, paired bootstrap over users. Settings of the core are its
defaults for every data set; only block weights are learned, on events cut from the training data. No test event is
looked at before the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import datasets
from benchmarks.datasets import Split
from kindred.domain.interactions import FloatArray
from kindred.evaluation import baselines
from kindred.evaluation.bootstrap import Interval, paired_bootstrap
from kindred.evaluation.metrics import RankingResult, Scorer, catalogue_coverage, evaluate_ranking, exposure_gini
from kindred.gnn.propagation import interaction_matrix
from kindred.gnn.ranking_core import RankingConfig, RankingCore, TextVectors, fit_ranking_core

CORE = "kindred"
ANCHORS = {
    "gowalla": "pop .0416/.0317 · ALS-512 .1697/.1375 · EASE .1765/.1467 · LightGCN .1830/.1554 · GF-CF .1849/.1518 · "
    "UltraGCN .1862/.1580 · SimpleX .1872/.1557 · BSPM .1920/.1597",
    "instruments18": "pop .0509/.0330 · itemKNN .1258/.0978 · EASE .1369/.1039",
    "reviews14 random": "pop .0973/.0559 · itemKNN .1308/.0776 · EASE .1455/.0882 · EASE + text .1561/.0922",
    "reviews14 last": "pop .0777/.0437 · EASE .1274/.0670 · EASE + text + pop .1337/.0677",
    "lastfm": "none on this split: compare with the baselines of this run",
}
MAX_EASE_ITEMS = 20_000
"""Above this EASE needs more memory than a laptop has; its published figure stands in."""


@dataclass(frozen=True)
class Run:
    """One model on one split."""

    result: RankingResult
    fit_cpu_seconds: float
    width: int | None


def main() -> None:
    """Runs one benchmark and prints it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranking", description=__doc__.splitlines()[0])
    parser.add_argument("dataset", choices=["gowalla", "instruments18", "reviews14", "lastfm"])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--protocol", choices=["random", "last"], default="random", help="reviews14 only")
    parser.add_argument("--seeds", type=int, default=1, help="number of random splits")
    parser.add_argument("--no-text", action="store_true", help="leave review texts out")
    parser.add_argument("--models", nargs="*", help="only these baselines, by name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    splits, texts = read_splits(arguments.dataset, arguments.data, arguments.protocol, arguments.seeds)
    vectors = None if texts is None or arguments.no_text else encode_texts(texts)
    k = 20 if arguments.dataset in ("gowalla", "lastfm") else 10
    runs: dict[str, list[Run]] = {}
    for seed, split in enumerate(splits):
        for name, run in run_models(split, vectors, k, seed, arguments.models).items():
            runs.setdefault(name, []).append(run)
    report = build_report(arguments, splits, runs, k)
    print(json.dumps(report) if arguments.json else format_report(report))


def read_splits(dataset: str, data: Path, protocol: str, seeds: int) -> tuple[list[Split], list[str] | None]:
    """The train/test cuts of a data set, and the review texts that `edge_index` points to, if there are any."""
    if dataset == "gowalla":
        return [datasets.read_gowalla(data)], None
    if dataset == "instruments18":
        return [datasets.split_last(datasets.read_instruments18(data))], None
    if dataset == "lastfm":
        listens, _ = datasets.read_lastfm(data)
        return [datasets.split_random(listens, seed) for seed in range(seeds)], None
    reviews = datasets.read_reviews14(data)
    if protocol == "last":
        return [datasets.split_last(reviews.interactions)], reviews.texts
    return [datasets.split_random(reviews.interactions, seed) for seed in range(seeds)], reviews.texts


def encode_texts(texts: list[str]) -> FloatArray:
    """MiniLM vector of each text, `[num_texts, 384]`; each is encoded by itself, so no split leaks into another's."""
    from kindred.features.text import open_text_encoder

    return open_text_encoder().encode(texts).astype(np.float32)


def run_models(split: Split, vectors: FloatArray | None, k: int, seed: int, wanted: list[str] | None) -> dict[str, Run]:
    """The core and the baselines, fitted and measured one after the other."""
    runs = {CORE: _run_core(split, vectors, k, seed)}
    if vectors is not None:
        runs[f"{CORE} without text"] = _run_core(split, None, k, seed)
    for name, fit in _baselines(split, seed).items():
        if wanted is None or name in wanted:
            start = time.process_time()
            scorer = fit()
            runs[name] = Run(_measure(scorer, split, k), time.process_time() - start, None)
    return runs


def _run_core(split: Split, vectors: FloatArray | None, k: int, seed: int) -> Run:
    start = time.process_time()
    rows = split.train.edge_index
    text = None if vectors is None or rows is None else TextVectors(vectors[rows])
    core: RankingCore = fit_ranking_core(split.train, RankingConfig(temporal=split.temporal), seed, text)
    users = core.encode_users(split.train, None if text is None else text.events)
    seconds = time.process_time() - start
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in core.block_weights.items() if weight > 0)
    print(f"{split.name}: {weights}", file=sys.stderr, flush=True)
    return Run(_measure(lambda batch: users[batch] @ core.items.T, split, k), seconds, core.items.shape[1])


def _baselines(split: Split, seed: int) -> dict[str, Callable[[], Scorer]]:
    """What runs in the time and memory of a laptop."""
    train = split.train
    fits: dict[str, Callable[[], Scorer]] = {
        "random": lambda: baselines.fit_random(train, seed),
        "popularity": lambda: baselines.fit_popularity(train),
        "itemKNN": lambda: baselines.fit_item_knn(train),
        "userKNN": lambda: baselines.fit_user_knn(train),
        "GF-CF": lambda: baselines.fit_gf_cf(train),
    }
    if train.num_items <= MAX_EASE_ITEMS:
        fits["EASE"] = lambda: baselines.fit_ease(train)
    config = baselines.LightGCNConfig(epochs=200 if len(train) < 50_000 else 40)
    fits["LightGCN"] = lambda: baselines.fit_lightgcn(train, interaction_matrix(train, 0.5, 0.5), config, seed)
    return fits


def _measure(scorer: Scorer, split: Split, k: int) -> RankingResult:
    return evaluate_ranking(scorer, split.test, split.train, ks=(k,))


def build_report(
    arguments: argparse.Namespace, splits: list[Split], runs: dict[str, list[Run]], k: int
) -> dict[str, object]:
    """Means over splits, and the core's paired lead over each other model with its interval over users."""
    key = f"{arguments.dataset} {arguments.protocol}" if arguments.dataset == "reviews14" else arguments.dataset
    models = []
    for name, fitted in runs.items():
        row: dict[str, object] = {"model": name}
        for metric in (f"recall@{k}", f"ndcg@{k}"):
            row[metric] = float(np.mean([run.result.means[metric] for run in fitted]))
            row[f"lead {metric}"] = None if name == CORE else str(_lead(runs[CORE], fitted, metric))
        row["fit CPU-s"] = float(np.mean([run.fit_cpu_seconds for run in fitted]))
        row["width"] = fitted[0].width
        num_items = splits[0].train.num_items
        row["coverage"] = float(np.mean([catalogue_coverage(run.result.top_items, num_items) for run in fitted]))
        row["Gini"] = float(np.mean([exposure_gini(run.result.top_items, num_items) for run in fitted]))
        models.append(row)
    return {
        "dataset": arguments.dataset,
        "split": splits[0].name if len(splits) == 1 else f"{splits[0].name} and {len(splits) - 1} more seeds",
        "seen items": "removed",
        "settings": "defaults for all data sets; block weights learned on events cut from train "
        + ("(each user's last)" if splits[0].temporal else "(random share)"),
        "models": models,
        "anchors": ANCHORS[key],
        "peak memory of the process, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def _lead(core: list[Run], other: list[Run], metric: str) -> Interval:
    """Paired interval of the core's lead, each user's mean over the splits that hold out one of their events."""
    size = max(int(run.result.users.max()) for run in core) + 1
    totals, counts = np.zeros((2, size)), np.zeros(size)
    for mine, theirs in zip(core, other, strict=True):
        users = mine.result.users
        totals[0, users] += mine.result.per_user[metric]
        totals[1, users] += theirs.result.per_user[metric]
        counts[users] += 1
    means = totals[:, counts > 0] / counts[counts > 0]
    return paired_bootstrap(means[0], means[1], np.random.default_rng(0))


def format_report(report: dict[str, object]) -> str:
    """The report as lines of text."""
    lines = [f"{name}: {value}" for name, value in report.items() if name != "models"]
    models = report["models"]
    if not isinstance(models, list):
        raise TypeError(f"a report holds a list of models, got {type(models).__name__}")
    for row in models:
        cells = [
            f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()
        ]
        lines.append("  ".join(cell for cell in cells if not cell.endswith(" None")))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
