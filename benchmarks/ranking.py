"""The ranking lab: the ensemble, every baseline and the published anchors side by side, on one split in one run.

    python -m benchmarks.ranking DATASET [--protocol random|last] [--seeds N] [--no-text] [--models NAME …] [--json]

Full catalogue, seen items removed, ties by expected rank, paired bootstrap over users. Settings of the ensemble are
its defaults for every data set; only weights of scorers are learned, on events held out of the training data. EASE's
ridge is chosen on validation too, held out of the training data the way the test was; the other baselines have fixed
settings. No test event is looked at before the end. `--seeds N` makes N random splits; where the data set has one
fixed split, it fits the models on it N times, with other random starts and validation folds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks import datasets
from benchmarks.datasets import Split
from benchmarks.ranking_report import ENSEMBLE, Run, Setting, build_report, format_report, peak_gb, reset_peak
from benchmarks.user_knn import fit_user_knn
from kindred.domain.errors import install_hint
from kindred.domain.interactions import FloatArray, Scorer
from kindred.evaluation.metrics import evaluate_ranking
from kindred.linear.baselines import als, ease, lightgcn
from kindred.linear.baselines.gf_cf import fit_gf_cf
from kindred.linear.baselines.lightgcn import LightGCNConfig
from kindred.linear.baselines.neighbours import fit_item_knn
from kindred.linear.baselines.popularity import fit_popularity, fit_random
from kindred.linear.ensemble.fit import RankingConfig, fit_linear_ensemble
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.inputs.event_text import EventText, TextVectors
from kindred.recommenders.baselines import choose_ease_ridge

MAX_EASE_ITEMS = 20_000
"""Above this EASE needs more memory than a laptop has; its published figure stands in."""
FEW_EVENTS = 50_000
ALS_FACTORS = {"gowalla": 512}
"""What the published figure was made with; elsewhere 64 for few events, otherwise 256."""
LISTS = {"gowalla": 20, "lastfm": 20}
"""Ranks counted where they are not 10."""

Fit = Callable[[int], tuple[Scorer, int | None]]
"""From a seed to scores, and the dimensions of the space that is searched for them, None where there is none."""


@dataclass(frozen=True)
class Model:
    """How a model is fitted; `has_seed`: whether another seed gives another one."""

    fit: Fit
    has_seed: bool = False


def main() -> None:
    """Runs one benchmark and prints it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranking", description=__doc__.splitlines()[0])
    parser.add_argument("dataset", choices=["gowalla", "instruments18", "reviews14", "lastfm"])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--protocol", choices=["random", "last"], default="random", help="reviews14 only")
    parser.add_argument("--seeds", type=int, default=1, help="random splits; fits of the models on a fixed split")
    parser.add_argument("--no-text", action="store_true", help="leave review texts out")
    parser.add_argument("--no-ensemble", action="store_true", help="baselines only, so no leads")
    parser.add_argument("--models", nargs="*", help="only these baselines, by name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    splits, texts = read_splits(arguments.dataset, arguments.data, arguments.protocol, arguments.seeds)
    vectors = None if texts is None or arguments.no_text or arguments.no_ensemble else encode_texts(texts)
    setting = setting_of(arguments, splits)
    runs: dict[str, list[Run]] = {}
    for seed in range(arguments.seeds):
        split = splits[seed % len(splits)]
        models = {} if arguments.no_ensemble else ensemble_models(split, vectors)
        models |= baseline_models(split, arguments.dataset, arguments.models)
        for name, model in models.items():
            is_known = len(splits) == 1 and name in runs and not model.has_seed
            runs.setdefault(name, []).append(runs[name][0] if is_known else measure(model, split, setting.k, seed))
    report = build_report(setting, runs)
    print(json.dumps(asdict(report)) if arguments.json else format_report(report))


def read_splits(dataset: str, data: Path, protocol: str, seeds: int) -> tuple[list[Split], list[str] | None]:
    """The train/test splits of a data set, and the review texts that `edge_index` points to, if there are any."""
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


def setting_of(arguments: argparse.Namespace, splits: list[Split]) -> Setting:
    """What all lines of the report have in common."""
    dataset, split = arguments.dataset, splits[0].name
    if len(splits) > 1:
        split += f" and {len(splits) - 1} more seeds"
    elif arguments.seeds > 1:
        split += f", one split; {arguments.seeds} seeds of the models on it (random starts, validation folds)"
    key = f"{dataset} {arguments.protocol}" if dataset == "reviews14" else dataset
    return Setting(key, split, splits[0].temporal, splits[0].train.num_items, LISTS.get(dataset, 10))


def encode_texts(texts: list[str]) -> FloatArray:
    """MiniLM vector of each text, `[num_texts, 384]`; each is encoded by itself, so no split leaks into another's."""
    from kindred.features.text import open_text_encoder

    return open_text_encoder().encode(texts).astype(np.float32)


def measure(model: Model, split: Split, k: int, seed: int) -> Run:
    """The model fitted on the known events and ranked on the test events."""
    reset_peak()
    start = time.process_time()
    scorer, width = model.fit(seed)
    seconds = time.process_time() - start
    result = evaluate_ranking(scorer, split.test, split.train, ks=(k,))
    return Run(result, seconds, peak_gb(), width)


def ensemble_models(split: Split, vectors: FloatArray | None) -> dict[str, Model]:
    """The ensemble; where there is text, without it too."""
    models = {ENSEMBLE: Model(lambda seed: fit_ensemble(split, vectors, seed), has_seed=True)}
    if vectors is not None:
        models[f"{ENSEMBLE} without text"] = Model(lambda seed: fit_ensemble(split, None, seed), has_seed=True)
    return models


def fit_ensemble(split: Split, vectors: FloatArray | None, seed: int) -> tuple[Scorer, int]:
    """The ensemble's scores and its width; says on stderr what weights validation gave."""
    rows = split.train.edge_index
    text = None if vectors is None or rows is None else TextVectors(EventText.of(vectors[rows]))
    ensemble: LinearEnsemble = fit_linear_ensemble(split.train, RankingConfig(temporal=split.temporal), seed, text)
    users = ensemble.encode_users(split.train, None if text is None else text.events)
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in ensemble.scorer_weights.items() if weight > 0)
    print(f"{split.name}: {weights}", file=sys.stderr, flush=True)
    return lambda batch: users[batch] @ ensemble.items.T, ensemble.items.shape[1]


def baseline_models(split: Split, dataset: str, wanted: Collection[str] | None) -> dict[str, Model]:
    """What runs in the time and memory of a laptop; of these only the wanted ones."""
    train = split.train
    models = {
        "random": Model(lambda seed: (fit_random(train, seed), None), has_seed=True),
        "popularity": Model(lambda _: (fit_popularity(train), None)),
        "itemKNN": Model(lambda _: (fit_item_knn(train), None)),
        "userKNN": Model(lambda _: (fit_user_knn(train), None)),
        "GF-CF": Model(lambda _: (fit_gf_cf(train), None)),
    }
    if train.num_items <= MAX_EASE_ITEMS:
        models["EASE"] = Model(lambda seed: (fit_ease(split, seed), None), has_seed=not split.temporal)
    config = LightGCNConfig(epochs=200 if len(train) < FEW_EVENTS else 40)
    models["LightGCN"] = Model(lambda seed: fit_lightgcn(split, config, seed), has_seed=True)
    factors = 64 if len(train) < FEW_EVENTS else ALS_FACTORS.get(dataset, 256)
    models["ALS"] = Model(lambda seed: fit_als(split, factors, seed), has_seed=True)
    models = {name: model for name, model in models.items() if wanted is None or name in wanted}
    if "ALS" in models and find_spec("implicit") is None:
        print(f"ALS is left out: `{install_hint('als')}` brings the package implicit", file=sys.stderr)
        del models["ALS"]
    return models


def fit_ease(split: Split, seed: int) -> Scorer:
    """EASE's scores; says on stderr what ridge validation chose."""
    fold = datasets.split_last(split.train) if split.temporal else datasets.split_random(split.train, seed)
    ridge = choose_ease_ridge(fold.train, fold.test)
    print(f"{split.name}: EASE with ridge {ridge:g}", file=sys.stderr, flush=True)
    return ease.fit_ease(split.train, ridge)


def fit_lightgcn(split: Split, config: LightGCNConfig, seed: int) -> tuple[Scorer, int]:
    """LightGCN's scores and its width."""
    return lightgcn.fit_lightgcn(split.train, config, seed), config.embedding_dim


def fit_als(split: Split, factors: int, seed: int) -> tuple[Scorer, int]:
    """Scores of weighted matrix factorisation and its width."""
    return als.fit_als(split.train, seed, factors), factors


if __name__ == "__main__":
    main()
