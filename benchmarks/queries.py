"""Products for search queries, beside the anchors: `python -m benchmarks.queries esci|shop|scale`.

* `esci`: 150 judged queries, all 6,764 products ranked. Without training, and in five folds by query: settings, weights
  and towers from 120 queries, judged on the other 30.
* `shop`: generated searches and orders by the protocol of `kindred evaluate --system queries`, with other settings of
  the towers beside.
* `scale`: what one answer costs among 100,000 products (`queries_scale.py`).

The first two go through the graph, like any data, into a folder that is kept (`--data-dir`), so that texts are encoded
once.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import DEFAULT_DATA, find_file
from benchmarks.queries_scale import measure
from kindred.domain.interactions import FloatArray
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.evaluation.graded import graded_metrics
from kindred.ingest.generate.searches import SearchSample, generate_searches
from kindred.ingest.searches import search_files
from kindred.models.two_tower import TowerConfig
from kindred.recommenders.searching.best_products import best_products
from kindred.recommenders.searching.evaluation import held_out, judge
from kindred.recommenders.searching.histories import Examples, judged_examples
from kindred.recommenders.searching.model import QueryModel, fit_query_model
from kindred.recommenders.searching.product_index import AskedQueries, ProductIndex, Weights
from kindred.recommenders.searching.search_log import SearchLog, read_search_log
from kindred.settings import Settings, load_settings
from kindred.steps import ingest
from kindred.stores import graph_to_read
from kindred.training.fit import RunOptions
from kindred.training.schedule import FitConfig

_DEEPEST = 100
SHOWN = ("ndcg@10", "capped_recall@10", "recall@100")
ANCHORS = {
    "BM25 on titles": (0.554, 0.512, 0.786),
    "BM25 on titles and all text": (0.577, 0.537, 0.840),
    "MiniLM on titles": (0.588, 0.555, 0.854),
    "MiniLM on all text": (0.576, 0.547, 0.864),
    "even mix of the four": (0.609, 0.570, 0.902),
    "wanted of towers": (0.640, 0.600, 0.920),
}
FEW = TowerConfig(
    dropout=0.3,
    hard_negatives=0,
    candidates=8192,
    batch_size=256,
    fit=FitConfig(epochs=3, patience=2, learning_rate=3e-4, warmup_epochs=1, weight_decay=0.1),
)
"""Of a hundred judged queries: a small step away from the text encoder. Set beforehand; what weight the towers get is
fitted."""
FOLDS = 5
Metrics = Mapping[str, NDArray[np.float64]]


def main() -> None:
    """Prints the table that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("esci", "shop", "scale"))
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--data-dir", type=Path, default=Path("data/benchmarks"))
    parser.add_argument("--users", type=int, default=4000)
    parser.add_argument("--products", type=int, default=3000)
    parser.add_argument("--orders", type=int, default=60_000)
    options = parser.parse_args()
    if options.which == "esci":
        _esci(read_esci(options.data, options.data_dir / "esci"))
    elif options.which == "scale":
        measure(SearchSample(500, 100_000, 1_000))
    else:
        sample = SearchSample(options.users, options.products, options.orders)
        _shop(_read_shop(sample, options.data_dir / f"shop-{options.orders}"))


def read_esci(data: Path, folder: Path) -> SearchLog:
    """The judged queries and their products, from the graph that is made of them the first time."""
    names = ("esci_us_judgments.json.gz", "products.jsonl.gz")
    judgments, products = (find_file(data, "product_search_esci_sample", name) for name in names)
    settings = load_settings(data_dir=folder)
    if not folder.exists():
        ingest(settings, search_files(judgments=judgments, products=products))
    return _log(settings)


def _read_shop(sample: SearchSample, folder: Path) -> SearchLog:
    settings = load_settings(data_dir=folder)
    if not folder.exists():
        with TemporaryDirectory() as temporary:
            made = generate_searches(sample, Path(temporary))
            ingest(settings, search_files(made.events, made.orders, None, made.products))
    return _log(settings)


def _log(settings: Settings) -> SearchLog:
    with graph_to_read(settings) as store:
        return read_search_log(store)


def _fit(log: SearchLog, examples: Examples, config: TowerConfig) -> QueryModel:
    with TemporaryDirectory() as folder:
        return fit_query_model(log, examples, config, RunOptions(Path(folder)))[0]


def _esci(log: SearchLog) -> None:
    examples = judged_examples(log)
    print(f"{len(examples)} judged queries, {len(log.products):,} products, all ranked\n")
    print(f"{'':<34}{'nDCG@10':>9}{'capped R@10':>13}{'R@100':>8}")
    for name, figures in ANCHORS.items():
        print(f"{'anchor: ' + name:<34}{figures[0]:>9.3f}{figures[1]:>13.3f}{figures[2]:>8.3f}")
    plain = _fit(log, examples.take(np.zeros(0, np.int64)), FEW)
    one = Weights(words=0, title=0, feedback=0, groups=0)
    variants = {
        "BM25 on titles and all text": replace(one, words=1),
        "MiniLM on titles": replace(one, title=1),
        "even mix, untrained": replace(one, words=1, title=0.5, text=0.5),
        "default weights, untrained": Weights(),
    }
    asked = plain.asked(examples.histories, log.queries)
    for name, weights in variants.items():
        _print(name, graded_metrics(_as_answered(plain.index, asked, weights), examples.gains))
    _folds(log, examples)


def _folds(log: SearchLog, examples: Examples) -> None:
    """Five folds by query; what a fold is judged on was in no fit, no weight and no setting."""
    order = np.random.default_rng(0).permutation(len(examples))
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    for part in np.array_split(order, FOLDS):
        model = _fit(log, examples.take(np.setdiff1d(order, part)), FEW)
        test = examples.take(part)
        asked = model.asked(test.histories, log.queries)
        print(f"  fold: {model.weights}", flush=True)
        alone = Weights(words=0, title=0, feedback=0, groups=0, tower=1)
        for name, weights in (
            ("five folds: fitted", model.weights),
            ("five folds: without towers", replace(model.weights, tower=0)),
            ("five folds: towers alone", alone),
        ):
            metrics = graded_metrics(_as_answered(model.index, asked, weights), test.gains)
            of_name = found.setdefault(name, {key: np.zeros(len(examples)) for key in metrics})
            for key, values in metrics.items():
                of_name[key][part] = values
    for name, metrics in found.items():
        _print(name, metrics)


def _as_answered(index: ProductIndex, asked: AskedQueries, weights: Weights) -> FloatArray:
    """Scores of the best products of each history as they are answered, the others far below, `[num_rows, …]`."""
    scores = np.full((len(asked), len(index)), -np.inf, np.float32)
    everything = np.ones(len(index), np.bool_)
    for row, out in enumerate(scores):
        found = best_products(index, asked.row(row), weights, everything, _DEEPEST)
        out[found.rows] = found.scores
    return scores


def _print(name: str, metrics: Metrics) -> None:
    """A row with its bootstrap interval of nDCG@10."""
    interval = paired_bootstrap(metrics["ndcg@10"], np.zeros(len(metrics["ndcg@10"])), np.random.default_rng(0))
    figures = [float(metrics[key].mean()) for key in SHOWN]
    print(
        f"{name:<34}{figures[0]:>9.3f}{figures[1]:>13.3f}{figures[2]:>8.3f}   "
        f"nDCG 95 % [{interval.low:.3f}, {interval.high:.3f}]",
        flush=True,
    )


def _shop(log: SearchLog) -> None:
    config = TowerConfig()
    variants = {
        "the same, mean of the queries": config.model_copy(update={"pooling": "mean"}),
        "the same, queries side by side": config.model_copy(update={"pooling": "concat"}),
        "the same without the graph": config.model_copy(update={"graph": False}),
        "the same, queries as typed": config.model_copy(update={"spelling": False}),
    }
    with TemporaryDirectory() as folder:
        report = judge(held_out(log), config, variants, RunOptions(Path(folder)))
    print("\n".join(report["summary"]))


if __name__ == "__main__":
    main()
